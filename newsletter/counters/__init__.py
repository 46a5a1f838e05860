"""Counters: numbers that are kept while readers, deliveries and events are written, instead of counted when asked.

table.py alone writes the table `counter`, and names the counters; readers.py counts readers by standing and how the
list grows; deliveries.py the messages that were taken; events.py what was reported of them; mailboxes.py finds an
address's mailbox provider, mailbox_domains.py has the facts; recount.py counts everything anew, growth.py
by the readers' evidence.

Every change is made in the transaction of whoever changes the rows that are counted: both are there, or neither.
Belongs here: what is counted, and when. Does not: what the numbers mean to people (`figures/`).
"""
