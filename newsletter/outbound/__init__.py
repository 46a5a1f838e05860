"""Tell other programs what happened: outbound webhooks.

queue.py keeps each message in the transaction of the change that it tells of, so that none is lost and none is made
up; signature.py signs it; sender.py posts what is due, and tries again for a day.

Belongs here: the queue, its messages and their delivery. Does not: what happens to readers and campaigns; the packages
above say that.
"""
