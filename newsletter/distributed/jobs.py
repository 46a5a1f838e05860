"""Make the jobs of sending workers, in the ledger's own transaction: one job for each batch that waits.

A job is `(campaign, batch)`, a row of Procrastinate's table, and only a hint: whoever runs it asks the ledger. So one
that is lost is made again by the sweep, and one too many does nothing. `queueing_lock` is the batch: of two jobs for
it the second is not made. The rows are written by one statement for thousands of batches, not by Procrastinate's
`defer`, which fails as a whole, and the transaction with it, when one of them has a job already.

The order of jobs is fair queueing by start (SFQ, Goyal, Vin and Cheng 1996): each job of a campaign takes the next
turn of its campaign, and a campaign begins at the turn at which the others are. So campaigns of one priority go batch
by batch in turns, however large they are, and one with a higher priority goes first.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, text

from newsletter.campaigns.campaign import Campaign, CampaignState, get_campaign
from newsletter.times import stamp

TASK = "newsletter.send_batch"
"""The name of the task that a worker runs for a job."""
TURNS = 500_000_000
"""Turns of one priority: PostgreSQL's integer has room for the three of them."""
PAGE = 2_000
"""Batches that are looked at for a lost job in one go."""

_FIRST_TURN = text("""
    SELECT max(priority) FROM procrastinate_jobs
    WHERE status = 'todo' AND queue_name = :queue AND priority <= :top AND priority > :top - :turns
      AND (scheduled_at IS NULL OR scheduled_at <= now())
""")
_LAST_TURN = text("SELECT turn FROM campaign WHERE id = :campaign FOR UPDATE")
_KEEP_TURN = text("UPDATE campaign SET turn = :turn WHERE id = :campaign")
_DEFER = text("""
    INSERT INTO procrastinate_jobs (queue_name, task_name, priority, queueing_lock, args, scheduled_at)
    SELECT :queue, :task, :top - :turn - row_number() OVER (ORDER BY no), :campaign || '.' || no,
           jsonb_build_object('campaign', CAST(:campaign AS bigint), 'batch', no),
           GREATEST(CAST(not_before AS timestamptz), CAST(:at AS timestamptz))
    FROM (
        SELECT no, not_before FROM batch
        WHERE campaign_id = CAST(:campaign AS bigint) AND state = 'queued' AND no > :after AND no <= :last
          AND NOT EXISTS (
              SELECT 1 FROM procrastinate_jobs
              WHERE status = 'todo' AND queueing_lock = :campaign || '.' || batch.no
          )
        ORDER BY no
    ) AS waiting
    ON CONFLICT (queueing_lock) WHERE status = 'todo' DO NOTHING
""")
_PAGE_END = text("""
    SELECT max(no) FROM (
        SELECT no FROM batch WHERE campaign_id = :campaign AND state = 'queued' AND no > :after ORDER BY no LIMIT :page
    ) AS page
""")
_IS_QUEUED = text("SELECT 1 FROM batch WHERE campaign_id = :campaign AND no = :no AND state = 'queued'")
_DROP = text("""
    DELETE FROM procrastinate_jobs WHERE status = 'todo' AND queueing_lock IN (
        SELECT CAST(:campaign AS text) || '.' || no FROM batch WHERE campaign_id = CAST(:campaign AS bigint)
    )
""")


def queue_of(provider: str) -> str:
    """Return the queue of the jobs of a provider: a provider that is slow has no part in another one's."""
    return f"newsletter.{provider}"


def announce(connection: Connection, campaign_id: int, after: int) -> None:
    """Make the jobs of a campaign's queued batches with a number above `after`: a `SendState.announce`."""
    while last := defer_page(connection, campaign_id, after):
        after = last


def defer_page(connection: Connection, campaign_id: int, after: int) -> int:
    """Make the jobs that the next PAGE queued batches after number `after` lack.

    Return the number of the last of them; 0 when there is none.
    """
    last = connection.execute(_PAGE_END, {"campaign": campaign_id, "after": after, "page": PAGE}).scalar()
    if last:
        _defer(connection, campaign_id, after, last)
    return last or 0


def defer_batch(connection: Connection, campaign_id: int, no: int, at: datetime | None = None) -> None:
    """Make the job of one batch, not before `at`, if it is queued: its provider was busy, or has no room for it now."""
    if connection.execute(_IS_QUEUED, {"campaign": campaign_id, "no": no}).scalar():
        _defer(connection, campaign_id, no - 1, no, at)


def drop(connection: Connection, campaign_id: int) -> None:
    """Delete the waiting jobs of a campaign that is not sending; if it goes on, the sweep makes them again."""
    connection.execute(_DROP, {"campaign": f"{campaign_id}"})


def _defer(connection: Connection, campaign_id: int, after: int, last: int, at: datetime | None = None) -> None:
    """Make the jobs of the queued batches in `after` < number <= `last` that have none."""
    campaign = get_campaign(connection, campaign_id)
    if campaign.state is not CampaignState.SENDING:
        return
    queue, top = queue_of(campaign.provider), campaign.priority * TURNS
    turn = _next_turn(connection, campaign, queue, top)
    values: dict[str, object] = {"queue": queue, "task": TASK, "top": top, "turn": turn, "after": after, "last": last}
    values |= {"at": stamp(at) if at else None}
    made = connection.execute(_DEFER, {**values, "campaign": f"{campaign_id}"}).rowcount
    if made:
        connection.execute(_KEEP_TURN, {"campaign": campaign_id, "turn": (turn + made) % TURNS})


def _next_turn(connection: Connection, campaign: Campaign, queue: str, top: int) -> int:
    """Return the turn after which the campaign's next job comes: its own last one, or where the others are."""
    own: int = connection.execute(_LAST_TURN, {"campaign": campaign.id}).scalar_one()
    highest = connection.execute(_FIRST_TURN, {"queue": queue, "top": top, "turns": TURNS}).scalar()
    return max(own, top - highest - 1) if highest is not None else own


_CLEAR_ZOMBIES = text("""
    DELETE FROM procrastinate_jobs AS job WHERE status = 'doing' AND task_name = :task AND (
        worker_id IS NULL OR EXISTS (
            SELECT 1 FROM procrastinate_workers AS worker
            WHERE worker.id = job.worker_id AND worker.last_heartbeat < now() - make_interval(secs => :silence)
        )
    )
""")
_CLEAR_ENDED = text("DELETE FROM procrastinate_jobs WHERE task_name = :task AND status NOT IN ('todo', 'doing')")


def clear(connection: Connection, silence: float) -> int:
    """Delete the jobs of workers that died while they ran them, and those that failed; return how many.

    `silence` are the seconds after its last heartbeat when a worker counts as dead. Their batches are the sweep's.
    """
    dead = connection.execute(_CLEAR_ZOMBIES, {"task": TASK, "silence": silence}).rowcount
    return dead + connection.execute(_CLEAR_ENDED, {"task": TASK}).rowcount


def waiting(connection: Connection, now: datetime) -> int:
    """Return how many jobs wait that may run now."""
    ready = text(
        "SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo' AND task_name = :task "
        "AND (scheduled_at IS NULL OR scheduled_at <= CAST(:now AS timestamptz))"
    )
    return int(connection.execute(ready, {"task": TASK, "now": stamp(now)}).scalar_one())
