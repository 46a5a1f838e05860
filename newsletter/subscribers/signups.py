"""Sign-ups: who asked to join by a form, and which email answers them.

No other module writes the `signup` table, but for names that a repeated form corrects (`repeated_signups.py`).
A stranger can type somebody else's address, so a form changes nothing that is known of a reader: a name, or a list
once left, count only from the confirmation on (`double_opt_in.py`).
The emails are queued here (`transactional_queue.py`) and sent by `sending/transactional_sender.py`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, delete, exists, select, update

from newsletter.addresses import address_key
from newsletter.config import PublicationSettings
from newsletter.config.fields import full_name
from newsletter.database.bulk import among, insert_many, reserve_ids
from newsletter.database.tables import consent as consent_rows
from newsletter.database.tables import consent_source, subscriber, subscription
from newsletter.database.tables import signup as table
from newsletter.subscribers import consent, repeated_signups, suppressions, transactional_queue, writes
from newsletter.subscribers.evidence import read_details, read_object
from newsletter.subscribers.preferences import ListState, list_states
from newsletter.subscribers.rate_limits import SignupLimits, address_use, network_use
from newsletter.subscribers.repeated_signups import Wish
from newsletter.subscribers.subscriber import split_name
from newsletter.subscribers.transactional_queue import ASKED_THEMSELVES, NewTransactionalMessage, TransactionalKind
from newsletter.subscribers.writes import Status, SubscriberEntry
from newsletter.times import stamp

MOST_NAME = 100
"""The most characters of a name."""
SOURCE = "form"
"""The kind of the evidence's source."""
KEPT = timedelta(days=30)
"""How long a reader who never confirmed is kept after the link has expired."""


@dataclass(frozen=True, kw_only=True)
class ShownForm:
    """The form that a reader filled in: the part of the evidence that many sign-ups share."""

    form: str
    """The version of the form."""
    text: str
    """The wording of the form."""
    text_sha256: str
    language: str


@dataclass(frozen=True, kw_only=True)
class SignupRequest:
    """A form, filled in and sent; everything in it is checked."""

    email: str
    name: str
    lists: tuple[str, ...]
    shown: ShownForm
    page: str
    """The page that had the form."""
    network: str
    """The network address that it came from."""
    at: datetime


class SignupAnswer(StrEnum):
    """The answer to a request, which tells nobody whether the address is known."""

    ACCEPTED = "accepted"
    """For known and unknown addresses alike, whether an email goes out or not."""
    TOO_MANY = "too many"
    """Too many requests came from this network."""


class Signups:
    """The sign-ups of one publication."""

    def __init__(self, publication: PublicationSettings, limits: SignupLimits) -> None:
        self._settings = publication.config.signup
        self._limits = limits

    def accept(self, connection: Connection, requests: Sequence[SignupRequest]) -> list[SignupAnswer]:
        """Record requests in their order, those that the limits of their network allow; return the answers."""
        now = max(request.at for request in requests)
        repeated_signups.take_turn(connection)
        uses = [network_use(request.network, self._settings.per_network) for request in requests]
        allowed = self._limits.take(connection, uses, now)
        self._record(connection, [request for request, may in zip(requests, allowed, strict=True) if may], now)
        return [SignupAnswer.ACCEPTED if may else SignupAnswer.TOO_MANY for may in allowed]

    def _record(self, connection: Connection, requests: Sequence[SignupRequest], now: datetime) -> None:
        """Record the requests that the limit of their address allows, and queue the emails that answer them.

        A form that was sent twice is answered once.
        """
        wishes = repeated_signups.without_repeats(connection, [_wish(request) for request in requests], now)
        repeats = [request for request, wish in zip(requests, wishes, strict=True) if wish is None]
        requests = [
            replace(request, name=wish.name) for request, wish in zip(requests, wishes, strict=True) if wish is not None
        ]
        uses = [address_use(request.email, self._settings.per_address) for request in requests]
        allowed = self._limits.take(connection, uses, now)
        # Grouped: thousands of sign-ups by one form share its source.
        by_form: dict[ShownForm, list[SignupRequest]] = defaultdict(list)
        for request, may in zip(requests, allowed, strict=True):
            if may:
                by_form[request.shown].append(request)
        for shown, same_form in by_form.items():
            source_id = consent.shared_source(connection, SOURCE, vars(shown), now)
            _enter_readers(connection, same_form, source_id, now)
            _insert_signups(connection, same_form, source_id, now)
        for request in repeats:  # written like the others, so that the answer takes as long
            source_id = consent.shared_source(connection, SOURCE, vars(request.shown), now)
            _enter_readers(connection, [request], source_id, now)
            _insert_signups(connection, [request], source_id, now, skipped="the form was sent twice")


