"""The operations of the HTTP API, one file per subject, each with the types of its requests and answers.

subscribers.py, lists.py and suppressions.py are about readers; issues.py, campaigns.py, campaign_changes.py and
events.py about what is sent to them; pushes.py about issues from a repository.

To add one, write an `Operation` in the list of its file; a new file adds its line to `OPERATIONS` of `app.py`.
"""
