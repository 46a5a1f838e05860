"""The readers' pages: join, confirm, read, leave. What `newsletter serve` answers with.

A module holds the routes of one subject as ROUTES, and `app` has its line. A handler gets a request,
asks `site_of` for what all share, and answers with `page`. It reads the database in a thread
(`run_in_threadpool`) and changes it by `site.writes.do(work, item)`, which answers when it is on disk.
Forms are read by `forms.read_sent`; who must know that one is ours asks `site.tokens` and `guard.is_foreign`.
"""
