"""Readers: their addresses and fields, their consent, and what they decide by the links in their mail.

subscriber.py reads and changes one reader, writes.py many at once; consent.py keeps the evidence of both, evidence.py
reads it. signups.py takes requests to join, repeated_signups.py knows those sent twice, double_opt_in.py confirms them;
rate_limits.py, captcha.py and address_typos.py guard the form, transactional_queue.py queues the emails that answer,
welcomes.py those that follow. preferences.py: leave, pause, join; leaving_reasons.py counts why. files/ imports and
exports, importers/ understands other platforms' files, csv.py is how they are written. segments.py selects readers,
inactivity.py those who did nothing for long; suppressions.py bars addresses for good, erasure.py deletes a reader from
every table.

Belongs here: facts about readers. Does not: campaigns, and sending.
"""
