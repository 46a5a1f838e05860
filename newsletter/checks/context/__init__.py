"""What a rule sees: the built issue, the places of its words in the source, and the rule's own types.

rule.py has Rule and Finding, context.py the built issue, places.py and origins.py find the line and column of
what was built, sample_copies.py the copies for sample readers, link_status.py what --online remembers.

Belongs here: what more than one rule needs. Does not: a rule.
"""
