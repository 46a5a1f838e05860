"""What rules use: the built issue, the places of its words in the source, and the types of rules and findings.

rule.py has `@rule`, Example and Finding; context.py the built issue; places.py and origins.py find the line and
column of what was built, table_cells.py in rows of tables; sample_copies.py has the copies for sample readers,
link_status.py the remembered answers of `--online`, png.py the colours of a logo; starter_texts.py reads sentences,
also those of starters.

Belongs here: what more than one rule needs. Does not: a rule.
"""
