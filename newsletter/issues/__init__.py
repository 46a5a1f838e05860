"""Issue files: finding them, reading them into an Issue, and beginning new ones.

issue.py has the Issue itself and finds its file; parse.py reads one, with front_matter.py, body.py,
markdown.py, blocks.py and images.py; scaffold.py and drafts/ begin new files; save.py writes without
losing somebody else's work.

Belongs here: what an author writes, its lines and columns. Does not: HTML, MJML, readers, databases.
"""
