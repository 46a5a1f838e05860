"""What the browser preview shows, without a server: issues as built, as views, compared, and for sample readers.

workspace.py keeps every issue built; inbox.py lists them; views.py names the views, dark_mode.py, outlook.py and
images_off.py draw them; versions.py and diff.py compare; sample_readers.py and variants.py choose readers.

Belongs here: what is shown. Does not: routes and requests (web/preview), a second renderer.
"""
