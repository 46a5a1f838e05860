"""Describe a campaign in words and numbers, for people; `counts.status` does it for programs.

Pure: prints nothing and reads no database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from types import MappingProxyType

from newsletter.campaigns.campaign import Campaign, CampaignState
from newsletter.campaigns.counts import ListedDelivery
from newsletter.campaigns.events import EventKind, Figure
from newsletter.errors import MOST_SHOWN
from newsletter.printable import one_line


def readers(number: int) -> str:
    """Write a number of readers: `1 reader`, `8,120 readers`."""
    return f"{number:,} reader{'' if number == 1 else 's'}"


def table(campaign: Campaign, deliveries: Mapping[str, int], pace: float = 0, rest: timedelta = timedelta(0)) -> str:
    """Return the text that `status` prints: the campaign, each count that is not zero, and the time it will take."""
    head = f"Campaign {campaign.id}: {campaign.issue}, {campaign.state}"
    lines = [head, f'"{one_line(campaign.subject)}" to {campaign.audience} through {campaign.provider}', ""]
    lines += [f"  {state:<10}{number:>10,}" for state, number in deliveries.items() if number]
    lines += [f"  {'audience':<10}{sum(deliveries.values()):>10,}"]
    return "\n".join([*lines, *_remarks(campaign, deliveries, pace, rest)])


def through(handed: Mapping[str, int]) -> str:
    """Return a line with the numbers of several providers: `Through resend 5,000, postmark 3,120`; else nothing."""
    row = ", ".join(f"{name} {number:,}" for name, number in handed.items())
    return f"\nThrough {row}" if len(handed) > 1 else ""


_REPORTED = {
    EventKind.DELIVERED: "delivered to",
    EventKind.DEFERRED: "deferred for",
    EventKind.BOUNCED: "bounced for",
    EventKind.COMPLAINED: "called spam by",
    EventKind.UNSUBSCRIBED: "unsubscribed at the provider by",
}
"""How a line begins about what happens to a reader's copy once: how often it was reported says nothing."""


def attention(figures: Iterable[Figure], bounces: Mapping[str, int] = MappingProxyType({})) -> str:
    """Return a line per figure: `opened 812 times by 640 readers; 1,204 times by programs, not counted`.

    `bounces` has the readers of each kind of bounce: `bounced for 12 readers (9 hard, 3 soft)`.
    """
    return "".join(f"\n{_attention(figure, bounces)}" for figure in figures)


def _attention(figure: Figure, bounces: Mapping[str, int]) -> str:
    if figure.kind in _REPORTED:
        kinds = ", ".join(f"{number:,} {kind}" for kind, number in bounces.items())
        split = f" ({kinds})" if figure.kind is EventKind.BOUNCED and kinds else ""
        return f"{_REPORTED[figure.kind]} {readers(figure.readers)}{split}"
    by = f" by {readers(figure.readers)}" if figure.readers else ""
    also = f"; {times(figure.machines)} by programs, not counted" if figure.machines else ""
    return f"{figure.kind} {times(figure.times)}{by}{also}"


def times(number: int) -> str:
    """Write how often: `once`, `812 times`."""
    return "once" if number == 1 else f"{number:,} times"


def _remarks(campaign: Campaign, deliveries: Mapping[str, int], pace: float, rest: timedelta) -> Iterable[str]:
    if campaign.state is CampaignState.PAUSED:
        yield f"\nPaused: {one_line(campaign.reason)}"
        yield f"Let it go on with: newsletter resume {campaign.id}"
    if campaign.state is CampaignState.SENDING:
        yield f"\n{remaining(deliveries, pace, rest)}"
    if deliveries["unknown"]:
        yield "\nUnknown: they may have it or not; nobody of them is mailed again."
        yield f"Ask the provider with: newsletter reconcile {campaign.id}"


def remaining(deliveries: Mapping[str, int], pace: float, rest: timedelta = timedelta(0)) -> str:
    """Say how long it will take: `48 a second, 3 min left`; or, with a `rest`, when somebody is due next."""
    if rest > timedelta(0):
        return f"Nobody is due for {duration(rest)}: by readers' own clocks, or for a provider that was busy."
    if pace <= 0:
        return "Nothing was sent in the last minute."
    left = timedelta(seconds=round((deliveries["queued"] + deliveries["handed"]) / pace))
    return f"{pace:,.0f} a second, {duration(left)} left"


def duration(time: timedelta) -> str:
    """Write a time span: `12 s`, `4 min 12 s`, `2 h 5 min`."""
    seconds = round(time.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


def tally(deliveries: Mapping[str, int]) -> str:
    """Write the counts in one line, without zeros: `8,117 accepted   2 rejected   1 unknown`."""
    return "   ".join(f"{number:,} {state}" for state, number in deliveries.items() if number) or "nobody"


def send_command(campaign: Campaign) -> str:
    """Return the command that goes on with a campaign; `send` needs its list and segment to find it."""
    segment = f" --segment {campaign.segment}" if campaign.segment else ""
    if campaign.readers_of:
        return f"newsletter send {campaign.issue} --to-readers-of {campaign.readers_of}{segment}"
    return f"newsletter send {campaign.issue} --list {campaign.list}{segment}"


def who_has_it(deliveries: Mapping[str, int]) -> str:
    """Say of a cancelled campaign how many have it, how many never will, and of how many it is unknown."""
    if not any(deliveries.values()):
        return "Nobody was mailed."
    never = deliveries["skipped"] + deliveries["rejected"] + deliveries["queued"]
    said = [f"{has(deliveries['accepted'])} it", f"{readers(never)} never will"]
    if deliveries["handed"]:
        said.append(f"{readers(deliveries['handed'])} are being handed over right now")
    if deliveries["unknown"]:
        said.append(f"of {readers(deliveries['unknown'])} it is unknown")
    return f"{'; '.join(said)}."


def about_handed(campaign: Campaign, deliveries: Mapping[str, int], in_a_call: int) -> Iterable[str]:
    """Say how to go on with deliveries that count as handed: wait for the answer, or let the call be made again."""
    if in_a_call:
        yield f"{in_a_call:,} deliveries of campaign {campaign.id} are in a call right now: ask again when it is over."
    if waiting := deliveries["handed"] - in_a_call:
        resume = f"newsletter resume {campaign.id} && " if campaign.state is CampaignState.PAUSED else ""
        yield (
            f"{waiting:,} deliveries of campaign {campaign.id} are in doubt. The same calls are made again, "
            f"under their keys, with: {resume}{send_command(campaign)}"
        )


def has(number: int) -> str:
    """Write a subject and verb: `Nobody has`, `1 reader has`, `8,120 readers have`."""
    return f"{readers(number)} {'has' if number == 1 else 'have'}" if number else "Nobody has"


def named(deliveries: Iterable[ListedDelivery], total: int, state: str) -> str:
    """List up to MOST_SHOWN deliveries by address, each with its reason, then how many more there are."""
    shown = list(deliveries)[:MOST_SHOWN]
    reasons = [f": {one_line(item.detail)}" if item.detail else "" for item in shown]
    lines = [f"  {state}: {item.email or '(erased)'}{reason}" for item, reason in zip(shown, reasons, strict=True)]
    return "\n".join(lines + ([f"  and {total - len(shown):,} more {state}"] if total > len(shown) else []))
