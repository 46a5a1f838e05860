"""The browser preview's server: on loopback only, rebuilt on save.

app.py lists the routes; inbox.py, issue.py, problems.py, readers.py and compare.py show; edit.py, actions.py,
test_send.py and schedule.py act, through requests.py and security.py; live_reload.py tells open pages what changed.

Belongs here: requests and answers. Does not: what is shown (preview).
"""
