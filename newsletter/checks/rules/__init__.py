"""The rules of `newsletter check`, one file per family, each with a tuple `RULES`.

Add a rule to its family with an example that fires and one that does not: both become tests and documentation.
A new family gets a line in `checks/catalogue.py`. Rules read and report; they send, store and fetch nothing.
"""
