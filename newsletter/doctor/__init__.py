"""Find out before the first send what would keep mail from arriving, and say what to do about each thing.

run.py runs the groups of checks side by side, within a time limit: settings.py (newsletter.toml and its secrets),
database.py (schema, disk, clock, host), provider.py (the account, or mail_server.py), domain.py (the sender's domain
in DNS), links.py (the readers' pages), webhooks.py (what providers report). finding.py has the outcome of a check,
last_run.py keeps the last one for `send` and `schedule`.

dns.py asks the Domain Name System; spf.py, dkim_keys.py and dmarc.py read what it has; domain_names.py knows where a
domain's owner begins; web_probe.py talks to our own pages. probe.py sends one message, and received.py judges the copy
that arrived, whose headers authentication_results.py reads.

Belongs here: what is good and bad about a fact, in words for people who know no DNS. Does not: how a provider is asked
(`providers/accounts/`), printing (`cli/`). Nothing here changes anything at a provider, in DNS or about a reader.
"""
