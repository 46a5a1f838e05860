"""Where issues and readers meet: plan a send, start it on time, and send what goes with it.

plan.py says what a send will do and gates it, planned_readers.py counts its readers, corrections.py finds those of a
correction; campaign_names.py finds the campaign that a user names, priorities.py orders campaigns; scheduler.py starts
what is due, runners.py and shared_runner.py make the runner that fits the database, heartbeat.py says that one lives.
archive_changes.py amends and withdraws pages, restoring.py puts a backup back; push.py takes issues from a repository.
daily.py finds the issue of today, coming.py tells what comes next, complaints.py what readers call spam; alerts.py
mails the editors, report_emails.py a campaign's figures; test_send.py sends marked tests; signup_emails.py compiles
confirmations and welcomes; sunset.py parts with inactive readers.

Belongs here: what needs a built issue and the database. Does not: rendering, the ledger, a command's words.
"""
