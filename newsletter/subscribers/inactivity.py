"""Inactive readers: they were sent mail for long, and no person opened or clicked any of it.

Opens alone say nothing: some mail programs load no pictures. So a reader is inactive only without an open and without
a click, of at least LEAST_MAIL campaigns that counted by reader; and whoever changed anything in that time is not.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, literal, select

from newsletter.config import PublicationSettings
from newsletter.counters.deliveries import IS_ACCEPTED, LEDGER
from newsletter.database.tables import batch, campaign, consent, delivery, delivery_exception, event, subscriber
from newsletter.errors import ConfigError
from newsletter.times import OFF, Duration, stamp

LEAST_MAIL = 5
"""The campaigns that a reader must have been sent in that time, of those that counted opens and clicks by reader."""


def require_individual(publication: PublicationSettings, time: Duration) -> None:
    """Raise ConfigError when nobody can know who was inactive for that time."""
    tracking = publication.config.tracking
    place = publication.place("tracking")
    if tracking.level != "individual":
        message = f'nobody knows who is inactive: [tracking] level is "{tracking.level}"'
        hint = (
            'Set level = "individual", which counts opens and clicks by reader; docs/tracking.md says what that means.'
        )
        raise ConfigError(message, place=place, hint=hint)
    if not time.delta:
        raise ConfigError("inactive needs a time, not `off`", place=place, hint='Write "180d".')
    if tracking.keep != OFF and tracking.keep.delta < time.delta:
        message = (
            f"nobody knows who is inactive for {time}: [tracking] keep forgets readers' clicks after {tracking.keep}"
        )
        raise ConfigError(message, place=place, hint=f'Set keep = "{time}" or longer, or ask for a shorter time.')


def is_inactive(time: timedelta, now: datetime) -> ColumnElement[bool]:
    """Return the condition that a row of `subscriber` is inactive for that time."""
    since = stamp(now - time)
    return and_(_was_mailed(since), ~_did_something(since), ~_changed_something(since))


def showed_life(since: str | ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that a row of `subscriber` did something since then (a stamp, or a column)."""
    return _did_something(since) | _changed_something(since)


def _was_mailed(since: str) -> ColumnElement[bool]:
    tracked = select(campaign.c.id).where(campaign.c.started_at >= since, campaign.c.tracking == "individual")
    mail = (
        select(literal(1))
        .select_from(LEDGER)
        .where(delivery.c.campaign_id.in_(tracked), delivery.c.subscriber_id == subscriber.c.id, IS_ACCEPTED)
    )
    # The search ends at the fifth: a reader has hundreds of deliveries.
    own = mail.correlate_except(delivery, batch, delivery_exception).limit(1).offset(LEAST_MAIL - 1)
    return exists(own)


def _did_something(since: str | ColumnElement[str]) -> ColumnElement[bool]:
    return exists().where(
        event.c.subscriber_id == subscriber.c.id,
        event.c.at >= since,
        event.c.kind.in_(("opened", "clicked")),
        event.c.machine == "",
    )


def _changed_something(since: str | ColumnElement[str]) -> ColumnElement[bool]:
    return exists().where(consent.c.subscriber_id == subscriber.c.id, consent.c.at >= since)
