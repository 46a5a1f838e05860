"""Campaigns and the ledger: what is sent to whom, and what became of it.

campaign.py has a campaign's states, audience.py writes its deliveries, batch_states.py and deliveries.py move them
from claim to outcome; abandoned_batches.py, unknown.py and retries.py handle what went wrong; counts.py, status.py,
delivery_history.py and reports.py tell; events.py and engagement.py record what happened later.

Belongs here: the ledger and every question about it. Does not: talking to a provider, waiting, threads.
"""
