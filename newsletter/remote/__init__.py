"""A server that holds readers, ledger and keys, as a repository of issues uses it: `newsletter push`.

client.py asks the server; bundle.py builds an issue and puts together what is handed over.

Belongs here: what runs in a checkout, without a database. Does not: what the server does with it (publishing/push.py).
"""
