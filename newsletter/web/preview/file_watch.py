"""Watch a publication's files: yield those that are saved, made, moved or deleted, as it happens.

A watch ends with its folder, and folders come and go. Then another watch begins, and everything counts as changed,
because what happened in between was not seen.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from pathlib import Path

from watchfiles import Change, DefaultFilter, awatch

from newsletter.preview.workspace import Workspace

logger = logging.getLogger(__name__)

STEP, MAX_WAIT = 10, 60
"""Milliseconds of silence after a change, and how long to wait for that silence at most."""
SETTLE_SECONDS = 0.05
"""Seconds after which a new watch sees every change."""
RETRY_SECONDS = 0.5
"""Seconds until another watch begins after one has failed."""
Paths = frozenset[Path]
_FILTER = DefaultFilter()


async def changed_files(workspace: Workspace) -> AsyncGenerator[Paths]:
    """Yield the files that changed, a few milliseconds after the last of them did; without end.

    When the system can watch nothing more, the folders are polled instead.
    """
    polls, is_first = False, True
    while True:
        folders = _existing_folders(workspace)
        try:
            async with aclosing(_watch(workspace.config, folders, polls=polls, is_first=is_first)) as changes:
                async for changed in changes:
                    yield changed
                    if changed & folders or _existing_folders(workspace) != folders:
                        break  # a folder came or went: the watch on it is gone, or not there yet
        except (OSError, RuntimeError):  # the folder is gone, or the system watches too much already
            if not polls:
                logger.warning("files cannot be watched; they are polled from now on", exc_info=True)
            polls = True
            await asyncio.sleep(RETRY_SECONDS)
        is_first = False


def _existing_folders(workspace: Workspace) -> Paths:
    return frozenset(folder for folder in workspace.folders if folder.is_dir())


async def _watch(config: Path, folders: Paths, *, polls: bool, is_first: bool) -> AsyncGenerator[Paths]:
    """Watch newsletter.toml in its folder, and the other folders with everything below them."""
    queue: asyncio.Queue[Paths | BaseException] = asyncio.Queue()
    stop = asyncio.Event()
    watchers = [_feed(queue, stop, [config.parent], config, polls=polls)]
    if folders:
        watchers.append(_feed(queue, stop, folders, None, polls=polls))
    tasks = [asyncio.create_task(watcher) for watcher in watchers]
    if not is_first:
        await asyncio.sleep(SETTLE_SECONDS)
        # A change in the templates makes the workspace forget everything it has built.
        queue.put_nowait(frozenset((config.parent / "templates" / "any",)))
    try:
        while True:
            changed = await _drain(queue)
            if changed:
                yield changed
    finally:
        stop.set()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _feed(
    queue: asyncio.Queue[Paths | BaseException],
    stop: asyncio.Event,
    paths: Iterable[Path],
    config: Path | None,
    *,
    polls: bool,
) -> None:
    """Put the changes in these folders into the queue, and the error that ends the watch.

    With `config` only the folder itself is watched, not what is below it, and only for the publication's own entries.
    """
    try:
        changes = awatch(
            *paths,
            watch_filter=_is_wanted,
            debounce=MAX_WAIT,
            step=STEP,
            # The publication's own folder may hold anything, such as an outbox of many thousand files.
            recursive=config is None,
            stop_event=stop,
            # Milliseconds between two looks at `stop_event`.
            rust_timeout=200,
            force_polling=polls,
        )
        async for changed in changes:
            files = (Path(name) for _, name in changed)
            queue.put_nowait(frozenset(file for file in files if config is None or _is_own(config, file)))
    except (OSError, RuntimeError) as error:
        queue.put_nowait(error)


async def _drain(queue: asyncio.Queue[Paths | BaseException]) -> Paths:
    """Wait for the queue's first entry and return all changes in it. Raises the error that ended a watch."""
    changed: set[Path] = set()
    entry = await queue.get()
    while True:
        if isinstance(entry, BaseException):
            raise entry
        changed |= entry
        if queue.empty():
            return frozenset(changed)
        entry = queue.get_nowait()


def _is_wanted(change: Change, path: str) -> bool:
    return _FILTER(change, path)


def _is_own(config: Path, path: Path) -> bool:
    """Tell whether a path in the publication's folder is its settings, or one of its folders that come and go."""
    return path == config or path in (config.parent / "issues", config.parent / "templates", config.parent / "images")
