"""Send from many machines at once, on PostgreSQL: workers, jobs, a leader.

worker.py is one `newsletter worker`: lanes.py runs Procrastinate's workers in it, batch_sender.py sends the batch that
a job names, watch.py keeps it alive and tells it what was paused, metrics.py shows what it does. jobs.py makes the
jobs and their order in the ledger's own transaction; sweep.py takes over what a dead worker left. leadership.py
decides which of several `newsletter run` is the scheduler. campaign_sender.py is `send` and `run` on PostgreSQL: it
enqueues and follows, or sends itself where no worker lives. presence.py knows which workers live, database_clock.py
what time it is for all of them; shared_state.py is what the threads of one process share.

Belongs here: everything that is needed because several processes send. Does not: how a batch is sent (sending), what
may be sent (campaigns.ledger): a job is a hint that a batch waits, never a reason to send it. Procrastinate and
psycopg are imported where a function needs them; a publication on SQLite never loads them.
"""
