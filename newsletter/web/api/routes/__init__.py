"""The operations of the HTTP API, one file per subject, each with the types of its requests and answers.

To add one, write an `Operation` in the list of its file; a new file adds its line to `OPERATIONS` of `app.py`.
"""
