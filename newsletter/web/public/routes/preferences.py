"""Preferences: lists, name, time zone and language; everything that is held of a reader; to be forgotten.

Each form carries a token that says we showed it, besides the link's own: a page elsewhere cannot send one.

Time zones as a reader chooses one: by region and city, in the reader's language.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newsletter.campaigns import unsubscribes
from newsletter.config.fields import full_name, parse_built_in
from newsletter.rendering.translations import locale_of
from newsletter.subscribers import erasure
from newsletter.subscribers.erasure import Forgetting
from newsletter.subscribers.preferences import PreferenceAction, PreferenceChange
from newsletter.subscribers.subscriber import Subscriber, update_own_fields
from newsletter.web.public import data_export
from newsletter.web.public.forms import Sent, read_sent
from newsletter.web.public.reader_links import Visit, active_lists, broken_link, visit
from newsletter.web.public.security import is_foreign

FORM = "preferences"
"""What tokens of these forms are made out to."""
LONGEST_NAME = 100
_SOURCE = "preferences page"


@dataclass(frozen=True, kw_only=True)
class Preferred:
    """What a reader chose, all at once."""

    choices: tuple[PreferenceChange, ...]
    subscriber_id: int
    built_in: Mapping[str, str]
    name: str
    at: datetime


def prefer(connection: Connection, wishes: Sequence[Preferred]) -> list[None]:
    """Write these down; a transaction's `Work` of the pages' writer."""
    unsubscribes.choose(connection, [choice for wish in wishes for choice in wish.choices])
    for wish in wishes:
        update_own_fields(connection, wish.subscriber_id, wish.built_in, wish.name, wish.at)
    return [None] * len(wishes)


async def show(request: Request) -> Response:
    """What is known, as a form."""
    this = visit(request)
    return await _shown(this) if this else broken_link(request)


async def change(request: Request) -> Response:
    """One of the page's forms: save, download, end a pause, forget."""
    this = visit(request)
    if this is None:
        return broken_link(request)
    if is_foreign(request, this.site.publication):
        raise HTTPException(403, "this form was sent from another site")
    sent = await read_sent(request)
    if this.site.tokens.age(sent.one("token"), FORM, this.now) is None:
        return await _shown(this, expired=True)
    reader = await this.reader()
    if reader is None:
        return await _shown(this)
    return await _ACTIONS.get(sent.one("action"), _save)(this, reader, sent)


async def _save(this: Visit, reader: Subscriber, sent: Sent) -> Response:
    try:
        wish = _preferred(this, reader, sent)
    except ValueError:
        return await _shown(this, problem=True)
    await this.site.writes.do(prefer, wish)
    this.site.figures.count("preferences")
    return await _shown(this, saved=True)


def _preferred(this: Visit, reader: Subscriber, sent: Sent) -> Preferred:
    """What the form says. Raises ValueError for what no form of ours sends, and for a name that is too long."""
    name = " ".join(sent.one("name").split())
    if len(name) > LONGEST_NAME:
        raise ValueError("the name is too long")
    said = {field: sent.one(field) for field in ("timezone", "language")}
    built_in = {field: parse_built_in(field, text) if text else "" for field, text in said.items()}
    wanted, known = set(sent.all("list")), this.site.publication.config.lists
    active = set(active_lists(reader))
    wishes = {
        PreferenceAction.LEAVE: tuple(one for one in known if one in active - wanted),
        PreferenceAction.JOIN: tuple(one for one in known if one in wanted - active),
    }
    return Preferred(
        choices=tuple(_choice(this, wish, lists) for wish, lists in wishes.items() if lists),
        subscriber_id=reader.id,
        built_in=built_in,
        name=parse_built_in("first_name", name) if name else "",
        at=this.now,
    )


def _choice(this: Visit, wish: PreferenceAction, lists: tuple[str, ...]) -> PreferenceChange:
    id, campaign_id = this.claims.subscriber_id, this.claims.campaign_id
    return PreferenceChange(
        subscriber_id=id, wish=wish, lists=lists, source=_SOURCE, campaign_id=campaign_id, at=this.now
    )


async def _resume(this: Visit, reader: Subscriber, sent: Sent) -> Response:
    """End every pause."""
    await this.site.writes.do(unsubscribes.choose, _choice(this, PreferenceAction.JOIN, tuple(reader.paused(this.now))))
    return await _shown(this, saved=True)


