"""Take the README's pictures: a sent issue in Chromium, on a desktop and a phone, in light and in dark.

It sends the newest sample issue to one reader of a temporary publication through the outbox, and opens the `.eml` that
the outbox wrote. It also builds the static archive of all sample issues. `make pictures` runs it; it needs Chromium and
no network.
"""

from __future__ import annotations

import base64
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Route, sync_playwright

ROOT = Path(__file__).parent.parent
OUT = ROOT / "docs" / "images"
SHEET = """<!doctype html><style>
body { margin: 0; padding: 8px; display: flex; gap: 24px; align-items: flex-start; width: max-content; }
img { display: block; border-radius: 12px; border: 1px solid #8888; }
</style>"""


@dataclass(frozen=True, kw_only=True)
class View:
    """A window on the email: width and height, colour scheme, and the element to scroll to."""

    width: int
    height: int
    scheme: Literal["light", "dark"]
    at: str = "body"
    """The selector of the element at the top of the picture."""
    margin: int = 0
    """Pixels of the page that are cut off at each side."""


DESKTOP = [View(width=1024, height=840, scheme=scheme, margin=190) for scheme in ("light", "dark")]
PHONE = [
    View(width=375, height=680, scheme="light"),
    View(width=375, height=680, scheme="dark"),
    View(width=375, height=680, scheme="dark", at=".news h3"),
]
ARCHIVE = [
    ("issues/index.html", View(width=960, height=760, scheme="light", margin=160)),
    ("issues/index.html", View(width=375, height=760, scheme="dark")),
    ("issues/sanctions-so-far/index.html", View(width=375, height=760, scheme="light", at=".join")),
]


def main() -> None:
    """Write docs/images/desktop.png, phone.png and archive.png."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        html = _html(_sent(Path(folder)))
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for name, views in (("desktop", DESKTOP), ("phone", PHONE)):
            _compose(browser, [_shot(browser, html, view) for view in views], OUT / f"{name}.png")
        site = _site(Path(folder))
        _compose(browser, [_shot(browser, site / page, view) for page, view in ARCHIVE], OUT / "archive.png")
        browser.close()


def _sent(folder: Path) -> Path:
    """Send the newest sample issue to one reader; return the message that the outbox wrote."""
    for name in ("issues", "images"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "newsletter.toml", folder)
    slug = max(path.stem for path in (folder / "issues").glob("*.md"))[len("2025-01-17-") :]
    for words in (["subscribers", "add", "ada@example.com", "--first-name", "Ada"], ["send", slug, "--yes"]):
        subprocess.run([sys.executable, "-m", "newsletter", *words], cwd=folder, check=True, capture_output=True)
    return next((folder / "outbox").rglob("*.eml"))


def _site(folder: Path) -> Path:
    """Build the static archive; return its folder."""
    words = ["build", "--site", "public", "--until", "2025-01-17"]
    subprocess.run([sys.executable, "-m", "newsletter", *words], cwd=folder, check=True, capture_output=True)
    return folder / "public"


def _html(eml: Path) -> str:
    body = message_from_bytes(eml.read_bytes(), policy=policy.default).get_body(("html",))
    assert body is not None
    return str(body.get_content())


def _shot(browser: Browser, shown: str | Path, view: View) -> bytes:
    """Return a picture of HTML, or of a file, through a view."""
    page = browser.new_page(viewport={"width": view.width, "height": view.height}, color_scheme=view.scheme)
    if isinstance(shown, Path):
        page.goto(shown.as_uri())
    else:
        page.route("**/*", _answer)
        page.set_content(shown)
    page.locator(view.at).first.evaluate("element => scrollTo(0, element.getBoundingClientRect().top - 104)")
    clip = {"x": view.margin, "y": 0, "width": view.width - 2 * view.margin, "height": view.height}
    shot = page.screenshot(clip=clip)  # type: ignore[arg-type]
    page.close()
    return shot


def _answer(route: Route) -> None:
    """Answer requests for pictures from the repository, and abort all others."""
    path = ROOT / "images" / route.request.url.rpartition("/images/")[2]
    if path.is_file():
        route.fulfill(path=path)
    else:
        route.abort()


def _compose(browser: Browser, shots: list[bytes], out: Path) -> None:
    """Write the shots side by side on a transparent ground."""
    images = "".join(f'<img src="data:image/png;base64,{base64.b64encode(shot).decode()}">' for shot in shots)
    page = browser.new_page(viewport={"width": 2000, "height": 1200})
    page.set_content(SHEET + images)
    page.locator("body").screenshot(path=out, omit_background=True)
    page.close()


if __name__ == "__main__":
    main()
