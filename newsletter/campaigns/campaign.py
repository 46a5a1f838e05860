"""Campaign: one sending of one compiled message to one list and segment.

Approves campaigns (freezes what is sent), and moves them along CAMPAIGN_ARROWS, which `docs/sending.md` draws. Only
this module writes the campaign table; its deliveries are ledger.py. campaign_queries.py finds campaigns.
"""

from __future__ import annotations

import secrets
import zlib
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, bindparam, func, insert, select, update

from newsletter.config import EventKind
from newsletter.database.tables import campaign as table
from newsletter.errors import NewsletterError
from newsletter.messages.types import CompiledMessage, WebPage
from newsletter.outbound import queue
from newsletter.outbound.queue import Happening
from newsletter.times import stamp


class CampaignState(StrEnum):
    """The states of a campaign."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    SENDING = "sending"
    PAUSED = "paused"
    SENT = "sent"
    CANCELLED = "cancelled"


class CampaignPriority(IntEnum):
    """Which campaign goes first; those of one priority take turns."""

    LOW = -1
    NORMAL = 0
    HIGH = 1


CAMPAIGN_ARROWS: dict[str, dict[CampaignState, CampaignState]] = {
    "schedule": {
        CampaignState.DRAFT: CampaignState.SCHEDULED,
        CampaignState.SCHEDULED: CampaignState.SCHEDULED,
        CampaignState.PAUSED: CampaignState.SCHEDULED,
    },
    "start": {CampaignState.DRAFT: CampaignState.SENDING, CampaignState.SCHEDULED: CampaignState.SENDING},
    "pause": {CampaignState.SENDING: CampaignState.PAUSED, CampaignState.SCHEDULED: CampaignState.PAUSED},
    "resume": {CampaignState.PAUSED: CampaignState.SENDING},
    "finish": {CampaignState.SENDING: CampaignState.SENT},
    "reopen": {CampaignState.SENT: CampaignState.SENDING},
    "cancel": {
        CampaignState.DRAFT: CampaignState.CANCELLED,
        CampaignState.SCHEDULED: CampaignState.CANCELLED,
        CampaignState.SENDING: CampaignState.CANCELLED,
        CampaignState.PAUSED: CampaignState.CANCELLED,
    },
}
"""Every change of state: verb, from, to."""
ENDED = (CampaignState.SENT, CampaignState.CANCELLED)
"""States in which nobody is mailed any more, unless a person says so."""
_TOLD = {CampaignState.SENDING: EventKind.STARTED, CampaignState.PAUSED: EventKind.PAUSED}
ASKED = "you asked for it"
"""The reason of a pause that a person asked for."""


class NotStartedError(NewsletterError):
    """A campaign has no date before it has started: a mistake in this program."""


def state_after(state: CampaignState, verb: str) -> CampaignState:
    """Return the state that `verb` leads to. Raises NewsletterError when it leads nowhere from `state`."""
    if state not in CAMPAIGN_ARROWS[verb]:
        *others, last = CAMPAIGN_ARROWS[verb]
        allowed = f"{', '.join(others)} or {last}" if others else str(last)
        raise NewsletterError(f"the campaign is {state}", hint=f"`{verb}` is for a campaign that is {allowed}.")
    return CAMPAIGN_ARROWS[verb][state]


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """A row of the campaign table, without the two large columns."""

    id: int
    issue: str
    """The slug of the issue."""
    list: str
    segment: str
    """The name of the segment; empty for the whole list."""
    state: CampaignState
    reason: str
    """Why it is paused."""
    subject: str
    digest: str
    key: str
    provider: str
    send_at: str | None
    """The moment it starts, UTC; None when it starts by a command."""
    local_at: str | None
    """The time at which each reader gets it by their own clock, naive; None when everyone gets it at once."""
    frozen_at: str | None
    """When its text was approved last; None for a campaign from before that was written down."""
    started_at: str | None
    finished_at: str | None
    tracking: str
    """A `tracking.Level`: the publication's when it was approved."""
    cursor: int
    """The last subscriber enqueued."""
    enqueued: bool
    """Whether everyone is enqueued."""
    priority: int
    """A CampaignPriority."""
    pruned_at: str | None
    """When its deliveries were deleted."""
    readers_of: int = 0
    """The campaign whose readers get this one, a correction; 0 when the list's readers do."""

    @property
    def date(self) -> datetime:
        """Return when it started: the Date of every message, however late it leaves. Raises NotStartedError."""
        if self.started_at is None:
            raise NotStartedError(f"campaign {self.id} has not started")
        return datetime.fromisoformat(self.started_at)

    @property
    def start(self) -> datetime | None:
        """Return when it is to start, if that is known."""
        return datetime.fromisoformat(self.send_at) if self.send_at else None

    @property
    def wall(self) -> datetime | None:
        """Return the time at which each reader gets it by their own clock, naive; None when all get it at once."""
        return datetime.fromisoformat(self.local_at) if self.local_at else None

    @property
    def audience(self) -> str:
        """Name the audience for a person: `daily`, `daily, segment engaged`, or `daily, readers of campaign 1`."""
        segment = f", segment {self.segment}" if self.segment else ""
        return self.list + segment + (f", readers of campaign {self.readers_of}" if self.readers_of else "")


