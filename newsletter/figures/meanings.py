"""Say of each figure what it can say and what it cannot, and write shares of a number. English, like the commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """Tell what a figure can say, and what it cannot."""

    says: str
    cannot: str


MEANINGS: Mapping[str, Meaning] = {
    "active": Meaning(
        says="Readers who get mail: on at least one list, and not suppressed.",
        cannot="It does not say that they read it.",
    ),
    "pending": Meaning(
        says="Asked to join, and have not confirmed yet.",
        cannot="It does not say that the address is theirs.",
    ),
    "unsubscribed": Meaning(
        says="In the readers' figures: left every list. In a campaign's row: left by its email, or at the provider.",
        cannot="Who leaves by the preferences page of an older email counts for that one.",
    ),
    "suppressed": Meaning(
        says="Must not be mailed: the address bounced, its owner complained, or somebody said so.",
        cannot="Addresses that were never readers are in the suppressions, not here.",
    ),
    "inactive": Meaning(
        says="Were sent mail for that long, and no person is known to have opened or clicked it.",
        cannot="Who reads without pictures and follows no link looks the same.",
    ),
    "accepted": Meaning(
        says="The provider took the message.",
        cannot="It does not say that a mailbox did.",
    ),
    "delivered": Meaning(
        says="A mailbox provider took the message, as our provider reports.",
        cannot="It may lie in the spam folder. Where none are reported (SMTP, the outbox, no webhook) nobody knows.",
    ),
    "deferred": Meaning(
        says="A mailbox provider asked to try later at least once.",
        cannot="Most of these are delivered later.",
    ),
    "bounced": Meaning(
        says="A mailbox provider sent the message back.",
        cannot="A policy's refusal (blocked) says nothing about the mailbox.",
    ),
    "complained": Meaning(
        says="Pressed the spam button, at mailbox providers that report it.",
        cannot="Gmail reports no single complaints.",
    ),
    "clicked": Meaning(
        says="Followed a link, programs left out as far as they betray themselves.",
        cannot="Who reads everything in the email and needs no link is not here.",
    ),
    "opened": Meaning(
        says="Loaded the picture that counts, programs left out as far as they betray themselves.",
        cannot="Mail programs load pictures unread, or block them: compare it with itself, never decide by it.",
    ),
    "machines": Meaning(
        says="Programs that follow links or load pictures: scanners, privacy proxies, previews.",
        cannot="They are in no other figure.",
    ),
    "domains": Meaning(
        says="By the domain of the address: the provider whose mail servers are known to have it.",
        cannot="Companies whose own domain has its mail at Google or Microsoft stand under their domain.",
    ),
    "hours": Meaning(
        says="The first time of each reader, by hours after the campaign started.",
        cannot="With `local` times, readers in the west get it hours later.",
    ),
}
"""The meanings by the figures' names in JSON."""


NOT_REPORTED = "not reported"
"""Stands in the place of a number of deliveries where none are reported: 0 would say that nothing arrived."""
WHY_NOT_REPORTED = "the provider tells nothing after it took a message, or its webhook is not set up"


def rate(part: int, whole: int) -> str:
    """Write a share: `12.3 %`; `-` when there is nothing to be a share of."""
    return f"{100 * part / whole:.1f} %" if whole else "-"
