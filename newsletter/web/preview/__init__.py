"""The browser preview's server: on loopback only, rebuilt on save.

app.py lists the routes and runs what works in the background; inbox.py, issue.py, problems.py, readers.py and
compare.py show; edit.py, actions.py, test_send.py, schedule.py and progress.py act, through requests.py and
security.py. On save, file_watch.py sees the files, live_reload.py decides what open pages must know, open_pages.py
keeps it until event_stream.py has sent it. results/ shows what became of the issues, and what comes next.

Belongs here: requests and answers. Does not: what is shown (newsletter/preview).
"""
