"""The readers' pages: join, confirm, read, leave, preferences, feeds, metrics.

app.py puts the routes behind their middleware; routes/ has one file per subject; site.py holds what every route
shares, pages.py fills templates, forms.py and security.py protect, reader_links.py reads a reader's own link,
write_queue.py writes many readers' changes in one transaction, archive_cache.py and image_cache.py keep responses.

Belongs here: answers to readers. Does not: building issues; what has to be built is handed over by the command.
"""
