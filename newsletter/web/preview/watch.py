"""The watch: lets the workshop forget what was saved, and tells the pages that look at it what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from starlette.concurrency import run_in_threadpool

from newsletter.errors import NewsletterError
from newsletter.issues.issue import issue_files, slug_of
from newsletter.preview.workspace import Gone, Work, Workshop
from newsletter.web.preview.changes import changes
from newsletter.web.preview.events import INBOX, Events, News

SECOND_THOUGHT = 0.12
"""Seconds after which a mistake is told: editors empty a file, or put it away, before they write it."""


async def watch(workshop: Workshop, told: Events) -> None:
    """Until cancelled: whatever is saved is built, once for all that look at it."""
    async for changed in changes(workshop):
        await run_in_threadpool(workshop.refresh, changed)
        told.tell(INBOX, "inbox", {})
        telling = (_tell(workshop, told, topic, changed) for topic in told.topics if topic)
        _report(await asyncio.gather(*telling, return_exceptions=True))


def _report(outcomes: Iterable[object]) -> None:
    """Mistakes of the program's own are said on the terminal, and the watch goes on."""
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            context = {"message": "the preview could not tell of a change", "exception": outcome}
            asyncio.get_running_loop().call_exception_handler(context)


async def _tell(workshop: Workshop, told: Events, slug: str, changed: frozenset[Path]) -> None:
    told.tell(slug, *await news_of(workshop, slug, changed))


async def news_of(workshop: Workshop, slug: str, changed: Iterable[Path] = ()) -> tuple[str, News]:
    """What there is to tell of an issue as it is now: its kind, and what a page must know to decide what it shows."""
    try:
        work = await run_in_threadpool(_work, workshop, slug)
        if work is None or work.failure:
            await asyncio.sleep(SECOND_THOUGHT)
            work = await run_in_threadpool(_work, workshop, slug)
        if work is None:
            return "gone", {"successor": await run_in_threadpool(successor, workshop, changed)}
        return "issue", {"digest": work.digest, "trace": work.trace, "failed": bool(work.failure)}
    except NewsletterError as error:
        return "trouble", {"message": str(error)}


def _work(workshop: Workshop, slug: str) -> Work | None:
    try:
        return workshop.work(slug)
    except Gone:
        return None


def successor(workshop: Workshop, changed: Iterable[Path]) -> str:
    """The slug of the one issue file that came when another went: it was renamed. Empty when there is none."""
    came = [path for path in issue_files(workshop.publication) if path in changed]
    return slug_of(came[0]) if len(came) == 1 else ""
