"""Link status: the answers of web addresses, remembered for a day in `.newsletter/links.json`.

Only good answers and refusals of programs are kept. A dead link is requested again by every check, so that a mended
one is seen at once.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from newsletter.times import stamp

KEPT = timedelta(days=1)
FILE = ".newsletter/links.json"


class LinkState(StrEnum):
    """The result of requesting an address."""

    GOOD = "good"
    DEAD = "dead"
    REFUSED = "refused"
    """The server refuses programs; a reader may see the page."""
    SILENT = "silent"
    """The server did not answer in time."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """An address to request, of a page or a picture."""

    url: str
    is_picture: bool = False


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The result for an address, with the reason where it is not good."""

    state: LinkState
    reason: str = ""


def remembered(root: Path, now: datetime) -> dict[Target, Verdict]:
    """Return the verdicts of the last day before `now`; none when the file cannot be read."""
    verdicts: dict[Target, Verdict] = {}
    for entry in _entries(root):
        if stamp(now - KEPT) < entry["at"] <= stamp(now):
            target = Target(url=entry["url"], is_picture=entry["is_picture"])
            verdicts[target] = Verdict(state=LinkState(entry["state"]), reason=entry["reason"])
    return verdicts


def remember(root: Path, verdicts: Mapping[Target, Verdict], now: datetime) -> None:
    """Write new verdicts beside those that are still fresh. The file is replaced whole, or kept on a full disk."""
    kept = [entry for entry in _entries(root) if entry["at"] > stamp(now - KEPT)]
    known = {(entry["url"], entry["is_picture"]) for entry in kept}
    for target, verdict in verdicts.items():
        if verdict.state in (LinkState.GOOD, LinkState.REFUSED) and (target.url, target.is_picture) not in known:
            address = {"url": target.url, "is_picture": target.is_picture}
            kept.append({**address, "at": stamp(now), "state": str(verdict.state), "reason": verdict.reason})
    try:
        _write(root / FILE, json.dumps(kept, ensure_ascii=False, indent=0))
    except OSError:
        return


def _entries(root: Path) -> list[dict[str, Any]]:
    try:
        entries = json.loads((root / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return []
    return [entry for entry in entries if _is_entry(entry)] if isinstance(entries, list) else []


def _is_entry(entry: object) -> bool:
    if not isinstance(entry, dict):
        return False
    texts = all(isinstance(entry.get(key), str) for key in ("url", "at", "state", "reason"))
    return texts and isinstance(entry.get("is_picture"), bool) and entry["state"] in list(LinkState)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # The new file takes the old one's place whole, so a killed check leaves no half of one.
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=".links.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        Path(part).replace(path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
