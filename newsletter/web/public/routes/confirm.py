"""Confirm: the page that the email's button opens, and the press that counts.

GET changes nothing: scanners follow links before their reader does. What a link is good for is in
the database: one that was used, or is too old, says so.
"""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from newsletter.signed_links import Claims, Purpose
from newsletter.subscribers.double_opt_in import Confirming, Signup, Step
from newsletter.web.public.client import client_address
from newsletter.web.public.reader_links import broken_link
from newsletter.web.public.site import page, site_of, wants_json

_STATUS = {Step.GONE: 410}


async def show(request: Request) -> Response:
    """The button."""
    claims = _claims(request)
    if claims is None:
        return _unknown(request)
    return _answer(request, claims, await run_in_threadpool(_look, request, claims))


async def confirm(request: Request) -> Response:
    """Its press."""
    site, claims = site_of(request), _claims(request)
    if claims is None:
        return _unknown(request)
    one = Confirming(
        signup_id=claims.campaign_id,
        subscriber_id=claims.subscriber_id,
        network=client_address(request),
        at=site.clock(),
    )
    found = await site.writes.do(site.confirmations.confirm, one)
    site.figures.count(f"confirmation: {found.step}")
    return _answer(request, claims, found)


def _claims(request: Request) -> Claims | None:
    return site_of(request).links.read(request.path_params["token"], Purpose.CONFIRM)


def _look(request: Request, claims: Claims) -> Signup:
    site = site_of(request)
    with site.database.read() as connection:
        return site.confirmations.look(connection, claims.campaign_id, claims.subscriber_id, site.clock())


def _answer(request: Request, claims: Claims, found: Signup) -> Response:
    status = _STATUS.get(found.step, 200)
    if wants_json(request):
        return JSONResponse({"status": str(found.step)}, status_code=status)
    site = site_of(request)
    lists = site.publication.config.lists
    first = found.lists[0] if found.lists else site.publication.default_list
    token = site.links.token(Purpose.READER, claims.subscriber_id, 0, first)
    values = {
        "step": str(found.step),
        "token": request.path_params["token"],
        "email": found.email,
        "titles": [lists[name].title for name in found.lists],
        "sender": site.publication.config.publication.sender.address,
        "preferences": site.pages.path(f"/preferences/{token}"),
    }
    answer = page(request, "confirm.html", values, status=status, wishes=[found.language])
    answer.headers["X-Robots-Tag"] = "noindex"
    return answer


def _unknown(request: Request) -> Response:
    """A link that we did not make."""
    if wants_json(request):
        return JSONResponse({"error": "no such link"}, status_code=404)
    return broken_link(request)


ROUTES = [Route("/confirm/{token}", show), Route("/confirm/{token}", confirm, methods=["POST"])]
