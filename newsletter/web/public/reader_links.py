"""Read the signed link in a reader's own address, and give the pages behind it what they need of that reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from newsletter.addresses import address_key
from newsletter.rendering.translations import Language
from newsletter.signed_links import Claims, Purpose
from newsletter.subscribers import suppressions
from newsletter.subscribers.preferences import PreferenceAction, PreferenceChange
from newsletter.subscribers.rate_limits import ReaderUse
from newsletter.subscribers.subscriber import Subscriber, get_subscriber
from newsletter.subscribers.transactional_queue import ASKED_THEMSELVES
from newsletter.subscribers.writes import Status
from newsletter.web.public.client import client_address
from newsletter.web.public.pages import isolated
from newsletter.web.public.site import Site, language_of, page, site_of


@dataclass(frozen=True, kw_only=True)
class Visit:
    """A request through a reader's signed link."""

    request: Request
    site: Site
    token: str
    claims: Claims
    now: datetime

    @property
    def list_name(self) -> str | None:
        """The list that the email was sent to; None when the publication has no such list any more."""
        return self.claims.list if self.claims.list in self.site.publication.config.lists else None

    @property
    def list_title(self) -> str:
        """The list's title; the publication's name when the list is gone."""
        config = self.site.publication.config
        return config.lists[self.list_name].title if self.list_name else config.publication.name

    async def reader(self) -> Subscriber | None:
        """Return the link's reader; None when there is none any more, though another may have the number."""
        return await run_in_threadpool(self._reader)

    def _reader(self) -> Subscriber | None:
        with self.site.database.read() as connection:
            reader = get_subscriber(connection, self.claims.subscriber_id)
        return reader if reader and reader.link_key == self.claims.key else None

    async def is_barred(self, reader: Subscriber) -> bool:
        """Tell whether no mail may go to the reader, for a reason that joining does not lift."""
        return await run_in_threadpool(self._is_barred, reader)

    def _is_barred(self, reader: Subscriber) -> bool:
        key = address_key(reader.email)
        with self.site.database.read() as connection:
            reason = suppressions.suppressed(connection, [key]).get(key)
        return reason is not None and reason not in ASKED_THEMSELVES

    def change(self, action: PreferenceAction, lists: tuple[str, ...] | None, source: str) -> PreferenceChange:
        """Return a change of these lists (None: all of the reader's) by this visit's link."""
        return PreferenceChange(
            subscriber_id=self.claims.subscriber_id,
            key=self.claims.key,
            action=action,
            lists=lists,
            source=source,
            campaign_id=self.claims.campaign_id,
            at=self.now,
            network=client_address(self.request),
            welcomes=self.site.confirmations.welcomes,
        )

    async def count_change(self) -> None:
        """Count that the reader changes something or asks for everything. Raises HTTPException 429 over a limit.

        Leaving is never counted: a mailbox provider's few addresses send the one click for all of its users, and
        nobody may be kept on a list. Confirming is not either: its link does something once.
        """
        use = ReaderUse(subscriber_id=self.claims.subscriber_id, network=client_address(self.request), at=self.now)
        if not await self.site.write_queue.run(self.site.reader_limits.take, use):
            self.site.metrics.count("change over the limit")
            raise HTTPException(429, "too many changes; try again later", headers={"Retry-After": "3600"})

    def page(
        self, name: str, values: Mapping[str, object], reader: Subscriber | None, *, status: int = 200
    ) -> Response:
        """Return a page in the reader's language, which search engines may not index."""
        shared = {
            "leave_path": self.site.pages.path(f"/unsubscribe/{self.token}") + self._language_query,
            "preferences_path": self.site.pages.path(f"/preferences/{self.token}") + self._language_query,
            "list_title": isolated(self.list_title),
            "email": reader.email if reader else "",
        }
        response = page(
            self.request, name, {**shared, **values}, status=status, preferred=self._preferred_languages(reader)
        )
        response.headers["X-Robots-Tag"] = "noindex"
        return response

    def language(self, reader: Subscriber | None) -> Language:
        """Return the page's language: the reader's own, else the list's, else as for any visitor."""
        return language_of(self.request, self._preferred_languages(reader))

    @property
    def _language_query(self) -> str:
        """The query that keeps further pages in the language that this page's address names."""
        code = self.request.query_params.get("lang", "")
        return f"?lang={code}" if code in self.site.pages.translations.codes else ""

    def date(self, day: date, reader: Subscriber | None) -> str:
        """Return a day as the page's language writes it."""
        return self.language(reader).full_date(day)

    def _preferred_languages(self, reader: Subscriber | None) -> Sequence[str]:
        lists = self.site.publication.config.lists
        own = str(reader.fields.get("language", "")) if reader else ""
        return own, lists[self.list_name].language if self.list_name else ""

    def titles(self, names: Sequence[str]) -> list[str]:
        """Return these lists' titles, without those of lists that are gone."""
        lists = self.site.publication.config.lists
        return [lists[name].title for name in names if name in lists]


def visit_of(request: Request) -> Visit | None:
    """Return the visit that a request's token makes; None when the token is not ours."""
    site, token = site_of(request), request.path_params["token"]
    claims = site.links.read(token, Purpose.READER)
    return Visit(request=request, site=site, token=token, claims=claims, now=site.clock()) if claims else None


def broken_link_page(request: Request) -> Response:
    """Return the 404 page for a link that is not ours: cut off, mistyped, or made up."""
    response = page(request, "broken_link.html", {}, status=404)
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def active_lists(reader: Subscriber) -> list[str]:
    """Return the lists that the reader receives, paused or not."""
    return [name for name, status in reader.lists.items() if status is Status.ACTIVE]
