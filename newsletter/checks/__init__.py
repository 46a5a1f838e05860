"""What `newsletter check` knows: rules with stable ids, one file per family, and who asks them.

A family is a module with a tuple `RULES`; `catalogue` names them all. To add a rule, write
it in its family with an example that fires and one that does not: both become tests and
documentation. Rules read; nothing here sends, stores or fetches.
"""
