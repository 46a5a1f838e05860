"""Leave: one click of a mail program (RFC 8058), or one on the page that a reader's link shows.

A POST needs no cookie, no login and no token but the address's own: whoever has the email may leave. It
answers at once, without a redirect; done twice, it is done once. GET changes nothing: scanners follow links.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from newsletter.campaigns.unsubscribes import choose
from newsletter.subscribers import preferences
from newsletter.subscribers.preferences import LeavingAnswer, LeavingReason, PreferenceAction, PreferenceChange
from newsletter.web.public.forms import Sent, read_sent
from newsletter.web.public.reader_links import Visit, active_lists, broken_link, visit
from newsletter.web.public.site import wants_json

PAUSE = timedelta(days=30)
FORM = "parting word"
"""What tokens of the form that asks why are made out to."""
_WISHES = {
    "list": PreferenceAction.LEAVE,
    "all": PreferenceAction.LEAVE,
    "pause": PreferenceAction.PAUSE,
    "return": PreferenceAction.JOIN,
}
"""By what the page's buttons send as `choice`."""
_COUNTED = {"pause": "paused", "return": "returned"}
_NOTHING = Sent(values={})


async def show(request: Request) -> Response:
    """What leaving means, and its buttons."""
    this = visit(request)
    if this is None:
        return broken_link(request)
    reader = await this.reader()
    active = active_lists(reader) if reader else []
    until = reader.paused(this.now).get(this.claims.list, "") if reader else ""
    values = {
        "list_name": this.list_name,
        "is_on": bool(active) if this.list_name is None else this.list_name in active,
        "others": this.titles([name for name in active if name != this.list_name]) if this.list_name else [],
        "paused_until": this.date(datetime.fromisoformat(until).date(), reader) if until else "",
        "pause_until": this.date((this.now + PAUSE).date(), reader),
    }
    return this.answer("unsubscribe.html", values, reader)


async def leave(request: Request) -> Response:
    """Do what was asked: without a word about it, as mail programs do, leave the list."""
    this = visit(request)
    if this is None:
        return broken_link(request)
    sent = await _sent(request)
    if sent.one("reason") in list(LeavingReason):
        return await _thank(this, sent)
    asked = sent.one("choice") if sent.one("choice") in _WISHES else ""
    changed = await this.site.writes.do(choose, _choice(this, asked, sent))
    this.site.figures.count(_COUNTED.get(asked, "unsubscribed"), len(changed))
    if asked or "text/html" in request.headers.get("accept", ""):
        return await _told(this, asked or "list", changed)
    # The answer to a mail program, no person reads.
    return JSONResponse({"unsubscribed": changed}) if wants_json(request) else PlainTextResponse("unsubscribed\n")


async def _sent(request: Request) -> Sent:
    """The form; what cannot be read as one says nothing, and leaves."""
    try:
        return await read_sent(request)
    except HTTPException as error:
        if error.status_code not in (400, 415):
            raise
        return _NOTHING


def _choice(this: Visit, asked: str, sent: Sent) -> PreferenceChange:
    """A list that has gone means all: nobody can say any more which one its readers get instead."""
    known = this.site.publication.config.lists
    lists: tuple[str, ...] | None = (this.list_name,) if this.list_name and asked != "all" else None
    if asked == "return":
        lists = tuple(name for name in sent.all("list") if name in known)
    return PreferenceChange(
        subscriber_id=this.claims.subscriber_id,
        wish=_WISHES.get(asked, PreferenceAction.LEAVE),
        lists=lists,
        source="unsubscribe page" if asked else "one click",
        campaign_id=this.claims.campaign_id,
        at=this.now,
        until=this.now + PAUSE if asked == "pause" else None,
    )


async def _told(this: Visit, asked: str, changed: Sequence[str]) -> Response:
    reader = await this.reader()
    values = {
        "choice": asked,
        "changed": changed,
        "still": this.titles(active_lists(reader)) if reader else [],
        "until": this.date((this.now + PAUSE).date(), reader),
        "reasons": list(LeavingReason),
        "token": this.site.tokens.token(FORM),
    }
    return this.answer("left.html", values, reader)


async def _thank(this: Visit, sent: Sent) -> Response:
    """Count why, if we asked: a form of ours, from the last hour."""
    if this.site.tokens.age(sent.one("token"), FORM, this.now) is not None:
        word = LeavingAnswer(list=this.claims.list, day=this.now.date(), reason=LeavingReason(sent.one("reason")))
        await this.site.writes.do(preferences.count, word)
    return this.answer("thanks.html", {}, await this.reader())


ROUTES = [Route("/unsubscribe/{token}", show), Route("/unsubscribe/{token}", leave, methods=["POST"])]
