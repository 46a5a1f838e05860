"""Link probe: request web addresses gently and say whether they answer.

Each address gets HEAD, then GET. Requests run side by side, but at most two on one host, and none on a host that did
not answer before. `network` decides which addresses are allowed; `context.link_status` remembers results.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from urllib.parse import urlsplit

from newsletter.checks.context.link_status import LinkState, Target, Verdict
from newsletter.network import FetchError, NetworkAccess, NetworkFailure

AT_ONCE = 8
"""Requests at one time."""
PER_HOST = 2
"""Requests at one time on one host."""
SECONDS = 10.0
"""Seconds for one answer with its redirects."""
PATIENCE = 2
"""Requests without an answer, one after the other, after which a host gets no more."""
REFUSALS = frozenset((403, 405, 429, 999))
"""Statuses with which servers refuse programs where a reader may see a page (999 is LinkedIn's)."""


def probe_all(
    network: NetworkAccess, targets: Iterable[Target], done: Callable[[], None] = lambda: None
) -> dict[Target, Verdict]:
    """Request each address and return the results; `done` is called after each one, from any thread."""
    stop = threading.Event()
    verdicts: dict[Target, Verdict] = {}
    timed = replace(network, step=min(network.step, SECONDS), whole=min(network.whole, SECONDS))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        lanes = [pool.submit(_lane, timed, lane, done, stop) for lane in _lanes(targets)]
        try:
            for lane in as_completed(lanes):
                verdicts.update(lane.result())
        except BaseException:
            # An interrupted check does not wait for requests that were not sent yet.
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return verdicts


def _lanes(targets: Iterable[Target]) -> Iterator[Sequence[Target]]:
    """Yield the addresses in rows, at most PER_HOST rows for each host; a row's requests follow one another."""
    hosts: dict[str, list[Target]] = defaultdict(list)
    for target in dict.fromkeys(targets):
        hosts[urlsplit(target.url).hostname or ""].append(target)
    for addresses in hosts.values():
        yield from (addresses[start::PER_HOST] for start in range(min(PER_HOST, len(addresses))))


def _lane(
    network: NetworkAccess, lane: Sequence[Target], done: Callable[[], None], stop: threading.Event
) -> dict[Target, Verdict]:
    """Request the addresses of one row in turn, until its host has not answered too often."""
    verdicts: dict[Target, Verdict] = {}
    silent = 0
    for target in lane:
        if stop.is_set():
            break
        if silent < PATIENCE:
            verdicts[target] = probe(network, target)
            silent = silent + 1 if verdicts[target].state is LinkState.SILENT else 0
        else:
            verdicts[target] = Verdict(state=LinkState.SILENT, reason="its host did not answer before")
        done()
    return verdicts


def probe(network: NetworkAccess, target: Target) -> Verdict:
    """Request one address and return the result."""
    from newsletter.fetch import ask  # imports requests, which a check without --online does not need

    verdict = Verdict(state=LinkState.DEAD)
    for method in ("HEAD", "GET"):  # many servers answer HEAD wrongly, or not at all
        try:
            answer = ask(network, method, target.url, most_bytes=0)
        except FetchError as error:
            verdict = _unanswered(error)
            if error.failure not in (NetworkFailure.BROKEN, NetworkFailure.SILENT):
                return verdict
            continue
        verdict = _answered(target, answer.status, answer.kind)
        if verdict.state is LinkState.GOOD:
            return verdict
    return verdict


def _answered(target: Target, status: int, kind: str) -> Verdict:
    if status in REFUSALS:
        return Verdict(state=LinkState.REFUSED, reason=f"its server answers {status} to programs")
    if status >= 400:
        return Verdict(state=LinkState.DEAD, reason=f"its server answers {status}")
    if target.is_picture and kind and not kind.startswith(("image/", "application/octet-stream")):
        return Verdict(state=LinkState.DEAD, reason=f"its server sends {kind}, which is no picture")
    return Verdict(state=LinkState.GOOD)


def _unanswered(error: FetchError) -> Verdict:
    state = LinkState.SILENT if error.failure is NetworkFailure.SILENT else LinkState.DEAD
    return Verdict(state=state, reason=error.message)
