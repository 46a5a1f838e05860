"""The readers' pages: join, confirm, read, leave, preferences, feeds, metrics.

app.py puts the routes behind their guards; routes/ has one file per subject; site.py holds what every route
shares, pages.py fills templates, forms.py and security.py protect, write_queue.py writes many readers' changes in
one transaction, archive_cache.py and image_cache.py keep answers ready.

Belongs here: answers to readers. Does not: building issues; what has to be built is handed over.
"""
