"""Figures that people look at: how a list grows, what became of campaigns, which mailbox providers took the mail.

types.py has the figures as values, and overview.py all of a publication's. readers.py counts the readers and how the
list grew; campaigns.py has a row per campaign, and one campaign in detail; mailboxes.py goes by mailbox provider;
counted.py has older databases counted first. meanings.py says of each figure what it can say and what it cannot;
as_json.py and as_csv.py write them for programs. The terminal, the preview's pages and the editors' email print these
values.

Belongs here: reading and naming figures. Does not: counting (`counters/`, in the transaction of whoever writes),
drawing (`cli/`, `web/`, `publishing/`).
"""
