"""The watch: sees files change, lets the workshop forget, and tells the pages that look at what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from watchfiles import Change, DefaultFilter, awatch

from newsletter.errors import NewsletterError
from newsletter.issues import issue_files, slug_of
from newsletter.web.preview.events import INBOX, Events
from newsletter.workshop import Gone, Work, Workshop

STEP, MOST = 10, 60
"""Milliseconds of silence after a change, and what is waited for at most."""
SECOND_THOUGHT = 0.12
"""Seconds after which a mistake is told: editors empty a file before they write it."""


async def watch(workshop: Workshop, told: Events) -> None:
    """Until cancelled: whatever is saved is built, once for all that look at it."""
    async for changed in changes(workshop):
        await run_in_threadpool(workshop.refresh, changed)
        told.tell(INBOX, "inbox", {})
        await asyncio.gather(*(_tell(workshop, told, topic, changed) for topic in told.topics if topic))


async def _tell(workshop: Workshop, told: Events, slug: str, changed: frozenset[Path]) -> None:
    try:
        work = await run_in_threadpool(workshop.work, slug)
        if work.failure:
            await asyncio.sleep(SECOND_THOUGHT)
            work = await run_in_threadpool(workshop.work, slug)
    except Gone:
        told.tell(slug, "gone", {"successor": await run_in_threadpool(successor, workshop, changed)})
    except NewsletterError as error:
        told.tell(slug, "trouble", {"message": str(error)})
    else:
        told.tell(slug, "issue", news_of(work))


def news_of(work: Work) -> dict[str, object]:
    """What a page must know to decide whether it shows what is."""
    return {"digest": work.digest, "trace": work.trace, "failed": bool(work.failure)}


def successor(workshop: Workshop, changed: Iterable[Path]) -> str:
    """The slug of the one issue file that came when another went: it was renamed. Empty when there is none."""
    came = [path for path in issue_files(workshop.publication) if path in changed]
    return slug_of(came[0]) if len(came) == 1 else ""


async def changes(workshop: Workshop) -> AsyncIterator[frozenset[Path]]:
    """The files that changed, a few milliseconds after the last of them did."""
    while True:
        folders = {folder for folder in workshop.folders if folder.is_dir()}
        async with aclosing(_both(workshop.config, folders)) as seen:
            async for found in seen:
                yield found
                if found & folders or {folder for folder in workshop.folders if folder.is_dir()} != folders:
                    break  # a folder came or went: the watch on it is gone, or not there yet


async def _both(config: Path, folders: set[Path]) -> AsyncGenerator[frozenset[Path]]:
    """newsletter.toml and its folder by itself, the other folders with all that is below them."""
    queue: asyncio.Queue[set[Path]] = asyncio.Queue()
    stop = asyncio.Event()

    async def feed(paths: Iterable[Path], *, deep: bool) -> None:
        found = awatch(
            *paths, watch_filter=_wanted, debounce=MOST, step=STEP, recursive=deep, stop_event=stop, rust_timeout=200
        )
        async for changed in found:
            queue.put_nowait({Path(name) for _, name in changed if deep or _is_own(config, Path(name))})

    tasks = [asyncio.create_task(feed([config.parent], deep=False))]
    if folders:
        tasks.append(asyncio.create_task(feed(folders, deep=True)))
    try:
        while True:
            changed = await queue.get()
            while not queue.empty():
                changed |= queue.get_nowait()
            if changed:
                yield frozenset(changed)
    finally:
        stop.set()
        await asyncio.gather(*tasks, return_exceptions=True)


_FILTER = DefaultFilter()


def _wanted(change: Change, path: str) -> bool:
    return _FILTER(change, path)


def _is_own(config: Path, path: Path) -> bool:
    """In the publication's folder: its settings, and folders that come and go."""
    return path == config or path in (config.parent / "issues", config.parent / "templates", config.parent / "images")
