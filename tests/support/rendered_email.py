"""Build emails with the command, open them in Chromium, and measure them.

tests/rendering/test_theme.py says what an email should look like.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, Page, Route

from tests import ROOT
from tests.support.fork_server import run_command

Scheme = Literal["light", "dark"]

CONTRASTS = """() => {
  const channel = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = numbers(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.replace(/[\\s\\u034f\\u200c]/g, "") || !element.offsetHeight) continue;
    const both = [luminance(numbers(getComputedStyle(element).color)), luminance(ground(element))];
    const [low, high] = both.sort((a, b) => a - b);
    found.push([walker.currentNode.textContent.trim().slice(0, 40), (high + 0.05) / (low + 0.05)]);
  }
  return found;
}"""
"""JavaScript that returns every visible text with its contrast against the ground behind it (WCAG 2.2)."""


@dataclass(frozen=True)
class Studio:
    """A Chromium that opens built emails."""

    browser: Browser
    folder: Path

    @contextmanager
    def page(
        self,
        slug: str,
        width: int = 1024,
        scheme: Scheme = "light",
        pictures: bool = True,
        change: Callable[[str], str] = str,
    ) -> Iterator[Page]:
        """Open the email of an issue as a reader sees it; `change` rewrites its HTML first."""
        context = self.browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        try:
            page = context.new_page()
            page.set_default_timeout(60_000)
            page.route("**/*", lambda route: _answer(route, pictures))
            page.set_content(change(self.html(slug)))
            yield page
        finally:
            context.close()

    def html(self, slug: str) -> str:
        return (self.folder / slug / "message.html").read_text(encoding="utf-8")


def _answer(route: Route, pictures: bool) -> None:
    """Serve the repository's pictures, and refuse every other request."""
    path = ROOT / "images" / route.request.url.rpartition("/images/")[2]
    if pictures and path.is_file():
        route.fulfill(path=path)
    else:
        route.abort()


def build(out: Path, cwd: Path, *issues: str) -> None:
    done = run_command(["build", *issues, "--out", str(out)], cwd, os.environ)
    assert done.returncode == 0, done.stderr


def publish(folder: Path, *, theme: str = "", language: str = "en", **issues: str) -> Path:
    """Write a publication with the sample's pictures and these issues, and return its folder."""
    (folder / "issues").mkdir(parents=True)
    shutil.copytree(ROOT / "images", folder / "images")
    (folder / "newsletter.toml").write_text(
        f'[publication]\nname = "Daily Inference"\nurl = "https://news.example.com"\nfrom = "daily@news.example.com"\n'
        f'postal_address = "1 Example Street"\nlanguage = "{language}"\n'
        f'[lists.daily]\ntitle = "Daily Inference"\n[theme]\n{theme}\n',
        encoding="utf-8",
    )
    for slug, text in issues.items():
        (folder / "issues" / f"{slug}.md").write_text(text, encoding="utf-8")
    return folder


def style(page: Page, selector: str, name: str) -> str:
    return str(page.locator(selector).first.evaluate("(element, name) => getComputedStyle(element)[name]", name))


def box(page: Page, selector: str, nth: int = 0) -> Any:
    rectangle = page.locator(selector).nth(nth).bounding_box()
    assert rectangle, f"{selector} is not shown"
    return rectangle


def rgb(colour: str) -> str:
    return "rgb({}, {}, {})".format(*(int(colour[at : at + 2], 16) for at in (1, 3, 5)))


def as_word_sees_it(html: str) -> str:
    """Return HTML as Outlook for Windows reads it: its own branches, and no maximum width."""
    html = re.sub(r"<!--\[if !mso\]><!-->.*?<!--<!\[endif\]-->", "", html, flags=re.DOTALL)
    html = re.sub(r"<!--\[if (?:mso \| IE|mso)\]>(.*?)<!\[endif\]-->", r"\1", html, flags=re.DOTALL)
    return re.sub(r"max-width:[^;\"]*;?", "", html)


def luminance_of(colour: str) -> float:
    red, green, blue = (int(number) for number in re.findall(r"\d+", colour)[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
