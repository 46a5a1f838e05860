"""The signup form: what it shows, what it holds when it was sent, and what is wrong with that."""

from __future__ import annotations

import hashlib
import html
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request

from newsletter.addresses import parse_address
from newsletter.config import Publication
from newsletter.config.fields import parse_built_in
from newsletter.rendering.translations import Language
from newsletter.subscribers import address_typos
from newsletter.subscribers.captcha import Challenge
from newsletter.subscribers.signups import MOST_NAME, ShownForm
from newsletter.web.public.forms import Sent
from newsletter.web.public.pages import Pages
from newsletter.web.public.site import site_of

FORM = "subscribe"
"""What its tokens are made out to."""
MOST_PAGE = 500
"""Characters kept of the address of the page it stood on."""


@dataclass(frozen=True, kw_only=True)
class FilledForm:
    """The form with what somebody typed."""

    email: str = ""
    name: str = ""
    lists: tuple[str, ...] = ()
    page: str = ""
    """Where it stood first."""
    token: str = ""
    token_sent: bool = False
    problems: Mapping[str, str] = field(default_factory=dict)
    """By field, in the reader's language."""
    notice: str = ""
    """`fresh`: it had no token that counts; `fast`: it came too soon; `challenge`: its question was not answered."""
    meant: str = ""
    """The address that was probably meant."""
    challenge: Challenge | None = None
    """Shown in the form, on pages that may show it."""

    def with_notice(self, notice: str, *, token: str | None = None) -> FilledForm:
        """The same, to be shown again."""
        return replace(self, notice=notice, token=self.token if token is None else token)

    def values(self) -> dict[str, object]:
        """What its template uses."""
        names = ("email", "name", "page", "token", "problems", "notice", "meant", "challenge")
        return {**{name: getattr(self, name) for name in names}, "chosen": self.lists}


def empty(request: Request) -> dict[str, object]:
    """A form to be filled in; `?list=` chooses what is ticked, `?email=` is never read: it would be in logs."""
    site = site_of(request)
    lists = _known(site.publication, tuple(request.query_params.getlist("list")))
    filled = FilledForm(lists=lists, token=site.tokens.token(FORM), page=_page(request), challenge=site.challenge)
    return filled.values()


def described(request: Request) -> dict[str, object]:
    """The form for a program."""
    site = site_of(request)
    lists = {name: one.title for name, one in site.publication.config.lists.items()}
    min_seconds = site.publication.config.signup.min_time.delta.total_seconds()
    return {"token": site.tokens.token(FORM), "wait": min_seconds, "lists": lists}


def read(request: Request, sent: Sent) -> FilledForm:
    """What was sent, not yet judged."""
    site = site_of(request)
    return FilledForm(
        email=(sent.one("use") or sent.one("email")).strip(),
        name=sent.one("name").strip(),
        lists=_asked(site.publication, sent.all("list")),
        page=(sent.one("page") or _page(request))[:MOST_PAGE],
        token=sent.one("token"),
        token_sent=bool(sent.one("token")),
        challenge=site.challenge,
    )


def checked(filled: FilledForm, language: Language, *, is_sure: bool) -> FilledForm:
    """With the problems of its fields; an address that looks like a slip is asked about once."""
    problems = {}
    email = filled.email
    try:
        email = parse_address(filled.email)
    except ValueError:
        problems["email"] = (
            language.gettext("This is not an email address. One looks like you@example.com.")
            if filled.email
            else language.gettext("Please enter your email address.")
        )
    name = _name(filled.name)
    if name is None:
        problems["name"] = language.gettext("Please enter a shorter name, or none.")
    if not filled.lists:
        problems["list"] = language.gettext("Please choose what you would like to get.")
    meant = "" if problems or is_sure else address_typos.suggestion(email)
    if meant:
        problems["email"] = language.gettext(
            "Did you mean %(address)s? If not, press the button once more.", address=meant
        )
    return replace(filled, email=email, name=filled.name if name is None else name, problems=problems, meant=meant)


def shown(pages: Pages, language: Language) -> ShownForm:
    """What somebody who fills it in is shown: the evidence of consent."""
    return _shown(pages, language.code)


@lru_cache(maxsize=64)
def _shown(pages: Pages, code: str) -> ShownForm:
    text = html.unescape(pages.render("wording.txt", pages.translations.language(code), {})).strip()
    digest = hashlib.sha256(text.encode()).hexdigest()
    return ShownForm(form=pages.version("_form.html"), text=text, text_sha256=digest, language=code)


def _known(publication: Publication, names: tuple[str, ...]) -> tuple[str, ...]:
    """The lists of these that there are; the default one when there is none."""
    found = tuple(name for name in dict.fromkeys(names) if name in publication.config.lists)
    return found or (publication.default_list,)


def _asked(publication: Publication, names: tuple[str, ...]) -> tuple[str, ...]:
    """The same of a form that was sent; none when it names only lists that are gone, and there are several."""
    known = publication.config.lists
    return () if names and len(known) > 1 and known.keys().isdisjoint(names) else _known(publication, names)


def _name(text: str) -> str | None:
    """A name on one line; None when it cannot be one."""
    try:
        return parse_built_in("first_name", text) if len(text) <= MOST_NAME else None
    except ValueError:
        return None


def _page(request: Request) -> str:
    """The page that the form stood on, as far as the browser says; without its query, which may say more."""
    found: Any = urlsplit(request.headers.get("referer", ""))
    if found.scheme in ("http", "https"):
        return f"{found.scheme}://{found.netloc}{found.path}"[:MOST_PAGE]
    base: str = site_of(request).publication.config.publication.url
    return f"{base}{request.url.path}"
