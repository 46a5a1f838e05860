"""Say what is wrong with an issue before it is sent: `newsletter check`, and the gate of `send`.

run.py asks the rules of catalogue.py and collects findings; selection.py chooses rules, gate.py decides what
stops a send, fixes.py rewrites lines, formats.py prints, link_probe.py asks linked pages with `--online`.
rules/ has one file per family of rules, context/ what a rule sees, html/ how the built HTML looks.

Belongs here: judging a built issue. Does not: changing how it is built, or knowing who reads it.
"""
