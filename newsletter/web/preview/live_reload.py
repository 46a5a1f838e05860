"""The watch: lets the workspace forget what was saved, and tells the pages that look at it what came of it.

Changes: which files of a publication are saved, made, moved and deleted, as it happens.

Folders come and go, and a watch ends with its folder; then a new one begins, and what changed in between is
made up for.

Events: what open pages look at, and what they have not been told yet.

A page that is slow gets the newest of what it missed, not all of it. How it is told is in `stream`.

The stream an open page listens to (server-sent events, HTML standard 9.2): first what is, then what changes.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from watchfiles import Change, DefaultFilter, awatch

from newsletter.errors import NewsletterError
from newsletter.issues.issue import issue_files, slug_of
from newsletter.preview.workspace import BuiltIssue, IssueNotFound, Workspace
from newsletter.web.preview.pages import workspace_of

SECOND_THOUGHT = 0.12
"""Seconds after which a mistake is told: editors empty a file, or put it away, before they write it."""


async def watch(workspace: Workspace, told: Events) -> None:
    """Until cancelled: whatever is saved is built, once for all that look at it."""
    async for changed in changes(workspace):
        await run_in_threadpool(workspace.refresh, changed)
        told.tell(INBOX, "inbox", {})
        telling = (_tell(workspace, told, topic, changed) for topic in told.topics if topic)
        _report(await asyncio.gather(*telling, return_exceptions=True))


def _report(outcomes: Iterable[object]) -> None:
    """Mistakes of the program's own are said on the terminal, and the watch goes on."""
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            context = {"message": "the preview could not tell of a change", "exception": outcome}
            asyncio.get_running_loop().call_exception_handler(context)


async def _tell(workspace: Workspace, told: Events, slug: str, changed: frozenset[Path]) -> None:
    told.tell(slug, *await news_of(workspace, slug, changed))


async def news_of(workspace: Workspace, slug: str, changed: Iterable[Path] = ()) -> tuple[str, News]:
    """What there is to tell of an issue as it is now: its kind, and what a page must know to decide what it shows."""
    try:
        work = await run_in_threadpool(_work, workspace, slug)
        if work is None or work.failure:
            await asyncio.sleep(SECOND_THOUGHT)
            work = await run_in_threadpool(_work, workspace, slug)
        if work is None:
            return "gone", {"successor": await run_in_threadpool(successor, workspace, changed)}
        return "issue", {"digest": work.digest, "trace": work.trace, "failed": bool(work.failure)}
    except NewsletterError as error:
        return "trouble", {"message": str(error)}


def _work(workspace: Workspace, slug: str) -> BuiltIssue | None:
    try:
        return workspace.issue(slug)
    except IssueNotFound:
        return None


def successor(workspace: Workspace, changed: Iterable[Path]) -> str:
    """The slug of the one issue file that came when another went: it was renamed. Empty when there is none."""
    came = [path for path in issue_files(workspace.publication) if path in changed]
    return slug_of(came[0]) if len(came) == 1 else ""


STEP, MOST = 10, 60
"""Milliseconds of silence after a change, and what is waited for at most."""
SETTLED = 0.05
"""Seconds after which a watch that has just begun sees everything."""
AGAIN = 0.5
"""Seconds until a watch that failed is tried again, by looking instead of being told."""
Changed = frozenset[Path]


async def changes(workspace: Workspace) -> AsyncGenerator[Changed]:
    """The files that changed, a few milliseconds after the last of them did; without end."""
    polls, begins_anew = False, False
    while True:
        folders = _there(workspace)
        try:
            async with aclosing(_seen(workspace.config, folders, polls=polls, begins_anew=begins_anew)) as seen:
                async for found in seen:
                    yield found
                    if found & folders or _there(workspace) != folders:
                        break  # a folder came or went: the watch on it is gone, or not there yet
        except (OSError, RuntimeError):  # the folder is gone, or the system watches too much already
            polls = True
            await asyncio.sleep(AGAIN)
        begins_anew = True


def _there(workspace: Workspace) -> Changed:
    return frozenset(folder for folder in workspace.folders if folder.is_dir())


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


HEARTBEAT = 15.0
"""Seconds of silence after which a comment keeps the connection open."""
INBOX = ""
"""The topic of the start page; any other is an issue's slug."""
News = Mapping[str, object]


class PageListener:
    """One open page: what it looks at, and what it has not been told yet, the newest of each kind."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self._news: dict[str, News] = {}
        self._woken = asyncio.Event()

    def tell(self, kind: str, news: News) -> None:
        """Remember as the last, and wake the page's stream."""
        self._news.pop(kind, None)
        self._news[kind] = news
        self._woken.set()

    def wake(self) -> None:
        """Let the stream look whether it should end."""
        self._woken.set()

    async def heard(self) -> list[tuple[str, News]]:
        """What is new, or nothing after HEARTBEAT."""
        try:
            await asyncio.wait_for(self._woken.wait(), HEARTBEAT)
        except TimeoutError:
            return []
        self._woken.clear()
        news, self._news = self._news, {}
        return list(news.items())


class Events:
    """Who looks at what. Used from the event loop only."""

    def __init__(self) -> None:
        self._listeners: set[PageListener] = set()
        self.is_open = False

    def open(self) -> None:
        """Take listeners from now on."""
        self.is_open = True

    def close(self) -> None:
        """End every stream."""
        self.is_open = False
        for listener in self._listeners:
            listener.wake()

    @property
    def topics(self) -> frozenset[str]:
        """What somebody looks at."""
        return frozenset(listener.topic for listener in self._listeners)

    def tell(self, topic: str, kind: str, news: News) -> None:
        """Tell everybody who looks at it."""
        for listener in self._listeners:
            if listener.topic == topic:
                listener.tell(kind, news)

    @contextmanager
    def listener(self, topic: str) -> Iterator[PageListener]:
        """A page that looks, as long as it does."""
        listener = PageListener(topic)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)


async def stream(request: Request) -> Response:
    """`/events?issue=slug`, or without a slug the start page's."""
    told = request.app.state.told
    assert isinstance(told, Events)
    topic = request.query_params.get("issue", INBOX)
    written = _written(told, topic, workspace_of(request), str(request.app.state.start))
    return StreamingResponse(written, media_type="text/event-stream")


async def _written(told: Events, topic: str, workspace: Workspace, start: str) -> AsyncIterator[str]:
    """Which start of the preview this is, what is now, then news; much may have been told since the page was made."""
    yield "retry: 500\n\n" + _event("hello", {"start": start})
    with told.listener(topic) as listener:
        yield _event(*await _now(workspace, topic))
        while told.is_open:
            heard = await listener.heard()
            yield "".join(_event(kind, news) for kind, news in heard) or ": still here\n\n"


async def _now(workspace: Workspace, topic: str) -> tuple[str, News]:
    return ("inbox", {}) if topic == INBOX else await news_of(workspace, topic)


def _event(kind: str, news: News) -> str:
    return f"event: {kind}\ndata: {json.dumps(news)}\n\n"


ROUTES = [Route("/events", stream)]
