"""Campaigns and the ledger: what is sent to whom, and the outcome of every delivery.

campaign.py has a campaign's states and schedule.py its time; campaign_queries.py finds campaigns, audience.py enqueues
their readers. ledger.py alone writes batches, deliveries and their exceptions, along the arrows of batch_states.py:
claims.py takes a batch from claim to settle (the lease is ledger.py's), abandoned_batches.py moves those without a
sender, resolution.py decides about unknown and rejected ones. delivery_states.py defines a delivery's state; counts.py,
status.py and delivery_history.py read it, reports.py puts figures and times into words; tracking.py counts links,
events.py and engagement.py record opens and clicks, unsubscribes.py who left by a campaign; reported.py settles unknown
deliveries by events; return_paths.py signs where bounces go; archive.py lists the sent issues and keeps the changes of
their pages; pruning.py deletes deliveries of long ago; approvals.py says who approved a text, pushes.py keeps what came
from a repository.

Belongs here: the ledger and every question about it. Does not: talking to a provider, waiting, threads.
"""
