"""What the routes of the readers' pages share: it is made when the server starts, and each request reaches it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from starlette.requests import Request
from starlette.responses import HTMLResponse

from newsletter.campaigns.engagement import EngagementRecorder
from newsletter.config import PublicationSettings
from newsletter.database.connection import Database
from newsletter.events.applier import EventApplier
from newsletter.events.receive import WebhookGate
from newsletter.rendering.translations import Language
from newsletter.signed_links import Links
from newsletter.subscribers.captcha import Challenge
from newsletter.subscribers.double_opt_in import Confirmations
from newsletter.subscribers.rate_limits import ReaderLimits
from newsletter.subscribers.signups import Signups
from newsletter.times import Clock, utc_now
from newsletter.web.public.archive_cache import ArchiveCache
from newsletter.web.public.forms import FormTokens
from newsletter.web.public.image_cache import ImageCache
from newsletter.web.public.link_targets import LinkTargets
from newsletter.web.public.metrics import Metrics
from newsletter.web.public.pages import Pages
from newsletter.web.public.pushed_pictures import PushedPictures
from newsletter.web.public.sent_pictures import SentPictures
from newsletter.web.public.write_queue import WriteQueue


@dataclass(frozen=True, kw_only=True)
class Site:
    """The publication and database of a server, and everything made from them."""

    publication: PublicationSettings
    database: Database
    links: Links
    pages: Pages
    write_queue: WriteQueue
    signups: Signups
    confirmations: Confirmations
    reader_limits: ReaderLimits
    form_tokens: FormTokens
    challenge: Challenge | None = None
    engagement: EngagementRecorder
    webhooks: WebhookGate
    event_applier: EventApplier | None = None
    """Woken when a provider's call was kept; None where another process applies them."""
    metrics: Metrics = field(default_factory=Metrics)
    clock: Clock = utc_now

    @cached_property
    def archive_cache(self) -> ArchiveCache:
        """The archive, as this server knows it."""
        return ArchiveCache(self.database)

    @cached_property
    def link_targets(self) -> LinkTargets:
        """The addresses that counted links lead to."""
        return LinkTargets(self.database, self.links)

    @cached_property
    def image_cache(self) -> ImageCache:
        """The publication's images."""
        is_sent = SentPictures(self.publication, self.database).names
        return ImageCache(self.publication.root, is_sent, PushedPictures(self.database).find)


def site_of(request: Request) -> Site:
    """Return the site that a request is for."""
    site: Site = request.app.state.site
    return site


def language_of(request: Request, preferred: Sequence[str] = ()) -> Language:
    """Return the language to answer in.

    In this order: `?lang=`; the route's `preferred` ones, such as the reader's and the list's; the language of the
    list that `?list=` names; the browser's; the publication's.
    """
    # One request chooses several times: for the page, its dates, its form.
    by_preference: dict[tuple[str, ...], Language] = request.scope.setdefault("newsletter.languages", {})
    if tuple(preferred) not in by_preference:
        by_preference[tuple(preferred)] = _chosen_language(request, preferred)
    return by_preference[tuple(preferred)]


def _chosen_language(request: Request, preferred: Sequence[str]) -> Language:
    site = site_of(request)
    config = site.publication.config
    of_lists = [config.lists[name].language for name in request.query_params.getlist("list") if name in config.lists]
    codes = [*request.query_params.getlist("lang"), *filter(None, [*preferred, *of_lists])]
    accepted = request.headers.get("accept-language", "")
    return site.pages.translations.choose(codes, accepted, config.publication.language)


def page(
    request: Request, name: str, values: Mapping[str, object], *, status: int = 200, preferred: Sequence[str] = ()
) -> HTMLResponse:
    """Return the page of `templates/pages/<name>`; values are escaped where they stand."""
    language = language_of(request, preferred)
    html = site_of(request).pages.render(name, language, values)
    headers = {"Content-Language": language.code, "Vary": "Accept-Language"}
    return HTMLResponse(html, status_code=status, headers=headers)


def wants_json(request: Request) -> bool:
    """Tell whether a program asks: it accepts JSON and no HTML, or sends JSON itself; a browser's form never does."""
    accepted = request.headers.get("accept", "")
    content_type = request.headers.get("content-type", "")
    return ("application/json" in accepted and "text/html" not in accepted) or content_type.startswith(
        "application/json"
    )
