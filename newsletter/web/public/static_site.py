"""Make the archive's pages as files for any web host: the pages that a server shows, with relative links.

Everything follows from the issues' pages, the templates and newsletter.toml. Where a page needs the server, above all
for signing up, its links and forms lead to the publication's address.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import partial
from urllib.parse import unquote

from newsletter.config import PublicationSettings
from newsletter.issues.images import is_remote, picture_url
from newsletter.messages.types import About, WebPage
from newsletter.rendering.archive_notes import archive_notes
from newsletter.rendering.feed import Item, atom, sitemap
from newsletter.rendering.translations import Language
from newsletter.web.public.archive_cache import LATEST
from newsletter.web.public.archive_pages import (
    Neighbours,
    PathOf,
    archive_page,
    issue_page,
    issue_path,
    list_items,
    page_count,
    page_path,
    withdrawn_page,
)
from newsletter.web.public.image_cache import locate_image
from newsletter.web.public.pages import Pages
from newsletter.web.public.signup_form import FilledForm

_IMAGE_ADDRESS = re.compile(r"\s(?:src|background|content)=\"([^\"]*)\"")
_FILES = re.compile(r"/(feed\.xml|style\.css|images/)")
"""Paths of the site that are files of the same name."""


def site_files(publication: PublicationSettings, issues: Sequence[WebPage]) -> dict[str, bytes]:
    """Return every file of the site by its path; `issues` come newest first."""
    return _StaticSite(publication=publication, pages=Pages(publication), all_issues=issues).files()


@dataclass(frozen=True, kw_only=True)
class _StaticSite:
    """The site of one publication, as files."""

    publication: PublicationSettings
    pages: Pages
    all_issues: Sequence[WebPage]
    """With those that were withdrawn."""

    @property
    def issues(self) -> list[WebPage]:
        return [issue for issue in self.all_issues if not issue.is_withdrawn]

    @property
    def abouts(self) -> list[About]:
        return [issue.about for issue in self.issues]

    @property
    def language(self) -> Language:
        return self.pages.translations.language(self.publication.config.publication.language)

    def files(self) -> dict[str, bytes]:
        html_files = {**dict(self._issue_pages()), **dict(self._archive_pages()), "index.html": self._front_page()}
        return {
            **{name: page.encode() for name, page in html_files.items()},
            **dict(self._images()),
            "style.css": self.pages.style,
            "robots.txt": self.pages.render("robots.txt", self.language, {}).encode(),
            "feed.xml": atom(self.publication, [self._feed_item(issue) for issue in self.all_issues]),
            "sitemap.xml": sitemap(self.publication, self.abouts),
        }

    def _issue_pages(self) -> Iterator[tuple[str, str]]:
        around = [None, *self.abouts, None]
        # Shifted by one and by two: `around` is longer on purpose.
        for issue, newer, older in zip(self.issues, around, around[2:], strict=False):
            name = f"issues/{issue.about.slug}/index.html"
            near = Neighbours(older=older, newer=newer)
            path_of = self._path_of(name)
            yield name, issue_page(self.pages, issue.html, issue.about, near, path_of, "", issue.changes)
        for issue in self.all_issues:
            if issue.is_withdrawn:
                name = f"issues/{issue.about.slug}/index.html"
                values = self._shared_values(name)
                path_of = self._path_of(name)
                yield name, withdrawn_page(self.pages, issue.about, issue.changes, path_of, **values)

    def _archive_pages(self) -> Iterator[tuple[str, str]]:
        for number in range(1, page_count(self.issues) + 1):
            name = f"{page_path(number).strip('/')}/index.html"
            path_of, values = self._path_of(name), self._shared_values(name)
            yield name, archive_page(self.pages, self.language, self.abouts, number, path_of, values)

    def _front_page(self) -> str:
        name = "index.html"
        latest = list_items(self.pages, self.language, self.abouts[:LATEST], self._path_of(name))
        return self.pages.render("home.html", self.language, {**self._shared_values(name), "latest": latest})

    def _shared_values(self, name: str) -> dict[str, object]:
        """Return the values that every page's layout and form use, with addresses relative to this file."""
        path_of, theme = self._path_of(name), self.publication.config.theme
        form = FilledForm(lists=(self.publication.default_list,), page=f"{self.pages.url}/").values()
        style_path = path_of(self.pages.style_path.removeprefix(self.pages.base))
        logos = {key: self._logo(path_of, getattr(theme, key)) for key in ("logo", "logo_dark")}
        return {**form, "path": path_of, "style_path": style_path, **logos}

    def _logo(self, path_of: PathOf, logo: str) -> str:
        """Return a logo's address for a page; empty for none."""
        return path_of(picture_url(self.publication.root, "", logo)) if logo and not is_remote(logo) else logo

    def _path_of(self, name: str) -> PathOf:
        """Return the function that makes addresses for the page in this file."""
        return partial(self._relative, "../" * name.count("/"), {issue_path(about) for about in self.abouts})

    def _relative(self, up: str, issues: set[str], path: str) -> str:
        """Return a path's address from a file that `up` leads out of; absolute where only the server has the page."""
        if path == "/":
            return up or "./"
        if path == "/issues/" or _FILES.match(path):
            return up + path[1:]
        if path in issues or path.startswith("/issues/page/"):
            return f"{up}{path[1:]}/"
        return self.pages.url + path

    def _feed_item(self, issue: WebPage) -> Item:
        zone = self.publication.config.publication.timezone
        midnight = datetime.combine(date.fromisoformat(issue.about.date), time(), tzinfo=zone)
        language = self.pages.translations.language(issue.about.language)
        return Item(
            about=issue.about,
            published_at=midnight,
            page=None if issue.is_withdrawn else partial(getattr, issue, "html"),
            changed_at=issue.changes[-1].at if issue.changes else None,
            notes=tuple(archive_notes(language, issue.about, issue.changes, zone)),
        )

    def _images(self) -> Iterator[tuple[str, bytes]]:
        """Yield the publication's images that a page shows, and no others."""
        ours = f"{self.pages.url}/images/"
        addresses = {html.unescape(address) for issue in self.issues for address in _IMAGE_ADDRESS.findall(issue.html)}
        theme = self.publication.config.theme
        for logo in filter(None, (theme.logo, theme.logo_dark)):
            addresses.add(picture_url(self.publication.root, self.pages.url, logo))
        for address in sorted(addresses):
            path = unquote(address.removeprefix(ours))
            located = locate_image(self.publication.root, path) if address.startswith(ours) else None
            if located:
                yield f"images/{path}", located[0].read_bytes()
