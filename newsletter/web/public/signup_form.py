"""The sign-up form: the values it shows, the values it was sent with, and their problems."""

from __future__ import annotations

import hashlib
import html
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from starlette.requests import Request

from newsletter.addresses import parse_address
from newsletter.config import PublicationSettings
from newsletter.config.fields import parse_built_in
from newsletter.rendering.translations import Language
from newsletter.subscribers import address_typos
from newsletter.subscribers.captcha import Challenge
from newsletter.subscribers.signups import MOST_NAME, ShownForm
from newsletter.web.public.form_page import form_page
from newsletter.web.public.forms import SubmittedForm
from newsletter.web.public.pages import Pages
from newsletter.web.public.site import site_of

FORM = "subscribe"
"""The name in this form's tokens."""


@dataclass(frozen=True, kw_only=True)
class FilledForm:
    """The form with what a visitor typed, and what the page has to say about it."""

    email: str = ""
    name: str = ""
    lists: tuple[str, ...] = ()
    page: str = ""
    """The address of the page that the form first stood on."""
    token: str = ""
    token_sent: bool = False
    problems: Mapping[str, str] = field(default_factory=dict)
    """A sentence by field, in the reader's language."""
    notice: str = ""
    """`fresh`: its token was missing or invalid; `fast`: it was sent too soon; `challenge`: that was not passed."""
    meant: str = ""
    """The address that was probably meant, when the typed one looks like a slip."""
    challenge: Challenge | None = None
    """The challenge to show in the form, on pages that may show it."""

    def with_notice(self, notice: str, *, token: str | None = None) -> FilledForm:
        """Return the form with a notice, to be shown again; with another token where one is given."""
        return replace(self, notice=notice, token=self.token if token is None else token)

    def values(self) -> dict[str, object]:
        """Return the values that the form's template uses."""
        names = ("email", "name", "page", "token", "problems", "notice", "meant", "challenge")
        return {**{name: getattr(self, name) for name in names}, "chosen": self.lists}


def empty_form(request: Request) -> dict[str, object]:
    """Return the template's values for a new form.

    `?list=` chooses the ticked lists. There is no `?email=`: addresses in queries end up in logs.
    """
    site = site_of(request)
    lists = _known_lists(site.publication, tuple(request.query_params.getlist("list")))
    token, page = site.form_tokens.token(FORM), form_page(request)
    return FilledForm(lists=lists, token=token, page=page, challenge=site.challenge).values()


def form_as_json(request: Request) -> dict[str, object]:
    """Return what a program needs to send the form: a token, the seconds to wait, and the lists."""
    site = site_of(request)
    lists = {name: settings.title for name, settings in site.publication.config.lists.items()}
    min_seconds = site.publication.config.signup.min_time.delta.total_seconds()
    return {"token": site.form_tokens.token(FORM), "wait": min_seconds, "lists": lists}


def filled_form(request: Request, submitted: SubmittedForm) -> FilledForm:
    """Return the submitted form, not yet checked."""
    site = site_of(request)
    return FilledForm(
        email=_address(submitted),
        name=submitted.first("name").strip(),
        lists=_chosen_lists(site.publication, submitted.all("list")),
        page=form_page(request, submitted.first("page")),
        token=submitted.first("token"),
        token_sent=bool(submitted.first("token")),
        challenge=site.challenge,
    )


def _address(submitted: SubmittedForm) -> str:
    """Return the address that a visitor means: the suggested one of the button `use`, unless they typed another."""
    typed = submitted.first("email").strip()
    is_edited = bool(typed) and typed != submitted.first("sure").strip()
    return submitted.first("use").strip() if submitted.first("use") and not is_edited else typed


def check_form(form: FilledForm, language: Language, *, is_sure: bool) -> FilledForm:
    """Return the form with its fields normalised and their problems.

    An address that looks like a slip is a problem, unless the visitor has confirmed it (`is_sure`).
    """
    problems = {}
    email = form.email
    try:
        email = parse_address(form.email)
    except ValueError:
        problems["email"] = (
            language.gettext("This is not an email address. One looks like you@example.com.")
            if form.email
            else language.gettext("Please enter your email address.")
        )
    name = _parse_name(form.name)
    if name is None:
        problems["name"] = language.gettext("Please enter a shorter name, or none.")
    if not form.lists:
        problems["list"] = language.gettext("Please choose what you would like to get.")
    meant = "" if problems or is_sure else address_typos.suggestion(email)
    if meant:
        problems["email"] = language.gettext("Did you mean %(address)s?", address=meant)
    return replace(form, email=email, name=form.name if name is None else name, problems=problems, meant=meant)


def shown_form(pages: Pages, language: Language) -> ShownForm:
    """Return the form's wording as a visitor sees it: the evidence of consent."""
    return _shown_form(pages, language.code)


@lru_cache(maxsize=64)
def _shown_form(pages: Pages, code: str) -> ShownForm:
    text = html.unescape(pages.render("wording.txt", pages.translations.language(code), {})).strip()
    digest = hashlib.sha256(text.encode()).hexdigest()
    return ShownForm(form=pages.version("_form.html"), text=text, text_sha256=digest, language=code)


def _known_lists(publication: PublicationSettings, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of the names that are lists; the default list when none is."""
    known = tuple(name for name in dict.fromkeys(names) if name in publication.config.lists)
    return known or (publication.default_list,)


def _chosen_lists(publication: PublicationSettings, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the lists that a submitted form names.

    Empty when it names only lists that are gone and several others exist: then the visitor has to choose.
    """
    known = publication.config.lists
    return () if names and len(known) > 1 and known.keys().isdisjoint(names) else _known_lists(publication, names)


def _parse_name(text: str) -> str | None:
    """Return a name on one line; None when the text cannot be a name."""
    try:
        return parse_built_in("first_name", text) if len(text) <= MOST_NAME else None
    except ValueError:
        return None