def forget_unconfirmed(connection: Connection, publication: PublicationSettings, now: datetime) -> int:
    """Erase readers who asked by a form and never confirmed, KEPT after their link expired; return how many.

    Readers who are known in any other way stay: by an import, or by a list they are or were on.
    """
    within = publication.config.signup.confirm_within.delta
    if not within:
        return 0
    by_form = table.c.subscriber_id == subscriber.c.id
    asked_lately = exists().where(by_form, table.c.asked_at > stamp(now - within - KEPT))
    is_on_a_list = exists().where(
        subscription.c.subscriber_id == subscriber.c.id, subscription.c.status != Status.PENDING
    )
    otherwise_known = (
        exists()
        .where(consent_rows.c.subscriber_id == subscriber.c.id, consent_rows.c.source_id == consent_source.c.id)
        .where(consent_source.c.kind != SOURCE)
    )
    unconfirmed = delete(subscriber).where(exists().where(by_form), ~asked_lately, ~is_on_a_list, ~otherwise_known)
    return connection.execute(unconfirmed).rowcount


def _wish(request: SignupRequest) -> Wish:
    return Wish(address_key(request.email), request.lists, request.name, request.network)


def name_is_typed(connection: Connection, subscriber_id: int) -> bool:
    """Tell whether the reader's name is one that was typed into a form, whoever typed it."""
    row = connection.execute(select(subscriber).where(subscriber.c.id == subscriber_id)).one()
    typed = connection.scalars(select(table.c.name).where(table.c.subscriber_id == subscriber_id))
    current = full_name(row.first_name, row.last_name, read_object(row.fields))
    return any(full_name(**split_name(name), fields={}) == current for name in typed if name)


def find_signup(connection: Connection, signup_id: int, subscriber_id: int) -> Row[Any] | None:
    """Return the row of a sign-up with its reader's `email`, `email_key` and `link_key`, or None."""
    with_address = (
        select(table, subscriber.c.email, subscriber.c.email_key, subscriber.c.link_key)
        .join_from(table, subscriber, subscriber.c.id == table.c.subscriber_id)
        .where(table.c.id == signup_id, table.c.subscriber_id == subscriber_id)
    )
    return connection.execute(with_address).one_or_none()


def was_requested_again(connection: Connection, signup: Row[Any], now: datetime) -> bool:
    """Tell whether `request_again` was called for this sign-up within a minute: its button was pressed twice."""
    repeated_signups.take_turn(connection)
    wish = Wish(
        signup.email_key,
        tuple(json.loads(signup.lists)),
        signup.name,
        str(read_details(signup.proof).get("network", "")),
    )
    return repeated_signups.is_answered(connection, wish, now, after=signup.id)


def mark_confirmed(connection: Connection, signup_id: int, at: datetime) -> None:
    """Record that a sign-up is confirmed."""
    connection.execute(update(table).where(table.c.id == signup_id).values(confirmed_at=stamp(at)))


def request_again(connection: Connection, signup: Row[Any], network: str, now: datetime) -> None:
    """Record a new sign-up like `signup` (a row of `find_signup`), and queue its confirmation."""
    proof = {**read_details(signup.proof), "network": network}
    values = (signup.subscriber_id, signup.lists, signup.name, signup.language, signup.source_id, json.dumps(proof))
    _insert(connection, [values], [TransactionalKind.CONFIRMATION], [signup.language], now)


def list_statuses(connection: Connection, ids: Sequence[int]) -> Mapping[int, dict[str, str]]:
    """Return the status on each list, of each of these readers."""
    columns = subscription.c
    rows = select(columns.subscriber_id, columns.list, columns.status)
    statuses: dict[int, dict[str, str]] = defaultdict(dict)
    for row in connection.execute(rows.where(among(connection, columns.subscriber_id, ids))):
        statuses[row.subscriber_id][row.list] = row.status
    return statuses


