"""Whose link it is: the token in a reader's own address, read, and what the pages behind it need of that reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from newsletter.rendering.translations import Language
from newsletter.signed_links import Claims, Purpose
from newsletter.subscribers.subscriber import Subscriber, get_subscriber
from newsletter.subscribers.writes import Status
from newsletter.web.public.pages import isolated
from newsletter.web.public.site import Site, language_of, page, site_of


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One request by a reader's own link."""

    request: Request
    site: Site
    token: str
    claims: Claims
    now: datetime

    @property
    def list_name(self) -> str | None:
        """The list the email was sent to; None when there is none of that name any more."""
        return self.claims.list if self.claims.list in self.site.publication.config.lists else None

    @property
    def list_title(self) -> str:
        """What readers call it; the publication's name for a list that has gone."""
        config = self.site.publication.config
        return config.lists[self.list_name].title if self.list_name else config.publication.name

    async def reader(self) -> Subscriber | None:
        """Whose link it is; None when erased, or never there."""
        return await run_in_threadpool(self._reader)

    def _reader(self) -> Subscriber | None:
        with self.site.database.read() as connection:
            return get_subscriber(connection, self.claims.subscriber_id)

    def answer(
        self, name: str, values: Mapping[str, object], reader: Subscriber | None, *, status: int = 200
    ) -> Response:
        """A page in the reader's language, which search engines leave alone."""
        said = {
            "leave_path": self.site.pages.path(f"/unsubscribe/{self.token}") + self._query,
            "preferences_path": self.site.pages.path(f"/preferences/{self.token}") + self._query,
            "list_title": isolated(self.list_title),
            "email": reader.email if reader else "",
        }
        answer = page(self.request, name, {**said, **values}, status=status, wishes=self._wishes(reader))
        answer.headers["X-Robots-Tag"] = "noindex"
        return answer

    def language(self, reader: Subscriber | None) -> Language:
        """What the page is in: the reader's own language, else the list's, else as for anybody."""
        return language_of(self.request, self._wishes(reader))

    @property
    def _query(self) -> str:
        """What keeps the next page in the language that this one's address asked for."""
        asked = self.request.query_params.get("lang", "")
        return f"?lang={asked}" if asked in self.site.pages.translations.codes else ""

    def date(self, day: date, reader: Subscriber | None) -> str:
        """A day as the page writes it."""
        return self.language(reader).full_date(day)

    def _wishes(self, reader: Subscriber | None) -> Sequence[str]:
        lists = self.site.publication.config.lists
        own = str(reader.fields.get("language", "")) if reader else ""
        return own, lists[self.list_name].language if self.list_name else ""

    def titles(self, names: Sequence[str]) -> list[str]:
        """What readers call these lists, without those that have gone."""
        lists = self.site.publication.config.lists
        return [lists[name].title for name in names if name in lists]


def visit(request: Request) -> Visit | None:
    """The visit that a request is; None when the token is none of ours."""
    site, token = site_of(request), request.path_params["token"]
    claims = site.links.read(token, Purpose.READER)
    return Visit(request=request, site=site, token=token, claims=claims, now=site.clock()) if claims else None


def broken_link(request: Request) -> Response:
    """What whoever has no link of ours is told: cut off, mistyped, or made up."""
    answer = page(request, "broken_link.html", {}, status=404)
    answer.headers["X-Robots-Tag"] = "noindex"
    return answer


def active_lists(reader: Subscriber) -> list[str]:
    """The lists the reader gets, paused or not."""
    return [name for name, status in reader.lists.items() if status is Status.ACTIVE]
