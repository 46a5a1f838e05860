"""Send campaigns and single emails through a provider, each reader once.

sender.py decides which campaign goes through whom, worker.py takes a batch from claim to settle, pacing.py,
rate_limits.py and backoff.py decide how fast, lock.py and database_guard.py who may send at all, recovery.py and
reconcile.py what happens after a crash, transactional_sender.py sends confirmations and other single emails.

Belongs here: threads, waiting, and the order of commits. Does not: the ledger's rows (campaigns), a provider's API.
"""
