"""Where issues and readers meet: plan a send, start it on time, and send what goes with it.

plan.py says what a send will do and gates it, priorities.py which campaign goes first; scheduler.py starts what is
due, shared_runner.py does where several runners share a database, runners.py chooses between the two; heartbeat.py says
that a runner lives; daily.py finds today's issue, complaints.py what readers call spam; alerts.py mails the editors;
test_send.py sends marked tests; signup_emails.py compiles confirmations and welcomes.

Belongs here: what needs a built issue and the database. Does not: rendering, the ledger, a command's words.
"""
