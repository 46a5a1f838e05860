"""Check issues before they are sent: `newsletter check`, and the gate of `send`.

run.py runs the rules of catalogue.py and collects their findings; selection.py chooses rules, gate.py decides what
stops a send, fixes.py rewrites lines, formats.py prints, link_probe.py requests linked pages with `--online`.
rules/ has one file per family of rules, context/ what rules use, html/ the built HTML as mail clients see it.

Belongs here: judging a built issue. Does not: changing how it is built, or knowing its readers.
"""