async def _download(this: Visit, reader: Subscriber, sent: Sent) -> Response:
    """Everything that is held, as a file."""
    held = await run_in_threadpool(_held, this)
    content = json.dumps(held, ensure_ascii=False, indent=2, default=dict) + "\n"
    name = 'attachment; filename="newsletter-data.json"'
    return Response(content, media_type="application/json", headers={"Content-Disposition": name})


def _held(this: Visit) -> dict[str, Any] | None:
    with this.site.database.read() as connection:
        return data_export.holdings(connection, this.claims.subscriber_id, this.now)


async def _forget(this: Visit, reader: Subscriber, sent: Sent) -> Response:
    """Ask once more; then do it."""
    if sent.one("sure") != "yes":
        return this.answer("forget.html", {"token": this.site.tokens.token(FORM)}, reader)
    await this.site.writes.do(erasure.forget, Forgetting(subscriber_id=reader.id, at=this.now))
    this.site.figures.count("forgotten")
    return this.answer("forgotten.html", {}, reader)


async def _shown(this: Visit, *, saved: bool = False, expired: bool = False, problem: bool = False) -> Response:
    reader = await this.reader()
    if reader is None:
        return this.answer("nobody.html", {}, None)
    code = this.language(reader).code
    values = {
        "token": this.site.tokens.token(FORM),
        "saved": saved,
        "expired": expired,
        "problem": problem,
        "active": active_lists(reader),
        "pauses": _pauses(this, reader),
        "name": _name(reader),
        "zone": str(reader.fields.get("timezone", "")),
        "default_zone": city_of(str(this.site.publication.config.publication.timezone), code),
        "city": lambda zone: city_of(zone, code),
        "regions": zones_by_region(code),
        "spoken": str(reader.fields.get("language", "")),
        "languages": names_of_languages(this.site.pages.translations.codes),
    }
    return this.answer("preferences.html", values, reader, status=400 if expired or problem else 200)


def _pauses(this: Visit, reader: Subscriber) -> dict[str, str]:
    """The day until which each paused list rests, by its title."""
    lists = this.site.publication.config.lists
    return {
        lists[name].title: this.date(datetime.fromisoformat(until).date(), reader)
        for name, until in reader.paused(this.now).items()
        if name in lists
    }


def _name(reader: Subscriber) -> str:
    field = reader.fields.get
    return full_name(str(field("first_name", "")), str(field("last_name", "")), reader.fields)


_ACTIONS = {"resume": _resume, "download": _download, "forget": _forget}
"""By what a form's button sends; anything else saves."""

ROUTES = [Route("/preferences/{token}", show), Route("/preferences/{token}", change, methods=["POST"])]


@dataclass(frozen=True, kw_only=True)
class Zone:
    """One to choose."""

    name: str
    """As the IANA names it."""
    city: str


@lru_cache(maxsize=32)
def zones_by_region(code: str) -> tuple[tuple[str, tuple[Zone, ...]], ...]:
    """Every zone once, by the first part of its name, cities in alphabetical order."""
    from babel.core import get_global

    regions: dict[str, list[Zone]] = {}
    for name in sorted(available_timezones() & {*get_global("zone_territories")}):
        region, slash, _city = name.partition("/")
        if slash and region != "Etc":
            regions.setdefault(region, []).append(Zone(name=name, city=city_of(name, code)))
    return tuple((region, tuple(sorted(zones, key=lambda zone: zone.city))) for region, zones in regions.items())


def city_of(name: str, code: str) -> str:
    """What a zone is called in a language: its city."""
    from babel.core import get_global

    locale = locale_of(code)
    listed = get_global("zone_aliases").get(name, name)  # CLDR keeps a zone's first name
    known = locale.time_zones.get(listed, {}).get("city") if locale else None
    return str(known or name.rpartition("/")[2].replace("_", " "))


def names_of_languages(codes: list[str]) -> list[tuple[str, str]]:
    """Languages by their code, each by the name it has for itself."""
    found = []
    for code in codes:
        locale = locale_of(code)
        name = str(locale.get_display_name(locale)) if locale else code
        found.append((code, name[:1].upper() + name[1:]))
    return found
