"""Readers: who they are, what they agreed to, and what they decide themselves.

subscriber.py reads and changes one reader, writes.py many at once; consent.py keeps the evidence; signups.py and
double_opt_in.py take sign-ups; preferences.py what readers choose by their links; imports.py and exports.py CSV
files; segments.py who a segment selects; suppressions.py who must never be mailed; transactional_queue.py the
single emails that readers are owed.

Belongs here: facts about readers. Does not: campaigns, and sending.
"""
