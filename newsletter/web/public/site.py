"""Site: what the routes of the readers' pages share, given to them when the server starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from starlette.requests import Request
from starlette.responses import HTMLResponse

from newsletter.campaigns.engagement import EngagementRecorder
from newsletter.config import Publication
from newsletter.database.connection import Database
from newsletter.rendering.translations import Language
from newsletter.signed_links import Links
from newsletter.subscribers.captcha import Challenge
from newsletter.subscribers.double_opt_in import Confirmations
from newsletter.subscribers.signups import Signups
from newsletter.times import Clock, utc_now
from newsletter.web.public.archive_cache import ArchiveCache
from newsletter.web.public.forms import FormTokens
from newsletter.web.public.image_cache import ImageCache
from newsletter.web.public.link_targets import Targets
from newsletter.web.public.metrics import Figures
from newsletter.web.public.pages import Pages
from newsletter.web.public.write_queue import WriteQueue


@dataclass(frozen=True, kw_only=True)
class Site:
    """One server's publication, database, and the rest."""

    publication: Publication
    database: Database
    links: Links
    pages: Pages
    writes: WriteQueue
    signups: Signups
    confirmations: Confirmations
    tokens: FormTokens
    challenge: Challenge | None = None
    sightings: EngagementRecorder
    figures: Figures = field(default_factory=Figures)
    clock: Clock = utc_now

    @cached_property
    def archive_cache(self) -> ArchiveCache:
        """The archive, as this server has it."""
        return ArchiveCache(self.database)

    @cached_property
    def targets(self) -> Targets:
        """Where counted links lead."""
        return Targets(self.database, self.links)

    @cached_property
    def image_cache(self) -> ImageCache:
        """The publication's pictures."""
        return ImageCache(self.publication.root)


def site_of(request: Request) -> Site:
    """The site a request is for."""
    site: Site = request.app.state.site
    return site


def language_of(request: Request, wishes: Sequence[str] = ()) -> Language:
    """The language to answer in.

    What `?lang=` asks for; what the route wishes, dearest first: the reader's, the list's; the list's that
    `?list=` names; what the browser prefers.
    """
    known: dict[tuple[str, ...], Language] = request.scope.setdefault("newsletter.languages", {})
    if tuple(wishes) not in known:
        known[tuple(wishes)] = _chosen_language(request, wishes)
    return known[tuple(wishes)]


def _chosen_language(request: Request, wishes: Sequence[str]) -> Language:
    site = site_of(request)
    config = site.publication.config
    named = [config.lists[name].language for name in request.query_params.getlist("list") if name in config.lists]
    asked = [*request.query_params.getlist("lang"), *filter(None, [*wishes, *named])]
    accepted = request.headers.get("accept-language", "")
    return site.pages.translations.choose(asked, accepted, config.publication.language)


def page(
    request: Request, name: str, values: Mapping[str, object], *, status: int = 200, wishes: Sequence[str] = ()
) -> HTMLResponse:
    """The answer that shows `templates/pages/<name>`; the values are escaped where they stand."""
    language = language_of(request, wishes)
    html = site_of(request).pages.render(name, language, values)
    headers = {"Content-Language": language.code, "Vary": "Accept-Language"}
    return HTMLResponse(html, status_code=status, headers=headers)


def wants_json(request: Request) -> bool:
    """Whether a program asks: it says so, or sends JSON itself; a browser's form never does."""
    accepted = request.headers.get("accept", "")
    sent = request.headers.get("content-type", "")
    return ("application/json" in accepted and "text/html" not in accepted) or sent.startswith("application/json")
