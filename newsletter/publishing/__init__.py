"""Where issues and readers meet: plan a send, start it on time, and send what goes with it.

plan.py says what a send will do and gates it, planned_readers.py counts its readers, corrections.py finds those of a
correction; scheduler.py starts what is due, heartbeat.py says that a runner lives; archive_changes.py amends and
withdraws pages, restoring.py puts a backup back; daily.py finds today's issue, complaints.py what readers call spam;
alerts.py mails the editors; test_send.py sends marked tests; signup_emails.py compiles confirmations and welcomes.

Belongs here: what needs a built issue and the database. Does not: rendering, the ledger, a command's words.
"""
