"""Let a reader leave: one click of a mail program (RFC 8058), or one on the page that the reader's link shows.

A POST needs no cookie, no login and no token but the address's own: anyone who has the email may leave. It answers
at once, without a redirect, and sending it twice changes nothing more. GET changes nothing: scanners follow links.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from newsletter.campaigns.unsubscribes import change_preferences
from newsletter.subscribers import leaving_reasons
from newsletter.subscribers.leaving_reasons import LeavingAnswer, LeavingReason
from newsletter.subscribers.preferences import PreferenceAction, PreferenceChange
from newsletter.subscribers.subscriber import Subscriber
from newsletter.subscribers.writes import Status
from newsletter.web.public.forms import SubmittedForm, read_form
from newsletter.web.public.reader_links import Visit, active_lists, broken_link_page, visit_of
from newsletter.web.public.site import wants_json

PAUSE = timedelta(days=30)
FORM = "parting word"
"""The name in the tokens of the form that asks for a reason."""
_ACTIONS = {
    "list": PreferenceAction.LEAVE,
    "all": PreferenceAction.LEAVE,
    "pause": PreferenceAction.PAUSE,
    "return": PreferenceAction.JOIN,
    "resume": PreferenceAction.RESUME,
}
"""The actions by what the page's buttons send as `choice`."""
_EVENTS = {"pause": "paused", "return": "returned", "resume": "returned"}
"""The names of counted events by `choice`; any other choice counts as `unsubscribed`."""
_EMPTY = SubmittedForm(values={})


async def show_unsubscribe(request: Request) -> Response:
    """Show what unsubscribing means, with a button for each choice."""
    visit = visit_of(request)
    if visit is None:
        return broken_link_page(request)
    return await _leave_page(visit, await visit.reader())


async def _leave_page(visit: Visit, reader: Subscriber | None) -> Response:
    active = active_lists(reader) if reader else []
    until = reader.paused(visit.now).get(visit.claims.list, "") if reader else ""
    values = {
        "list_name": visit.list_name,
        "is_on": bool(active) if visit.list_name is None else visit.list_name in active,
        "others": visit.titles([name for name in active if name != visit.list_name]) if visit.list_name else [],
        "paused_until": visit.date(datetime.fromisoformat(until).date(), reader) if until else "",
        "pause_until": visit.date((visit.now + PAUSE).date(), reader),
        "is_barred": reader is not None and await visit.is_barred(reader),
        "is_pending": reader is not None and _is_pending(visit, reader),
    }
    return visit.page("unsubscribe.html", values, reader)


def _is_pending(visit: Visit, reader: Subscriber) -> bool:
    """Tell whether the reader has still to confirm the list; of a list that is gone, whether they confirmed any."""
    status = reader.status if visit.list_name is None else reader.lists.get(visit.list_name)
    return status is Status.PENDING


async def unsubscribe(request: Request) -> Response:
    """Do what the form's `choice` says; without one, as mail programs send it, leave the list."""
    visit = visit_of(request)
    if visit is None:
        return broken_link_page(request)
    submitted = await _read_form(request)
    if submitted.first("reason") in list(LeavingReason):
        await visit.count_change()
        return await _record_reason(visit, submitted)
    choice = submitted.first("choice") if submitted.first("choice") in _ACTIONS else ""
    if choice in _EVENTS:  # leaving is never refused
        await visit.count_change()
    change = _preference_change(visit, choice, submitted)
    changed = await visit.site.write_queue.run(change_preferences, change)
    visit.site.metrics.count(_EVENTS.get(choice, "unsubscribed"), len(changed))
    if choice or "text/html" in request.headers.get("accept", ""):
        return await _result_page(visit, choice or "list", change, changed)
    # A mail program shows its answer to nobody.
    return JSONResponse({"unsubscribed": changed}) if wants_json(request) else PlainTextResponse("unsubscribed\n")


async def _read_form(request: Request) -> SubmittedForm:
    """Return the submitted form; one that cannot be read counts as empty, so that it still unsubscribes."""
    try:
        return await read_form(request)
    except HTTPException as error:
        # Too large or too slow a body is refused as everywhere.
        if error.status_code not in (400, 415):
            raise
        return _EMPTY


def _preference_change(visit: Visit, choice: str, submitted: SubmittedForm) -> PreferenceChange:
    """Return the change that a choice makes.

    A link for a list that is gone leaves all lists: nobody can tell any more which one replaced it.
    """
    lists: tuple[str, ...] | None = (visit.list_name,) if visit.list_name and choice != "all" else None
    if choice in ("return", "resume"):
        known = visit.site.publication.config.lists
        lists = tuple(name for name in submitted.all("list") if name in known) or lists or ()
    action = _ACTIONS.get(choice, PreferenceAction.LEAVE)
    change = visit.change(action, lists, "unsubscribe page" if choice else "one click")
    return replace(change, until=visit.now + PAUSE) if action is PreferenceAction.PAUSE else change


async def _result_page(visit: Visit, choice: str, change: PreferenceChange, changed: Sequence[str]) -> Response:
    """Return the page that tells what is so now, whatever the form was about when it was shown."""
    reader = await visit.reader()
    active = active_lists(reader) if reader else []
    wanted = [name for name in active if change.lists is None or name in change.lists]
    is_coming = change.action in (PreferenceAction.JOIN, PreferenceAction.RESUME)
    is_barred = is_coming and reader is not None and await visit.is_barred(reader)
    if change.action is not PreferenceAction.LEAVE and (not wanted or is_barred):
        return await _leave_page(visit, reader)
    values = {
        "choice": choice,
        "changed": changed,
        "wanted": visit.titles(wanted),
        "still": visit.titles(active),
        "until": visit.date((visit.now + PAUSE).date(), reader),
        "reasons": list(LeavingReason),
        "token": visit.site.form_tokens.token(FORM),
    }
    return visit.page("left.html", values, reader)


async def _record_reason(visit: Visit, submitted: SubmittedForm) -> Response:
    """Count the reason for leaving, if it comes from a form that we showed within the last hour; then say thanks."""
    if visit.site.form_tokens.age(submitted.first("token"), FORM, visit.now) is not None:
        reason = LeavingReason(submitted.first("reason"))
        answer = LeavingAnswer(list=visit.claims.list, day=visit.now.date(), reason=reason)
        await visit.site.write_queue.run(leaving_reasons.record_answers, answer)
    return visit.page("thanks.html", {}, await visit.reader())


ROUTES = [
    Route("/unsubscribe/{token}", show_unsubscribe),
    Route("/unsubscribe/{token}", unsubscribe, methods=["POST"]),
]
