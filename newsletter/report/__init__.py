"""Report what a change does to issues: for a pull request, before anybody merges it.

changes.py finds what changed since a commit, by git; compare.py builds each issue as it was and as it is;
screenshots.py takes pictures of both with a Chromium; markdown.py, sarif.py and summary.py write the report.

Belongs here: two versions of an issue side by side. Does not: a second renderer; what a server knows.
"""
