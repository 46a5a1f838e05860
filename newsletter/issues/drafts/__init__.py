"""Begin an issue from feeds and pages: `newsletter draft`.

sources.py decides what a source is; feeds.py and articles.py read it, pasted_pages.py reads saved text; story.py
is what is kept of one, made safe; draft.py writes the file.

Belongs here: foreign text until it is an issue file. Does not: fetching (fetch.py).
"""
