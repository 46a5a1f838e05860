"""Make the pages of the archive: its list, and each issue with links to its neighbours around it.

Text in, text out, for a server and for static files alike: a `PathOf` says where a browser finds one of our paths.
The issue itself stays as it was frozen; only links to its neighbours and its form's hidden fields are added.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from urllib.parse import parse_qs, quote

from markupsafe import Markup

from newsletter.messages.types import About, ArchiveChange
from newsletter.rendering.archive_notes import archive_notes
from newsletter.rendering.translations import Language
from newsletter.web.public.pages import Pages
from newsletter.web.request_values import split_address

PER_PAGE = 20
PathOf = Callable[[str], str]
"""Turns a path of the site, such as `/issues/`, into the address that a page links to."""
_ADDRESS = re.compile(r"(\s(?:href|src|action)=\")([^\"]*)")
_FORM = re.compile(r"<form\b[^>]*\baction=\"([^\"]*/subscribe\b[^\"]*)\"[^>]*>")
_PARTS = re.compile(r"(.*?)(</head>\s*<body\b[^>]*>)(.*?)((?:(?<=</main>)|(?=</body>)).*)", re.DOTALL)
"""The parts of an issue's page: its head, the opening of the body, up to the end of the main part, the rest."""


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """The issues before and after an issue."""

    older: About | None = None
    newer: About | None = None


def page_count(issues: Sequence[object]) -> int:
    """Return how many pages the archive has; an empty archive has one page."""
    return max(1, -(-len(issues) // PER_PAGE))


def page_path(number: int) -> str:
    """Return the path of a page of the archive, numbered from 1."""
    return "/issues/" if number == 1 else f"/issues/page/{number}"


def issue_path(about: About) -> str:
    """Return the path of an issue's page."""
    return f"/issues/{quote(about.slug)}"


def archive_page(
    pages: Pages,
    language: Language,
    abouts: Sequence[About],
    number: int,
    path_of: PathOf,
    form_values: Mapping[str, object],
) -> str:
    """Render one page of the archive; `form_values` fill the sign-up form on it."""
    last = page_count(abouts)
    values = {
        "issues": list_items(pages, language, abouts[(number - 1) * PER_PAGE : number * PER_PAGE], path_of),
        "number": number,
        "count": last,
        "newer": path_of(page_path(number - 1)) if number > 1 else "",
        "older": path_of(page_path(number + 1)) if number < last else "",
        "path": path_of,
    }
    return pages.render("issues.html", language, {**values, **form_values})


def list_items(pages: Pages, language: Language, abouts: Sequence[About], path_of: PathOf) -> list[dict[str, object]]:
    """Return the issues as the templates of lists use them."""
    return [
        {
            "url": path_of(issue_path(about)),
            "title": about.title or about.slug,
            "description": about.description,
            "date": about.date,
            "day": language.full_date(date.fromisoformat(about.date)),
            "picture": _localised(pages, about.picture, path_of),
            "alt": about.alt,
            "language": about.language,
        }
        for about in abouts
    ]


def withdrawn_page(
    pages: Pages, about: About, changes: Sequence[ArchiveChange], path_of: PathOf, **more: object
) -> str:
    """Return what stands at the address of an issue that was withdrawn, in the issue's language."""
    language = pages.translations.language(about.language)
    notes = archive_notes(language, about, changes[-1:], pages.zone)
    return pages.render("withdrawn.html", language, {**more, "path": path_of, "change": notes[0]})


def issue_page(
    pages: Pages,
    page: str,
    about: About,
    near: Neighbours,
    path_of: PathOf,
    token: str,
    changes: Sequence[ArchiveChange] = (),
) -> str:
    """Return an issue's page with a line for each change of it, and links to its neighbours.

    Its sign-up form gets the form token.
    """
    language = pages.translations.language(about.language)

    def with_fields(form: re.Match[str]) -> str:
        values = {"token": token, "page": f"{pages.url}{issue_path(about)}", "asked": _lists_in(form[1])}
        return form[0] + pages.render("_issue_form.html", language, values)

    parts = _PARTS.fullmatch(page)
    if parts is None:  # the publication's own template makes something else than a page
        return page
    head, opening, content, closing = parts.groups()
    values = {
        "head": Markup(head),
        "opening": Markup(opening),
        "content": Markup(_with_local_addresses(pages, _FORM.sub(with_fields, content), path_of)),
        "closing": Markup(_with_local_addresses(pages, closing, path_of)),
        "changes": archive_notes(language, about, changes, pages.zone),
        "older": next(iter(list_items(pages, language, [near.older] if near.older else [], path_of)), None),
        "newer": next(iter(list_items(pages, language, [near.newer] if near.newer else [], path_of)), None),
        "path": path_of,
    }
    return pages.render("issue.html", language, values)


def _lists_in(action: str) -> list[str]:
    """Return the lists that a form's address names: a browser does not send an action's query along."""
    parts = split_address(html.unescape(action))  # it was frozen as its author's template has it
    return parse_qs(parts.query).get("list", []) if parts else []


def _with_local_addresses(pages: Pages, part: str, path_of: PathOf) -> str:
    """Replace the publication's absolute addresses, so that the page works under whatever name it is reached."""
    return _ADDRESS.sub(lambda match: match[1] + html.escape(_localised(pages, html.unescape(match[2]), path_of)), part)


def _localised(pages: Pages, address: str, path_of: PathOf) -> str:
    """Return an address of the publication's site by `path_of`; any other address unchanged."""
    if address == pages.url:
        return path_of("/")
    return path_of(address.removeprefix(pages.url)) if address.startswith(f"{pages.url}/") else address
