"""Begin an issue from feeds and pages (`newsletter draft`), or from the issues of a week (`newsletter digest`).

draft.py gathers the stories and writes the file. sources.py recognises a source and reads it with feeds.py,
articles.py (web pages) or pasted_pages.py (saved text). story.py is a story whose text is safe to put into an
issue; feed_xml.py mends the XML of feeds, foreign_html.py turns strangers' HTML into plain text, encodings.py
guesses how bytes are encoded. digest.py makes one issue of several; escapes.py writes words that mean nothing else;
pull_request.py proposes a draft at GitHub or GitLab.

Belongs here: foreign text until it is an issue file. Does not: fetching (fetch.py).
"""
