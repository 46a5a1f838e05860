"""A publication as commands, the HTTP API and Python programs use it: one implementation of what each may do.

publication.py is the Python face, `newsletter.Publication`; readers.py adds, changes and removes readers, campaigns.py
changes the state of campaigns, sending.py plans, starts and schedules them.

Belongs here: the steps of a command that a program needs, too. Does not: questions, printed sentences, requests.
"""
