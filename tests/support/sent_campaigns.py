"""Campaigns that were sent, for tests of what is known of them afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from newsletter.campaigns import claims, ledger
from newsletter.campaigns.campaign import approve_issue, change_state
from newsletter.database.connection import Database
from newsletter.messages.types import CompiledMessage
from newsletter.providers.base import Answer, Outcome, Result
from tests.support.sending import MESSAGE, PAGE


def send_campaign(
    database: Database,
    slug: str,
    ids: Sequence[int],
    at: datetime,
    *,
    rejected: Sequence[int] = (),
    tracking: str = "individual",
    message: CompiledMessage = MESSAGE,
    size: int = 500,
    provider: str = "outbox",
) -> int:
    """Send a campaign to these readers, of whom the provider takes all but those `rejected`; return its id."""
    with database.begin() as connection:
        made = approve_issue(
            connection,
            message=replace(message, slug=slug),
            page=PAGE,
            list="daily",
            segment="",
            provider=provider,
            tracking=tracking,
            now=at,
        )
        change_state(connection, made.id, "start", now=at)
        ledger.add_batches(connection, made.id, ids, size, at)
        while claim := claims.claim(connection, made.id, owner="sender", now=at):
            claims.hand(connection, claim, provider=provider, now=at)
            theirs = claims.members(connection, made.id, claim.no)
            outcomes = [Outcome.REJECTED if id in rejected else Outcome.ACCEPTED for id in theirs]
            answer = Answer(results=tuple(Result(outcome=outcome) for outcome in outcomes))
            claims.settle(connection, claim, theirs, answer, now=at)
    return made.id
