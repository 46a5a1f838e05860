"""Take pictures of an issue's views, before and after, with a Chromium that is on this machine.

One page measures every view; then one picture is taken for each, with both versions side by side. Nothing is fetched:
names lead nowhere, and pictures are inside the pages. Without a Chromium there are no pictures, and the report says so.
"""

from __future__ import annotations

import html
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from newsletter.report.compare import ComparedIssue, IssueVersion

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
SECONDS = 60
"""The time limit of one picture."""
TALLEST = 6000
"""Pixels; a longer email is cut."""
PHONE, DESKTOP = 375, 700
GAP = 24
_HEIGHT = re.compile(r'data-frame="(\d+)" data-height="(\d+)"')
_MEASURE = """<script>addEventListener("load", () => document.querySelectorAll("iframe").forEach(frame => {
frame.dataset.height = Math.max(frame.contentDocument.documentElement.scrollHeight,
frame.contentDocument.body ? frame.contentDocument.body.scrollHeight : 0) }))</script>"""


@dataclass(frozen=True, kw_only=True)
class Shot:
    """A picture to take."""

    name: str
    """`chips-phone.png`."""
    title: str
    width: int
    pages: tuple[str, ...]
    """The HTML before and after; one of them where there is only one."""


def find_chromium() -> str:
    """Return the path of a Chromium; empty when there is none."""
    return next((path for name in PROGRAMS if (path := shutil.which(name))), "")


def shots_of(issue: ComparedIssue) -> list[Shot]:
    """Return the pictures of an issue: the phone, and the desktop in each view."""
    views = (
        ("phone", "Phone", PHONE, "html"),
        ("desktop", "Desktop", DESKTOP, "html"),
        ("dark", "Dark", DESKTOP, "dark"),
        ("no-images", "Without images", DESKTOP, "no-images"),
        ("outlook", "Outlook", DESKTOP, "outlook"),
        ("text", "Text", DESKTOP, "text"),
    )
    shots = []
    for name, title, width, view in views:
        pages = tuple(_page(version, view) for version in (issue.before, issue.after) if version and version.views)
        if pages:
            shots.append(Shot(name=f"{issue.slug}-{name}.png", title=title, width=width, pages=pages))
    return shots


def _page(version: IssueVersion, view: str) -> str:
    content = version.views[view]
    if view != "text":
        return content
    style = "margin:24px;font:14px/21px Menlo,Consolas,monospace;white-space:pre-wrap;overflow-wrap:anywhere"
    return f'<!DOCTYPE html><meta charset="utf-8"><body style="{style}">{html.escape(content)}'


def take(chromium: str, shots: Sequence[Shot], folder: Path) -> list[Shot]:
    """Write the pictures into a folder; return those that were taken."""
    with tempfile.TemporaryDirectory(prefix="newsletter-shots-") as scratch:
        heights = _measure(chromium, shots, Path(scratch))
        with ThreadPoolExecutor(max_workers=max(1, min(4, os.cpu_count() or 1))) as pool:
            done = pool.map(
                lambda pair: _take_one(chromium, pair[1], heights.get(pair[0], 1200), Path(scratch), folder),
                enumerate(shots),
            )
            return [shot for shot, is_taken in zip(shots, done, strict=True) if is_taken]


def _measure(chromium: str, shots: Sequence[Shot], scratch: Path) -> dict[int, int]:
    """Return the height in pixels of the taller page of each picture."""
    frames = "".join(
        f'<iframe data-frame="{number}" style="width:{shot.width}px;height:10px" srcdoc="{html.escape(page)}"></iframe>'
        for number, shot in enumerate(shots)
        for page in shot.pages
    )
    sheet = scratch / "measure.html"
    sheet.write_text(f'<!DOCTYPE html><meta charset="utf-8">{_MEASURE}{frames}', encoding="utf-8")
    dumped = _run(chromium, scratch / "measure", "--dump-dom", sheet.as_uri())
    heights: dict[int, int] = {}
    for attributes in re.findall(r"<iframe [^>]*?srcdoc", dumped) + re.findall(r"<iframe [^>]*>", dumped):
        number = re.search(r'data-frame="(\d+)"', attributes)
        height = re.search(r'data-height="(\d+)"', attributes)
        if number and height:
            heights[int(number[1])] = max(heights.get(int(number[1]), 0), int(height[1]))
    return {number: min(height, TALLEST) for number, height in heights.items()}


def _take_one(chromium: str, shot: Shot, height: int, scratch: Path, folder: Path) -> bool:
    style = f"border:0;width:{shot.width}px;height:{height}px;vertical-align:top"
    frames = "".join(
        f'<iframe style="{style};margin-left:{GAP if number else 0}px" srcdoc="{html.escape(page)}"></iframe>'
        for number, page in enumerate(shot.pages)
    )
    sheet = scratch / f"{shot.name}.html"
    body = f'<body style="margin:0;background:#888;white-space:nowrap;font-size:0">{frames}'
    sheet.write_text(f'<!DOCTYPE html><meta charset="utf-8">{body}', encoding="utf-8")
    width = shot.width * len(shot.pages) + GAP * (len(shot.pages) - 1)
    target = (folder / shot.name).resolve()
    _run(chromium, scratch / shot.name, f"--screenshot={target}", f"--window-size={width},{height}", sheet.as_uri())
    return target.is_file() and target.stat().st_size > 0


def _run(chromium: str, profile: Path, *arguments: str) -> str:
    """Run a Chromium without a window, a network, or a trace on this machine; return its standard output."""
    command = [
        chromium,
        "--headless",
        "--disable-gpu",
        "--no-sandbox",  # runners are root, and the pages are our own
        "--hide-scrollbars",
        "--no-first-run",
        "--disable-extensions",
        "--disable-background-networking",
        "--disable-dev-shm-usage",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={profile}-profile",
        *arguments,
    ]
    try:
        done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace")
