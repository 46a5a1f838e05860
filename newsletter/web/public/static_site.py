"""The archive as files, for any web host: the pages that a server shows, with relative links.

Everything follows from the issues' pages, the templates and newsletter.toml. What there is no file
for, the signup before all, is the server's: such links and forms lead to the publication's address.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import partial
from urllib.parse import unquote

from newsletter.config import Publication
from newsletter.issues.images import is_remote, picture_url
from newsletter.messages.types import About, WebPage
from newsletter.rendering.feed import Item, atom, sitemap
from newsletter.rendering.translations import Language
from newsletter.web.public.archive_cache import LATEST
from newsletter.web.public.archive_pages import (
    Neighbours,
    Path,
    archive_page,
    issue_page,
    issue_path,
    listed,
    page_count,
    page_path,
)
from newsletter.web.public.image_cache import locate
from newsletter.web.public.pages import Pages
from newsletter.web.public.signup_form import FilledForm

_PICTURE = re.compile(r"\s(?:src|background|content)=\"([^\"]*)\"")
_FILES = re.compile(r"/(feed\.xml|style\.css|images/)")
"""Paths of ours that are files of the same name."""


def site_files(publication: Publication, issues: Sequence[WebPage]) -> dict[str, bytes]:
    """Every file of the site by its path; `issues` come newest first."""
    return _Printing(publication=publication, pages=Pages(publication), issues=issues).files()


@dataclass(frozen=True, kw_only=True)
class _Printing:
    """One publication's site."""

    publication: Publication
    pages: Pages
    issues: Sequence[WebPage]

    @property
    def abouts(self) -> list[About]:
        return [one.about for one in self.issues]

    @property
    def language(self) -> Language:
        return self.pages.translations.language(self.publication.config.publication.language)

    def files(self) -> dict[str, bytes]:
        shown = {**dict(self._issues()), **dict(self._lists()), "index.html": self._front_page()}
        return {
            **{name: page.encode() for name, page in shown.items()},
            **dict(self._pictures()),
            "style.css": self.pages.style,
            "robots.txt": self.pages.render("robots.txt", self.language, {}).encode(),
            "feed.xml": atom(self.publication, [self._item(one) for one in self.issues]),
            "sitemap.xml": sitemap(self.publication, self.abouts),
        }

    def _issues(self) -> Iterator[tuple[str, str]]:
        around = [None, *self.abouts, None]
        for one, newer, older in zip(self.issues, around, around[2:], strict=False):
            name = f"issues/{one.about.slug}/index.html"
            near = Neighbours(older=older, newer=newer)
            yield name, issue_page(self.pages, one.html, one.about, near, self._path(name), "")

    def _lists(self) -> Iterator[tuple[str, str]]:
        for number in range(1, page_count(self.issues) + 1):
            name = f"{page_path(number).strip('/')}/index.html"
            page = archive_page(self.pages, self.language, self.abouts, number, self._path(name), self._frame(name))
            yield name, page

    def _front_page(self) -> str:
        name = "index.html"
        latest = listed(self.pages, self.language, self.abouts[:LATEST], self._path(name))
        return self.pages.render("home.html", self.language, {**self._frame(name), "latest": latest})

    def _frame(self, name: str) -> dict[str, object]:
        """What a page's frame and form have in this file."""
        path, logo = self._path(name), self.publication.config.theme.logo
        form = FilledForm(lists=(self.publication.default_list,), page=f"{self.pages.url}/").values()
        style_path = path(self.pages.style_path.removeprefix(self.pages.base))
        own_logo = path(picture_url("", logo)) if logo and not is_remote(logo) else logo
        return {**form, "path": path, "style_path": style_path, "logo": own_logo}

    def _path(self, name: str) -> Path:
        """Where a browser that shows this file finds one of our paths."""
        return partial(self._from, "../" * name.count("/"), {issue_path(about) for about in self.abouts})

    def _from(self, up: str, issues: set[str], path: str) -> str:
        if path == "/":
            return up or "./"
        if path == "/issues/" or _FILES.match(path):
            return up + path[1:]
        if path in issues or path.startswith("/issues/page/"):
            return f"{up}{path[1:]}/"
        return self.pages.url + path

    def _item(self, one: WebPage) -> Item:
        zone = self.publication.config.publication.timezone
        midnight = datetime.combine(date.fromisoformat(one.about.date), time(), tzinfo=zone)
        return Item(about=one.about, published_at=midnight, page=partial(getattr, one, "html"))

    def _pictures(self) -> Iterator[tuple[str, bytes]]:
        """The pictures of ours that are shown, and no others."""
        ours = f"{self.pages.url}/images/"
        addresses = {html.unescape(found) for one in self.issues for found in _PICTURE.findall(one.html)}
        if logo := self.publication.config.theme.logo:
            addresses.add(picture_url(self.pages.url, logo))
        for address in sorted(addresses):
            path = unquote(address.removeprefix(ours))
            found = locate(self.publication.root, path) if address.startswith(ours) else None
            if found:
                yield f"images/{path}", found[0].read_bytes()