def _enter_readers(connection: Connection, requests: Sequence[SignupRequest], source_id: int, now: datetime) -> None:
    """Write new readers as pending, and known readers on lists they never had; nothing else that a form says."""
    keys = [address_key(request.email) for request in requests]
    suppressed = suppressions.suppressed(connection, keys)
    by_owner = {key for key, reason in suppressed.items() if reason in ASKED_THEMSELVES}
    writes.enter(connection, [_entry(request) for request in requests], source_id, now, asked_by_owner=by_owner)


def _entry(request: SignupRequest) -> SubscriberEntry:
    return SubscriberEntry(
        email=request.email,
        statuses=tuple((name, str(Status.PENDING)) for name in request.lists),
        proof=_proof(request),
    )


def _proof(request: SignupRequest) -> str:
    return json.dumps({"page": request.page, "network": request.network})


def _insert_signups(
    connection: Connection, requests: Sequence[SignupRequest], source_id: int, now: datetime, skipped: str = ""
) -> None:
    """Write the sign-ups and queue an email for each: to confirm, or that the reader has joined already.

    Both cost the same time, so that the duration of an answer tells nobody who is on a list.
    """
    keys = [address_key(request.email) for request in requests]
    ids = _ids(connection, keys)
    states = list_states(connection, ids.values())
    suppressed = suppressions.suppressed(connection, keys)
    languages = _languages(connection, list(ids.values()))
    rows, kinds, spoken = [], [], []
    for request, key in zip(requests, keys, strict=True):
        reader = ids.get(key)
        if reader is None:  # suppressed: no email goes there
            continue
        is_mailed = key not in suppressed
        is_on_all = is_mailed and all(_gets(states[reader].get(name), now) for name in request.lists)
        kinds.append(TransactionalKind.ALREADY if is_on_all else TransactionalKind.CONFIRMATION)
        # Readers are told in their own language that they have joined, whoever filled in the form.
        spoken.append((is_on_all and languages[reader]) or request.shown.language)
        shared = (request.name, request.shown.language, source_id, _proof(request))
        rows.append((reader, json.dumps(request.lists), *shared))
    _insert(connection, rows, kinds, spoken, now, skipped)


def _gets(state: ListState | None, now: datetime) -> bool:
    """Tell whether a reader with this state gets the list's issues today: active, and not taking a break."""
    return state is not None and state.status == Status.ACTIVE and (state.paused_until or "") <= stamp(now)


_COLUMNS = ("subscriber_id", "lists", "name", "language", "source_id", "proof")
"""The columns of the rows that `_insert` takes."""


def _insert(
    connection: Connection,
    rows: Sequence[tuple[Any, ...]],
    kinds: Sequence[TransactionalKind],
    languages: Sequence[str],
    now: datetime,
    skipped: str = "",
) -> None:
    """Write sign-ups, and queue an email of each kind in each language."""
    ids = reserve_ids(connection, table, len(rows)) if rows else ()
    signups = [(id, *row, stamp(now)) for id, row in zip(ids, rows, strict=True)]
    insert_many(connection, table, ("id", *_COLUMNS, "asked_at"), signups)
    messages = [
        _message(dict(zip(_COLUMNS, row, strict=True)) | {"language": language}, kind, id, now)._replace(
            skipped=skipped
        )
        for id, row, kind, language in zip(ids, rows, kinds, languages, strict=True)
    ]
    transactional_queue.queue(connection, messages, now)


def _message(signup: Mapping[str, Any], kind: TransactionalKind, id: int, now: datetime) -> NewTransactionalMessage:
    return NewTransactionalMessage(
        subscriber_id=signup["subscriber_id"],
        kind=kind,
        message=str(kind),
        list=json.loads(signup["lists"])[0],
        language=signup["language"],
        due_at=now,
        signup_id=id,
    )


def _languages(connection: Connection, ids: Sequence[int]) -> dict[int, str]:
    """Return the language that each of these readers chose; empty when none."""
    rows = connection.execute(
        select(subscriber.c.id, subscriber.c.language).where(among(connection, subscriber.c.id, ids))
    )
    return {row.id: row.language for row in rows}


def _ids(connection: Connection, keys: Sequence[str]) -> dict[str, int]:
    rows = connection.execute(
        select(subscriber.c.email_key, subscriber.c.id).where(among(connection, subscriber.c.email_key, keys))
    )
    return {row.email_key: row.id for row in rows}
