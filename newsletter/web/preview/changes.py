"""Changes: which files of a publication are saved, made, moved and deleted, as it happens.

Folders come and go, and a watch ends with its folder; then a new one begins, and what changed in between is
made up for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from pathlib import Path

from watchfiles import Change, DefaultFilter, awatch

from newsletter.preview.workspace import Workshop

STEP, MOST = 10, 60
"""Milliseconds of silence after a change, and what is waited for at most."""
SETTLED = 0.05
"""Seconds after which a watch that has just begun sees everything."""
AGAIN = 0.5
"""Seconds until a watch that failed is tried again, by looking instead of being told."""
Changed = frozenset[Path]


async def changes(workshop: Workshop) -> AsyncGenerator[Changed]:
    """The files that changed, a few milliseconds after the last of them did; without end."""
    polls, begins_anew = False, False
    while True:
        folders = _there(workshop)
        try:
            async with aclosing(_seen(workshop.config, folders, polls=polls, begins_anew=begins_anew)) as seen:
                async for found in seen:
                    yield found
                    if found & folders or _there(workshop) != folders:
                        break  # a folder came or went: the watch on it is gone, or not there yet
        except (OSError, RuntimeError):  # the folder is gone, or the system watches too much already
            polls = True
            await asyncio.sleep(AGAIN)
        begins_anew = True


def _there(workshop: Workshop) -> Changed:
    return frozenset(folder for folder in workshop.folders if folder.is_dir())


async def _seen(config: Path, folders: Changed, *, polls: bool, begins_anew: bool) -> AsyncGenerator[Changed]:
    """newsletter.toml and its folder by itself, the other folders with all that is below them."""
    queue: asyncio.Queue[Changed | BaseException] = asyncio.Queue()
    stop = asyncio.Event()
    feeds = [_feed(queue, stop, [config.parent], config, polls=polls)]
    if folders:
        feeds.append(_feed(queue, stop, folders, None, polls=polls))
    tasks = [asyncio.create_task(feed) for feed in feeds]
    if begins_anew:
        await asyncio.sleep(SETTLED)
        queue.put_nowait(frozenset((config.parent / "templates" / "any",)))
    try:
        while True:
            changed = await _all_of(queue)
            if changed:
                yield changed
    finally:
        stop.set()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _feed(
    queue: asyncio.Queue[Changed | BaseException],
    stop: asyncio.Event,
    paths: Iterable[Path],
    config: Path | None,
    *,
    polls: bool,
) -> None:
    """Put into the queue what changes in these folders; with `config`, not below them, and only what counts there."""
    try:
        found = awatch(
            *paths,
            watch_filter=_wanted,
            debounce=MOST,
            step=STEP,
            recursive=config is None,
            stop_event=stop,
            rust_timeout=200,
            force_polling=polls,
        )
        async for changed in found:
            files = (Path(name) for _, name in changed)
            queue.put_nowait(frozenset(file for file in files if config is None or _is_own(config, file)))
    except (OSError, RuntimeError) as error:
        queue.put_nowait(error)


async def _all_of(queue: asyncio.Queue[Changed | BaseException]) -> Changed:
    """Everything in the queue, once something is. Raises what a watch raised."""
    changed: set[Path] = set()
    found = await queue.get()
    while True:
        if isinstance(found, BaseException):
            raise found
        changed |= found
        if queue.empty():
            return frozenset(changed)
        found = queue.get_nowait()


_FILTER = DefaultFilter()


def _wanted(change: Change, path: str) -> bool:
    return _FILTER(change, path)


def _is_own(config: Path, path: Path) -> bool:
    """In the publication's folder: its settings, and folders that come and go."""
    return path == config or path in (config.parent / "issues", config.parent / "templates", config.parent / "images")
