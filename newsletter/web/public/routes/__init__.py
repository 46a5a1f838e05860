"""The readers' routes, one file per subject, each with its `ROUTES`; `web/public/app.py` lists them.

To add a page: a file here, its import and its line in app.py, its template in `templates/pages/`.
"""
