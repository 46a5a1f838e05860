"""What providers report after sending: keep their calls, apply each event once, and act on bounces and complaints.

receive.py judges a call to a webhook address, one_time_tokens.py its signature's token; calls.py keeps the raw calls,
and erased_calls.py takes readers out of them who were erased; apply.py turns reports into events, and
consequences.py into suppressions and readers off lists; soft_bounces.py counts them, guard.py pauses campaigns with
too many; applier.py does so while a server runs, and replay.py again for kept calls; sync.py fetches providers'
suppression lists. For SMTP, mailbox.py fetches what came back to the return path, bounces.py reads it and read_mail.py
applies it.

Belongs here: from a provider's report to what it changes. Does not: a provider's language (`providers/`), opens and
clicks that our own links report (`campaigns/engagement.py`).
"""
