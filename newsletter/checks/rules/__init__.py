"""The rules, one file per family; `newsletter check --explain` prints what a rule says about itself.

A rule is one function with `@rule(...)`, which holds its id, severity, texts and examples. Add a rule to its family's
file and run `make rules`; the tests try its examples. A new family is also listed in catalogue.py.

Belongs here: deciding what is wrong with an issue. Does not: sending, storing, or requesting anything.
"""
