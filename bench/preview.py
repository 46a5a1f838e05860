"""Measure the time from a save to the pixels of the preview in Chromium against a bare build of the issue.

The clock starts before the file is written and stops when the browser has painted the new email. In between, the
preview notices the change, builds the issue and tells the page; the page fetches, lays out and swaps the email. The
bare build is that parse and build in this process.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from playwright.sync_api import Page, sync_playwright

from bench.sample import SLUG, issue, publication
from bench.timing import COMMAND, report
from newsletter.config import load_publication
from newsletter.issues.parse import parse_issue
from newsletter.rendering.build import build
from newsletter.rendering.theme import Theme

ROUNDS = 31
PORT = 8765
CHROMIUM = "/usr/bin/chromium"
WAIT_FOR_PAINT = """() => {
  window.painted = new Promise((resolve) => {
    const seen = new MutationObserver((changes) => {
      if (!changes.some((change) => [...change.removedNodes].some((node) => node.tagName === "IFRAME"))) return;
      seen.disconnect();
      requestAnimationFrame(() => {
        const channel = new MessageChannel();  // what is posted in a frame arrives when it is on the screen
        channel.port1.onmessage = () => resolve(performance.timeOrigin + performance.now());
        channel.port2.postMessage("");
      });
    });
    seen.observe(document.getElementById("single"), {childList: true, subtree: true});
  });
}"""


def main() -> None:
    """Print both medians and the ratio."""
    with publication() as folder:
        path = folder / "issues" / f"2025-01-17-{SLUG}.md"
        bare = _bare(folder, path)
        with _previewing(folder) as page:
            taken = [_saved(page, path, number) for number in range(ROUNDS)][1:]
        size = len(build_html(folder, path)) // 1000
    rows = [
        (f"parse and build, {size} KB of HTML, median of {ROUNDS}", f"{bare * 1000:.0f} ms"),
        ("save to pixels, median", f"{median(taken) * 1000:.0f} ms"),
        ("save to pixels, nine of ten", f"{sorted(taken)[int(len(taken) * 0.9)] * 1000:.0f} ms"),
        ("ratio", f"{median(taken) / bare:.1f}"),
    ]
    report("Preview: save to pixels in Chromium / bare build", rows, "at most 150 ms")


def build_html(folder: Path, path: Path) -> str:
    """Build the issue's current file; return its HTML."""
    known = load_publication(folder / "newsletter.toml")
    theme = Theme(publication=known)
    return build(parse_issue(path, known, theme.kinds, theme.templates), theme).message.html


def _bare(folder: Path, path: Path) -> float:
    known = load_publication(folder / "newsletter.toml")
    theme = Theme(publication=known)
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        build(parse_issue(path, known, theme.kinds, theme.templates), theme)
        taken.append(time.perf_counter() - began)
    return median(taken[1:])


@contextmanager
def _previewing(folder: Path) -> Iterator[Page]:
    """Start the preview; yield the issue's page in Chromium once it shows the email."""
    command = [COMMAND, "preview", "--no-open", "--port", str(PORT)]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            url = process.stdout.readline().strip()
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
                page = browser.new_page(viewport={"width": 1280, "height": 900})
                page.goto(f"{url}issues/{SLUG}")
                page.wait_for_selector("#stage[data-shown]")
                yield page
                browser.close()
        finally:
            process.terminate()


def _saved(page: Page, path: Path, number: int) -> float:
    """Save a change; return the seconds until its email is painted."""
    page.wait_for_timeout(600)  # an author types meanwhile, and the panel of problems is filled
    page.evaluate(WAIT_FOR_PAINT)
    began = time.time()
    path.write_text(issue().replace("Good morning", f"Good morning number {number}"), encoding="utf-8")
    painted: float = page.evaluate("() => window.painted")
    return painted / 1000 - began


if __name__ == "__main__":
    main()
