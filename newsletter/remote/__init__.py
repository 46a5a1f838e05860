"""A server that holds readers, ledger and keys, as a repository of issues uses it: `newsletter push`.

client.py asks the server; bundle.py puts together what is handed over of a built issue; commit_status.py shows at a
commit what became of it.

Belongs here: what runs in a checkout, without a database. Does not: what the server does with it (publishing/push.py).
"""
