"""The readers' pages: join, confirm, read, leave, preferences, feeds, metrics.

app.py puts the routes behind their middleware; routes/ has one file per subject; site.py holds what every route
shares, pages.py fills templates, forms.py signs forms, security.py limits bodies and sets policies, reader_links.py
reads a reader's own link, write_queue.py writes many readers' changes in one transaction, archive_cache.py and
image_cache.py keep responses, sent_pictures.py knows which pictures were sent. signup_form.py reads the form,
form_page.py the page it stood on, archive_pages.py makes the archive's pages, link_targets.py finds where counted
links lead, data_export.py what a reader downloads, metrics.py the figures, client.py the address behind proxies,
static_site.py the files of `build --site`.

Belongs here: answers to readers. Does not: building issues; what has to be built is handed over by the command.
"""
