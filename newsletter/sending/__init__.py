"""Send campaigns and single emails through a provider, each reader once.

sender.py sends one campaign, worker.py takes its batches from claim to settle; recipients.py reads who gets them.
settlement.py and pacing.py decide what an answer means, circuit_breaker.py what many mean together; rate_gate.py,
rate_limits.py and backoff.py how fast calls leave. lock.py and database_guard.py say who may send at all; recovery.py
and reconcile.py what happens after a crash. transactional_sender.py sends confirmations and welcomes, direct_send.py
tests and notices, through the same gate. job.py is what the threads of a run share; progress_marks.py notes which
messages of a batch are in the air; bench.py and bench_provider.py measure.

Belongs here: threads, waiting, and the order of commits. Does not: the ledger's rows (campaigns), a provider's API.
"""
