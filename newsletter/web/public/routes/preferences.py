"""Let a reader change lists, name, time zone and language, download everything kept about them, or be forgotten.

Each form carries a token that proves we showed it, besides the link's own: a page of another site cannot send one.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newsletter.campaigns import unsubscribes
from newsletter.config.fields import full_name, parse_built_in
from newsletter.subscribers import erasure
from newsletter.subscribers.consent import Consent
from newsletter.subscribers.erasure import ErasureRequest
from newsletter.subscribers.preferences import PreferenceAction, PreferenceChange
from newsletter.subscribers.subscriber import Subscriber, update_own_fields
from newsletter.subscribers.writes import Status
from newsletter.times import stamp
from newsletter.web.public import data_export
from newsletter.web.public.forms import SubmittedForm, read_form
from newsletter.web.public.locale_choices import city_of, language_names, zones_by_region
from newsletter.web.public.reader_links import Visit, active_lists, broken_link_page, visit_of
from newsletter.web.public.security import is_foreign

FORM = "preferences"
"""The name in these forms' tokens."""
WAS = "was"
"""The form's field with the lists that were ticked when it was shown, separated by spaces."""
OFTEN = "often-"
"""The beginning of a field that chooses between a list and its digests; the list's name follows."""
MAX_NAME = 100
_SOURCE = "preferences page"


@dataclass(frozen=True, kw_only=True)
class SavedPreferences:
    """Everything that a reader chose on the page, to be written at once."""

    choices: tuple[PreferenceChange, ...]
    subscriber_id: int
    built_in: Mapping[str, str]
    name: str
    at: datetime


def save_preferences(connection: Connection, preferences: Sequence[SavedPreferences]) -> list[None]:
    """Write readers' preferences; a `Write` for the write queue."""
    unsubscribes.change_preferences(connection, [choice for saved in preferences for choice in saved.choices])
    for saved in preferences:
        update_own_fields(connection, saved.subscriber_id, saved.built_in, saved.name, saved.at)
    return [None] * len(preferences)


async def show_preferences(request: Request) -> Response:
    """Show the reader's preferences as a form."""
    visit = visit_of(request)
    return await _preferences_page(visit) if visit else broken_link_page(request)


async def change_preferences(request: Request) -> Response:
    """Do what one of the page's forms asks for: save, download, end a pause, forget."""
    visit = visit_of(request)
    if visit is None:
        return broken_link_page(request)
    # Before the body is read: a form of another site gets no further.
    if is_foreign(request, visit.site.publication):
        raise HTTPException(403, "this form was sent from another site")
    submitted = await read_form(request)
    if visit.site.form_tokens.age(submitted.first("token"), FORM, visit.now) is None:
        return await _preferences_page(visit, expired=True)
    reader = await visit.reader()
    if reader is None:
        return await _preferences_page(visit)
    if not _leaves_all(reader, submitted):
        await visit.count_change()
    return await _ACTIONS.get(submitted.first("action"), _save)(visit, reader, submitted)


def _leaves_all(reader: Subscriber, submitted: SubmittedForm) -> bool:
    """Tell whether a saved form leaves every list: that is never refused, and nobody repeats it without joining."""
    is_saving = submitted.first("action") not in _ACTIONS
    return is_saving and not any(_ticked(submitted)) and bool(active_lists(reader))


def _ticked(submitted: SubmittedForm) -> set[str]:
    """Return the lists that a form asks for: those that are ticked, and the choice of each group of OFTEN."""
    chosen = [name for field in submitted.values if field.startswith(OFTEN) for name in submitted.first(field).split()]
    return {*submitted.all("list"), *chosen}


async def _save(visit: Visit, reader: Subscriber, submitted: SubmittedForm) -> Response:
    left_since = _left_since(visit, reader, submitted)
    try:
        preferences = _parse_preferences(visit, reader, submitted, left_since)
    except ValueError:
        return await _preferences_page(visit, problem=True)
    await visit.site.write_queue.run(save_preferences, preferences)
    visit.site.metrics.count("preferences")
    return await _preferences_page(visit, saved=True, left_since=left_since)


def _parse_preferences(
    visit: Visit, reader: Subscriber, submitted: SubmittedForm, left_since: Collection[str]
) -> SavedPreferences:
    """Return what the form says. Raises ValueError for a value our form does not offer, and for too long a name."""
    name = " ".join(submitted.first("name").split())
    if len(name) > MAX_NAME:
        raise ValueError("the name is too long")
    texts = {field: submitted.first(field) for field in ("timezone", "language")}
    built_in = {field: parse_built_in(field, text) if text else "" for field, text in texts.items()}
    ticked, known = _ticked(submitted), visit.site.publication.config.lists
    if any(not set(submitted.first(OFTEN + source).split()) <= {*group} for source, group in _groups(visit).items()):
        raise ValueError("the choice is none of its group's")
    active = set(active_lists(reader))
    changes = {
        PreferenceAction.LEAVE: active - ticked,
        PreferenceAction.JOIN: ticked - active - {*left_since},
    }
    lists = {action: tuple(each for each in known if each in names) for action, names in changes.items()}
    return SavedPreferences(
        choices=tuple(_choice(visit, action, names) for action, names in lists.items() if names),
        subscriber_id=reader.id,
        built_in=built_in,
        name=parse_built_in("first_name", name) if name else "",
        at=visit.now,
    )


