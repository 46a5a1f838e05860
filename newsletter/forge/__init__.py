"""The git repository that a publication is in, and the forge that hosts it.

repository.py runs git; api.py speaks to GitHub and GitLab.

Belongs here: git and the forges' APIs. Does not: issues, and what is proposed or shown there.
"""