FIELDS = [table.c[name] for name in Campaign.__dataclass_fields__]
"""The columns of a Campaign."""
# Made once: asked with every batch, and SQLAlchemy takes longer to put them together than SQLite to answer.
_GET = select(*FIELDS).where(table.c.id == bindparam("campaign"))
_GET_LOCKED = _GET.with_for_update()


def approve_issue(
    connection: Connection,
    *,
    message: CompiledMessage,
    page: WebPage,
    list: str,
    segment: str,
    readers_of: int = 0,
    provider: str,
    checks: str = "[]",
    tracking: str = "none",
    now: datetime,
) -> Campaign:
    """Freeze `message` and the issue's web `page` as a new campaign, a draft; `checks` is what the gate found.

    From here on, editing the file changes nothing. The caller has looked for a campaign of
    the same issue, list, segment and `readers_of` in the same transaction: there is at most one. Raises NewsletterError
    for an issue of which it is not known any more who has it.
    """
    _require_unpruned(connection, message.slug)
    values = {
        "issue": message.slug,
        "list": list,
        "segment": segment,
        "readers_of": readers_of,
        "state": CampaignState.DRAFT,
        "key": secrets.token_hex(8),
        "provider": provider,
        "created_at": stamp(now),
        **_frozen(message, page, checks, tracking, now),
    }
    row = connection.execute(insert(table).values(values).returning(*FIELDS)).one()
    return campaign_of_row(row)


def _require_unpruned(connection: Connection, issue: str) -> None:
    pruned = connection.scalar(select(table.c.id).where(table.c.issue == issue, table.c.pruned_at.is_not(None)))
    if pruned:
        message = f"who has {issue} by campaign {pruned} was pruned, so that it cannot go out again"
        raise NewsletterError(message, hint="Send it as an issue with another name, to readers who cannot have it.")


def _frozen(message: CompiledMessage, page: WebPage, checks: str, tracking: str, now: datetime) -> dict[str, object]:
    return {
        "frozen_at": stamp(now),
        "subject": message.open(message.subject),
        "digest": message.digest,
        "message": zlib.compress(msgspec.json.encode(message)),
        "page": zlib.compress(page.html.encode()),
        "about": msgspec.json.encode(page.about).decode(),
        "checks": checks,
        "tracking": tracking,
    }


def approve_again(
    connection: Connection,
    campaign_id: int,
    *,
    message: CompiledMessage,
    page: WebPage,
    checks: str = "[]",
    tracking: str = "none",
    now: datetime,
) -> None:
    """Freeze another message and page: of a campaign that has not begun."""
    _require_unstarted(get_campaign(connection, campaign_id))
    frozen = _frozen(message, page, checks, tracking, now)
    connection.execute(update(table).where(table.c.id == campaign_id).values(frozen))


def schedule_campaign(
    connection: Connection, campaign_id: int, *, send_at: datetime, wall: datetime | None, now: datetime
) -> Campaign:
    """Let it start at `send_at` (aware); with `wall` (naive), each reader gets it when their own clock shows that.

    Raises NewsletterError once it has begun, and for a campaign that is over.
    """
    change_state(connection, campaign_id, "schedule", now=now)
    _require_unstarted(get_campaign(connection, campaign_id))
    values = {"send_at": stamp(send_at), "local_at": wall.isoformat() if wall else None}
    connection.execute(update(table).where(table.c.id == campaign_id).values(values))
    return get_campaign(connection, campaign_id)


def _require_unstarted(campaign: Campaign) -> None:
    if campaign.started_at:
        hint = f"Go on with `newsletter resume {campaign.id}`, or end it with `newsletter cancel {campaign.id}`."
        raise NewsletterError(f"campaign {campaign.id} has begun already; it cannot be scheduled", hint=hint)


def start_now(connection: Connection, campaign_id: int, *, now: datetime) -> Campaign:
    """Start a campaign for everyone at once, whatever its schedule says."""
    connection.execute(update(table).where(table.c.id == campaign_id).values(local_at=None))
    return change_state(connection, campaign_id, "start", now=now)