def _choice(visit: Visit, action: PreferenceAction, lists: tuple[str, ...] | None) -> PreferenceChange:
    # A token in the form proves that the link was opened, so that the mailbox is the reader's.
    return replace(visit.change(action, lists, _SOURCE), is_confirmation=True)


def _left_since(visit: Visit, reader: Subscriber, submitted: SubmittedForm) -> list[str]:
    """Return the ticked lists that the reader has left since the form was shown: no tick of theirs brings them back.

    The form says which boxes were ticked when it was shown; without that, the time of leaving decides. It is not so
    the other way round: whoever saves a form without a tick leaves, also after joining elsewhere meanwhile.
    """
    ticked = _ticked(submitted).difference(active_lists(reader))
    if WAS in submitted.values:
        return sorted(ticked & {*submitted.first(WAS).split()})
    age = visit.site.form_tokens.age(submitted.first("token"), FORM, visit.now)
    shown_at = stamp(visit.now - age) if age is not None else ""
    last = {proof.list: proof for proof in reader.consent}
    return sorted(name for name in ticked & last.keys() if _is_leaving_after(last[name], shown_at))


def _is_leaving_after(proof: Consent, moment: str) -> bool:
    return proof.status == Status.UNSUBSCRIBED and proof.at > moment


async def _resume(visit: Visit, reader: Subscriber, submitted: SubmittedForm) -> Response:
    """End every pause."""
    ended = await visit.site.write_queue.run(
        unsubscribes.change_preferences, _choice(visit, PreferenceAction.RESUME, None)
    )
    return await _preferences_page(visit, saved=bool(ended))


async def _download(visit: Visit, reader: Subscriber, submitted: SubmittedForm) -> Response:
    """Return everything that is kept about the reader, as a file."""
    data = await run_in_threadpool(_reader_data, visit, reader.id)
    content = json.dumps(data, ensure_ascii=False, indent=2, default=dict) + "\n"
    disposition = 'attachment; filename="newsletter-data.json"'
    return Response(content, media_type="application/json", headers={"Content-Disposition": disposition})


def _reader_data(visit: Visit, subscriber_id: int) -> dict[str, Any] | None:
    with visit.site.database.read() as connection:
        return data_export.reader_data(connection, subscriber_id, visit.now)


async def _forget(visit: Visit, reader: Subscriber, submitted: SubmittedForm) -> Response:
    """Erase the reader, after a page that asks whether they are sure."""
    if submitted.first("sure") != "yes":
        return visit.page("forget.html", {"token": visit.site.form_tokens.token(FORM)}, reader)
    await visit.site.write_queue.run(erasure.forget, ErasureRequest(subscriber_id=reader.id, at=visit.now))
    visit.site.metrics.count("forgotten")
    return visit.page("forgotten.html", {}, reader)


async def _preferences_page(
    visit: Visit,
    *,
    saved: bool = False,
    expired: bool = False,
    problem: bool = False,
    left_since: Sequence[str] = (),
) -> Response:
    reader = await visit.reader()
    if reader is None:
        return visit.page("nobody.html", {}, None)
    code = visit.language(reader).code
    values = {
        "token": visit.site.form_tokens.token(FORM),
        "saved": saved,
        "expired": expired,
        "problem": problem,
        "left_since": visit.titles(left_since),
        "is_barred": await visit.is_barred(reader),
        "is_pending": reader.status is Status.PENDING,
        "active": active_lists(reader),
        "groups": _choices(visit, reader),
        "titles": visit.titles,
        "pauses": _pauses(visit, reader),
        "name": _name(reader),
        "zone": str(reader.fields.get("timezone", "")),
        "default_zone": city_of(str(visit.site.publication.config.publication.timezone), code),
        "city": lambda zone: city_of(zone, code),
        "regions": zones_by_region(code),
        "spoken": str(reader.fields.get("language", "")),
        "languages": language_names(visit.site.pages.translations.codes),
    }
    return visit.page("preferences.html", values, reader, status=400 if expired or problem else 200)


def _groups(visit: Visit) -> dict[str, list[str]]:
    """Return each list that has digests, with itself and its digests: a reader gets one of them."""
    lists = visit.site.publication.config.lists
    digests = {name: entry.digest_of for name, entry in lists.items() if entry.digest_of}
    return {
        source: [source, *(name for name, of in digests.items() if of == source)]
        for source in dict.fromkeys(digests.values())
    }


def _choices(visit: Visit, reader: Subscriber) -> dict[str, dict[str, object]]:
    """Return what to choose between, by list: the lists of its group, and which of them the reader has.

    Who has several of a group, by an import for example, is offered to keep them.
    """
    active = active_lists(reader)
    return {
        source: {"lists": group, "has": [name for name in group if name in active]}
        for source, group in _groups(visit).items()
    }


def _pauses(visit: Visit, reader: Subscriber) -> dict[str, str]:
    """Return the day on which each paused list goes on, by the list's title."""
    lists = visit.site.publication.config.lists
    return {
        lists[name].title: visit.date(datetime.fromisoformat(until).date(), reader)
        for name, until in reader.paused(visit.now).items()
        if name in lists
    }


def _name(reader: Subscriber) -> str:
    field = reader.fields.get
    return full_name(str(field("first_name", "")), str(field("last_name", "")), reader.fields)


_ACTIONS = {"resume": _resume, "download": _download, "forget": _forget}
"""The functions by what a form's button sends; anything else saves."""

ROUTES = [
    Route("/preferences/{token}", show_preferences),
    Route("/preferences/{token}", change_preferences, methods=["POST"]),
]
