"""Other systems' exports: what their columns mean, and who must not be mailed.

answers.py reads what a cell says about consent, consent_columns.py which columns say it. platform.py has the record of
facts about one platform's export; each platform is one file of such facts: mailchimp.py, substack.py, beehiiv.py,
kit.py, ghost.py, listmonk.py, buttondown.py, sendy.py; platforms.py lists and recognises them. options.py reads --map
and --ignore. columns.py gives every column of a file its meaning; column_names.py has the names that others give to
ours. entries.py turns rows into entries, cells.py parses tags, statuses and JSON. text_files.py finds a file's
encoding, archives.py unpacks zip files.

Belongs here: what files of readers say. Does not: what may happen to a reader (`subscribers/writes.py`).
"""
