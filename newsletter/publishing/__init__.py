"""Where issues and readers meet: plan a send, start it on time, and send what goes with it.

plan.py says what a send will do and gates it; scheduler.py starts what is due, heartbeat.py says that a runner lives;
daily.py finds today's issue, coming.py tells what comes next, complaints.py what readers call spam; alerts.py mails the
editors, report_emails.py a campaign's figures; test_send.py sends marked tests; signup_emails.py compiles confirmations
and welcomes; sunset.py parts with inactive readers.

Belongs here: what needs a built issue and the database. Does not: rendering, the ledger, a command's words.
"""
