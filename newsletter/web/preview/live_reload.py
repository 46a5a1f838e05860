"""Rebuild what was saved, and decide what the open pages must know of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from pathlib import Path

from starlette.concurrency import run_in_threadpool

from newsletter.errors import NewsletterError
from newsletter.issues.issue import issue_files, slug_of
from newsletter.preview.workspace import BuiltIssue, IssueNotFound, Workspace
from newsletter.web.preview.file_watch import changed_files
from newsletter.web.preview.open_pages import INBOX, ISSUELESS, RESULTS, OpenPages, Update

logger = logging.getLogger(__name__)

SECOND_LOOK = 0.12
"""Seconds after which a failed build is tried again: editors empty a file, or move it, before they write it."""


async def watch(workspace: Workspace, open_pages: OpenPages) -> None:
    """Build what is saved, once for all pages that show it, and publish the updates; runs until cancelled."""
    async for changed in changed_files(workspace):
        await run_in_threadpool(workspace.refresh, changed)
        open_pages.publish(INBOX, "inbox", {})
        open_pages.publish(RESULTS, "figures", {})
        publishing = (
            _publish_issue(workspace, open_pages, topic, changed) for topic in open_pages.topics - {*ISSUELESS}
        )
        _log_errors(await asyncio.gather(*publishing, return_exceptions=True))


def _log_errors(outcomes: Iterable[object]) -> None:
    """Log mistakes in the program; the watch goes on."""
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            logger.error("the preview could not update a page after a change", exc_info=outcome)


async def _publish_issue(workspace: Workspace, open_pages: OpenPages, slug: str, changed: frozenset[Path]) -> None:
    open_pages.publish(slug, *await issue_update(workspace, slug, changed))


async def issue_update(workspace: Workspace, slug: str, changed: Iterable[Path] = ()) -> tuple[str, Update]:
    """Return an update's kind and data: what a page must know to decide whether it shows the issue as it is now.

    Kinds: `issue` (it was built, or failed), `gone` (with its successor's slug, if it was renamed), `trouble`
    (newsletter.toml or a template is wrong).
    """
    try:
        work = await run_in_threadpool(_built_issue, workspace, slug)
        if work is None or work.failure:
            await asyncio.sleep(SECOND_LOOK)
            work = await run_in_threadpool(_built_issue, workspace, slug)
        if work is None:
            return "gone", {"successor": await run_in_threadpool(successor, workspace, changed)}
        return "issue", {"digest": work.digest, "trace": work.trace, "failed": bool(work.failure)}
    except NewsletterError as error:
        return "trouble", {"message": str(error)}


def _built_issue(workspace: Workspace, slug: str) -> BuiltIssue | None:
    try:
        return workspace.issue(slug)
    except IssueNotFound:
        return None


def successor(workspace: Workspace, changed: Iterable[Path]) -> str:
    """Return the slug that a renamed issue has now: that of the only issue file among `changed`; empty if unknown."""
    new_files = [path for path in issue_files(workspace.publication) if path in changed]
    return slug_of(new_files[0]) if len(new_files) == 1 else ""