def resume_campaign(connection: Connection, campaign_id: int, *, now: datetime) -> Campaign:
    """Let a paused campaign go on: sending, or waiting for its time when that is still to come."""
    campaign = get_campaign(connection, campaign_id)
    is_early = campaign.start and not campaign.started_at and campaign.start > now
    waits = campaign.state is CampaignState.PAUSED and is_early
    return change_state(connection, campaign_id, "schedule" if waits else "resume", now=now)


def frozen_message(connection: Connection, campaign_id: int) -> CompiledMessage:
    """Return the message as it was approved."""
    packed = connection.execute(select(table.c.message).where(table.c.id == campaign_id)).scalar_one()
    return msgspec.json.decode(zlib.decompress(packed), type=CompiledMessage)


def frozen_page(connection: Connection, campaign_id: int) -> str:
    """Return the HTML of the issue's web page as it was approved."""
    packed = connection.execute(select(table.c.page).where(table.c.id == campaign_id)).scalar_one()
    return zlib.decompress(packed).decode()


def change_state(connection: Connection, campaign_id: int, verb: str, *, now: datetime, reason: str = "") -> Campaign:
    """Take the arrow `verb`; `reason` says why it is paused. Raises NewsletterError when there is no such arrow."""
    campaign = lock_campaign(connection, campaign_id)
    state = state_after(campaign.state, verb)
    if campaign.pruned_at:
        hint = "Send what is missing as a new issue."
        raise NewsletterError(f"campaign {campaign_id} was pruned, and sends nothing any more", hint=hint)
    values: dict[str, object] = {"state": state, "reason": reason}
    if state is CampaignState.SENDING and not campaign.started_at:
        values["started_at"] = stamp(now)
    values["finished_at"] = stamp(now) if state in ENDED else None
    connection.execute(update(table).where(table.c.id == campaign_id).values(values))
    changed = get_campaign(connection, campaign_id)
    if state is not campaign.state:
        _tell(connection, campaign, changed, now)
    return changed


def _tell(connection: Connection, before: Campaign, campaign: Campaign, now: datetime) -> None:
    """Queue for other programs that a campaign started, was paused or ended."""
    kind = EventKind.FINISHED if campaign.state in ENDED else _TOLD.get(campaign.state)
    if kind is None or (kind is EventKind.STARTED and before.started_at):
        return
    shown = ("issue", "subject", "list", "segment", "state", "reason", "digest", "started_at", "finished_at")
    data = {"campaign": campaign.id, **{name: getattr(campaign, name) for name in shown}}
    queue.tell(connection, [Happening(kind, f"campaign:{campaign.id}", data)], now)


def advance_cursor(connection: Connection, campaign_id: int, *, cursor: int, enqueued: bool) -> None:
    """Write up to which subscriber the audience is enqueued, in the transaction that enqueues it."""
    connection.execute(update(table).where(table.c.id == campaign_id).values(cursor=cursor, enqueued=enqueued))


def ended_before(moment: datetime) -> ColumnElement[bool]:
    """Return the condition that a campaign is over, since before that moment."""
    return table.c.state.in_([str(state) for state in ENDED]) & (table.c.finished_at < stamp(moment))


def mark_pruned(connection: Connection, campaign_id: int, before: datetime, now: datetime) -> bool:
    """Let nothing of a campaign that ended before a moment be sent any more; return whether it is still over."""
    mark = update(table).where(table.c.id == campaign_id, ended_before(before))
    return bool(connection.execute(mark.values(pruned_at=func.coalesce(table.c.pruned_at, stamp(now)))).rowcount)


def pass_on(connection: Connection, campaign_id: int, provider: str) -> Campaign:
    """Send a campaign through this provider from now on."""
    connection.execute(update(table).where(table.c.id == campaign_id).values(provider=provider))
    return get_campaign(connection, campaign_id)


def get_campaign(connection: Connection, campaign_id: int) -> Campaign:
    """Return the campaign with this id, which exists."""
    return campaign_of_row(connection.execute(_GET, {"campaign": campaign_id}).one())


def lock_campaign(connection: Connection, campaign_id: int) -> Campaign:
    """Return the campaign with this id, and let nobody else change it until the transaction ends."""
    return campaign_of_row(connection.execute(_GET_LOCKED, {"campaign": campaign_id}).one())


def set_priority(connection: Connection, campaign_id: int, priority: CampaignPriority) -> None:
    """Let the batches that are still to be sent go before or after those of other campaigns."""
    connection.execute(update(table).where(table.c.id == campaign_id).values(priority=int(priority)))


def campaign_of_row(row: Row[tuple[object, ...]]) -> Campaign:
    """Return the campaign of a row of FIELDS."""
    values = row._asdict()
    return Campaign(**{**values, "state": CampaignState(values["state"])})
