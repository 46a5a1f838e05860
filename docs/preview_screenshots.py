"""Take the pictures of the preview: an issue with its problems, all views, the start page, writing, comparing, results.

It runs `newsletter preview` on a temporary publication made of the samples: two are sent, one is a draft with mistakes.
The results are those of another one, whose history is made up (made_up_history.py).
`make pictures` runs it; it needs Chromium and no network.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from made_up_history import make_history
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parent.parent
OUT = ROOT / "docs" / "images"
READERS = "email,first_name\n" + "".join(f"reader{n}@example.com,Reader {n}\n" for n in range(1_204))
SENT = ("zero-sum", "sanctions-so-far")
DRAFT = "chip-rules"
MISTAKES = (
    ("in four minutes.", "in four minutes. [Click here](http://example.com/rules) for the rules."),
    ("Developers in China", "Developers {{ first_name }} in China"),
)
REWRITTEN = (
    ("development slowed, but the will", "progress slowed, but the will"),
    ("- How they will be enforced is open as well.\n", ""),
    (
        "Technological self-reliance is now a firmer goal than it was.",
        "Self-reliance is a firmer goal than it was a year ago.",
    ),
)
"""The changes to the second sent issue after its campaign."""


def main() -> None:
    """Write docs/images/preview.png, -grid, -inbox, -write, -compare, and results.png, -issue, -phone."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        with _previewed(_publication(Path(folder))) as url:
            with _page(browser, f"{url}issues/{DRAFT}?width=768", "light", 1360, 860) as page:
                page.locator(".problem").first.hover()
                page.wait_for_timeout(400)
                page.screenshot(path=OUT / "preview.png")
            with _page(browser, f"{url}issues/{DRAFT}?view=grid&panel=none", "dark", 1360, 860) as page:
                page.locator(".cell[data-view=html] .scroll").evaluate("window => window.scrollTo(0, 260)")
                page.wait_for_timeout(400)
                page.screenshot(path=OUT / "preview-grid.png")
            with _page(browser, f"{url}issues/{DRAFT}/edit", "light", 1360, 760) as page:
                page.locator("#problems-switch").click()
                page.locator("#problems button", has_text="first_name").first.click()
                page.wait_for_timeout(800)
                page.screenshot(path=OUT / "preview-write.png")
            with _page(browser, f"{url}issues/{SENT[1]}/compare?with=campaign:2", "light", 1100, 620) as page:
                page.screenshot(path=OUT / "preview-compare.png")
        with _previewed(_with_history(Path(folder) / "history")) as url:
            with _page(browser, url, "light", 1100, 420) as page:
                page.screenshot(path=OUT / "preview-inbox.png")
            with _page(browser, f"{url}results", "light", 1200, 1000) as page:
                page.screenshot(path=OUT / "results.png")
            with _page(browser, f"{url}results", "dark", 375, 760) as page:
                page.screenshot(path=OUT / "results-phone.png")
            with _page(browser, f"{url}issues/{DRAFT}/results", "light", 1280, 860) as page:
                page.locator("#letter").evaluate("letter => letter.scrollTo(0, 60)")
                page.screenshot(path=OUT / "results-issue.png")
        browser.close()


def _publication(folder: Path) -> Path:
    for name in ("issues", "images"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "newsletter.toml", folder)
    (folder / "readers.csv").write_text(READERS, encoding="utf-8")
    _run(folder, "subscribers", "import", "readers.csv")
    for slug in SENT:
        _run(folder, "send", slug, "--yes")
    _edit(folder, DRAFT, MISTAKES)
    _edit(folder, SENT[1], REWRITTEN)
    return folder


def _with_history(folder: Path) -> Path:
    """Make a publication with a month of issues behind it; the next one is scheduled."""
    for name in ("issues", "images"):
        shutil.copytree(ROOT / name, folder / name)
    settings = (ROOT / "newsletter.toml").read_text(encoding="utf-8")
    (folder / "newsletter.toml").write_text(f'{settings}\n[tracking]\nlevel = "individual"\n', encoding="utf-8")
    make_history(folder, DRAFT)
    tomorrow = datetime.now().date() + timedelta(days=1)
    _run(folder, "schedule", SENT[1], "--at", f"{tomorrow} 07:00", "--yes")
    return folder


def _edit(folder: Path, slug: str, changes: Sequence[tuple[str, str]]) -> None:
    file = next((folder / "issues").glob(f"*-{slug}.md"))
    text = file.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")


def _run(folder: Path, *words: str) -> None:
    subprocess.run([sys.executable, "-m", "newsletter", *words], cwd=folder, check=True, capture_output=True)


@contextmanager
def _previewed(folder: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "newsletter", "preview", "--no-open", "--port", "8700"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@contextmanager
def _page(browser: Browser, url: str, scheme: Literal["light", "dark"], width: int, height: int) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.goto(url)
    page.wait_for_timeout(1_500)
    yield page
    page.close()


if __name__ == "__main__":
    main()
