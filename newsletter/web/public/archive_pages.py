"""The pages that are read: the archive's list, and each issue with what stands around it.

Text in, text out, for a server and for files alike: `path` says where a browser finds one of our
paths. The issue itself is what was frozen; only the ways to its neighbours and to the form are added.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from urllib.parse import parse_qs, quote, urlsplit

from markupsafe import Markup

from newsletter.messages.types import About
from newsletter.rendering.translations import Language
from newsletter.web.public.pages import Pages

PER_PAGE = 20
Path = Callable[[str], str]
_ADDRESS = re.compile(r"(\s(?:href|src|action)=\")([^\"]*)")
_FORM = re.compile(r"<form\b[^>]*\baction=\"([^\"]*/subscribe\b[^\"]*)\"[^>]*>")
_PARTS = re.compile(r"(.*?)(</head>\s*<body\b[^>]*>)(.*?)((?:(?<=</main>)|(?=</body>)).*)", re.DOTALL)
"""An issue's page: what is in its head, the beginning of the body, up to the end of the main part, the rest."""


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """The issues before and after one."""

    older: About | None = None
    newer: About | None = None


def page_count(issues: Sequence[object]) -> int:
    """How many pages the archive has; an empty one has one."""
    return max(1, -(-len(issues) // PER_PAGE))


def page_path(number: int) -> str:
    """Where a page of the archive is, from 1."""
    return "/issues/" if number == 1 else f"/issues/page/{number}"


def issue_path(about: About) -> str:
    """Where an issue is."""
    return f"/issues/{quote(about.slug)}"


def archive_page(
    pages: Pages, language: Language, abouts: Sequence[About], number: int, path: Path, values: Mapping[str, object]
) -> str:
    """One page of the archive; `values` are its form's."""
    last = page_count(abouts)
    own = {
        "issues": listed(pages, language, abouts[(number - 1) * PER_PAGE : number * PER_PAGE], path),
        "number": number,
        "count": last,
        "newer": path(page_path(number - 1)) if number > 1 else "",
        "older": path(page_path(number + 1)) if number < last else "",
        "path": path,
    }
    return pages.render("issues.html", language, {**own, **values})


def listed(pages: Pages, language: Language, abouts: Sequence[About], path: Path) -> list[dict[str, object]]:
    """Issues as lists show them."""
    return [
        {
            "url": path(issue_path(about)),
            "title": about.title or about.slug,
            "description": about.description,
            "date": about.date,
            "day": language.full_date(date.fromisoformat(about.date)),
            "picture": _here(pages, about.picture, path),
            "alt": about.alt,
            "language": about.language,
        }
        for about in abouts
    ]


def issue_page(pages: Pages, page: str, about: About, near: Neighbours, path: Path, token: str) -> str:
    """An issue's page between the ways to the others; its form gets the `token` that a shown form has."""
    language = pages.translations.language(about.language)

    def with_fields(form: re.Match[str]) -> str:
        values = {"token": token, "page": f"{pages.url}{issue_path(about)}", "asked": _asked(form[1])}
        return form[0] + pages.render("_issue_form.html", language, values)

    found = _PARTS.fullmatch(page)
    if found is None:  # a template of the publication's own that makes no page
        return page
    head, opening, content, closing = found.groups()
    around = {
        "head": Markup(head),
        "opening": Markup(opening),
        "content": Markup(_led(pages, _FORM.sub(with_fields, content), path)),
        "closing": Markup(_led(pages, closing, path)),
        "older": next(iter(listed(pages, language, [near.older] if near.older else [], path)), None),
        "newer": next(iter(listed(pages, language, [near.newer] if near.newer else [], path)), None),
        "path": path,
    }
    return pages.render("issue.html", language, around)


def _asked(action: str) -> list[str]:
    """The lists that a form's address names: what is sent does not have it."""
    return parse_qs(urlsplit(html.unescape(action)).query).get("list", [])


def _led(pages: Pages, part: str, path: Path) -> str:
    """Addresses of ours as paths: the page works wherever it is reached."""
    return _ADDRESS.sub(lambda found: found[1] + html.escape(_here(pages, html.unescape(found[2]), path)), part)


def _here(pages: Pages, address: str, path: Path) -> str:
    """An address of ours as a path; any other as it is."""
    if address == pages.url:
        return path("/")
    return path(address.removeprefix(pages.url)) if address.startswith(f"{pages.url}/") else address
