"""A campaign in words and numbers, for people; `accounts.status` is the same for programs.

Text in, text out: prints nothing, asks no database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from newsletter.campaigns.campaign import Campaign, CampaignState
from newsletter.campaigns.counts import ListedDelivery
from newsletter.campaigns.events import Figure
from newsletter.errors import MOST_SHOWN


def readers(number: int) -> str:
    """`1 reader`, `8,120 readers`."""
    return f"{number:,} reader{'' if number == 1 else 's'}"


def table(campaign: Campaign, deliveries: Mapping[str, int], pace: float = 0, rest: timedelta = timedelta(0)) -> str:
    """What `status` prints: what it is, each count that is not zero, and how long it will take."""
    head = f"Campaign {campaign.id}: {campaign.issue}, {campaign.state}"
    lines = [head, f'"{campaign.subject}" to {campaign.audience} through {campaign.provider}', ""]
    lines += [f"  {state:<10}{number:>10,}" for state, number in deliveries.items() if number]
    lines += [f"  {'audience':<10}{sum(deliveries.values()):>10,}"]
    return "\n".join([*lines, *_remarks(campaign, deliveries, pace, rest)])


def through(handed: Mapping[str, int]) -> str:
    """`\nThrough resend 5,000, postmark 3,120`: when it were several; else nothing."""
    row = ", ".join(f"{name} {number:,}" for name, number in handed.items())
    return f"\nThrough {row}" if len(handed) > 1 else ""


def attention(figures: Iterable[Figure]) -> str:
    """`\nopened 812 times by 640 readers; 1,204 times by programs, not counted`, a line each."""
    return "".join(f"\n{_attention(figure)}" for figure in figures)


def _attention(figure: Figure) -> str:
    by = f" by {readers(figure.readers)}" if figure.readers else ""
    also = f"; {times(figure.machines)} by programs, not counted" if figure.machines else ""
    return f"{figure.kind} {times(figure.times)}{by}{also}"


def times(number: int) -> str:
    """`once`, `812 times`."""
    return "once" if number == 1 else f"{number:,} times"


def _remarks(campaign: Campaign, deliveries: Mapping[str, int], pace: float, rest: timedelta) -> Iterable[str]:
    if campaign.state is CampaignState.PAUSED:
        yield f"\nPaused: {campaign.reason}"
        yield f"Let it go on with: newsletter resume {campaign.id}"
    if campaign.state is CampaignState.SENDING:
        yield f"\n{remaining(deliveries, pace, rest)}"
    if deliveries["unknown"]:
        yield "\nUnknown: they may have it or not; nobody of them is mailed again."
        yield f"Ask the provider with: newsletter reconcile {campaign.id}"


def remaining(deliveries: Mapping[str, int], pace: float, rest: timedelta = timedelta(0)) -> str:
    """`48 a second, 3 min left`; with a `rest` until anybody is due, that."""
    if rest > timedelta(0):
        return f"Nobody is due for {duration(rest)}: by readers' own clocks, or for a provider that was busy."
    if pace <= 0:
        return "Nothing was sent in the last minute."
    left = timedelta(seconds=round((deliveries["queued"] + deliveries["handed"]) / pace))
    return f"{pace:,.0f} a second, {duration(left)} left"


def duration(time: timedelta) -> str:
    """`12 s`, `4 min 12 s`, `2 h 5 min`."""
    seconds = round(time.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


def tally(deliveries: Mapping[str, int]) -> str:
    """`8,117 accepted   2 rejected   1 unknown`: in one line, without the zeros."""
    return "   ".join(f"{number:,} {state}" for state, number in deliveries.items() if number) or "nobody"


def send_command(campaign: Campaign) -> str:
    """What goes on with it; without its list and segment, `send` might begin another campaign of the issue."""
    segment = f" --segment {campaign.segment}" if campaign.segment else ""
    return f"newsletter send {campaign.issue} --list {campaign.list}{segment}"


def who_has_it(deliveries: Mapping[str, int]) -> str:
    """Of a campaign that is cancelled: who has it, who never will, and what nobody can say yet."""
    if not any(deliveries.values()):
        return "Nobody was mailed."
    never = deliveries["skipped"] + deliveries["rejected"] + deliveries["queued"]
    said = [f"{has(deliveries['accepted'])} it", f"{readers(never)} never will"]
    if deliveries["handed"]:
        said.append(f"{readers(deliveries['handed'])} are being handed over right now")
    if deliveries["unknown"]:
        said.append(f"of {readers(deliveries['unknown'])} it is unknown")
    return f"{'; '.join(said)}."


def in_doubt(campaign: Campaign, deliveries: Mapping[str, int], in_a_call: int) -> Iterable[str]:
    """What is to be done about those that count as handed: wait for the answer, or let the call be made again."""
    if in_a_call:
        yield f"{in_a_call:,} deliveries of campaign {campaign.id} are in a call right now: ask again when it is over."
    if waiting := deliveries["handed"] - in_a_call:
        resume = f"newsletter resume {campaign.id} && " if campaign.state is CampaignState.PAUSED else ""
        yield (
            f"{waiting:,} deliveries of campaign {campaign.id} are in doubt. The same calls are made again, "
            f"under their keys, with: {resume}{send_command(campaign)}"
        )


def has(number: int) -> str:
    """`Nobody has`, `1 reader has`, `8,120 readers have`."""
    return f"{readers(number)} {'has' if number == 1 else 'have'}" if number else "Nobody has"


def named(found: Iterable[ListedDelivery], total: int, state: str) -> str:
    """Up to MOST_SHOWN deliveries by address, each with its reason, then how many more there are."""
    shown = list(found)[:MOST_SHOWN]
    lines = [f"  {state}: {one.email or '(erased)'}{': ' + one.detail if one.detail else ''}" for one in shown]
    return "\n".join(lines + ([f"  and {total - len(shown):,} more {state}"] if total > len(shown) else []))
