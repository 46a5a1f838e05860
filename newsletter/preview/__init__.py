"""The contents of the browser preview, without a server: issues as built, as views, compared, and for sample readers.

workspace.py keeps issues built; inbox.py lists them; views.py names the views, dark_mode.py, outlook.py and
images_off.py make them, highlight.py colours source; local_images.py serves pictures from disk; code_frames.py and
size.py show problems and weights; versions.py and diff.py compare; sample_readers.py and variants.py choose readers;
static_pages.py writes files for a static host, numbered_links.py marks links for their clicks.

Belongs here: the data of the preview's pages. Does not: routes and requests (web/preview), a second renderer.
"""
