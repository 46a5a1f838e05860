"""Confirm a sign-up: the page that the email's button opens, and the button on it that counts.

GET changes nothing: scanners follow links before their reader does. The database knows whether a link was used or is
too old, and the page says so.
"""

from __future__ import annotations

from datetime import datetime

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from newsletter.signed_links import Claims, Purpose
from newsletter.subscribers.double_opt_in import ConfirmationRequest, Signup, SignupStep
from newsletter.web.public.client import client_address
from newsletter.web.public.reader_links import broken_link_page
from newsletter.web.public.site import language_of, page, site_of, wants_json

_STATUS = {SignupStep.GONE: 410, SignupStep.BARRED: 410}


async def show_confirmation(request: Request) -> Response:
    """Show the sign-up with the button that confirms it."""
    claims = _claims(request)
    if claims is None:
        return _unknown_link(request)
    return _sign_up_response(request, claims, await run_in_threadpool(_read_sign_up, request, claims))


async def confirm(request: Request) -> Response:
    """Confirm the sign-up, because the button was pressed."""
    site, claims = site_of(request), _claims(request)
    if claims is None:
        return _unknown_link(request)
    sign_up = await site.write_queue.run(site.confirmations.confirm, _asked_request(request, claims))
    site.metrics.count(f"confirmation: {sign_up.step}")
    return _sign_up_response(request, claims, sign_up)


def _claims(request: Request) -> Claims | None:
    return site_of(request).links.read(request.path_params["token"], Purpose.CONFIRM)


def _asked_request(request: Request, claims: Claims) -> ConfirmationRequest:
    return ConfirmationRequest(
        # A confirmation's token holds the sign-up's id and time where others hold the campaign's id and a list.
        signup_id=claims.campaign_id,
        subscriber_id=claims.subscriber_id,
        key=claims.key,
        asked=claims.list,
        network=client_address(request),
        at=site_of(request).clock(),
    )


def _read_sign_up(request: Request, claims: Claims) -> Signup:
    site = site_of(request)
    with site.database.read() as connection:
        return site.confirmations.find(connection, _asked_request(request, claims))


def _sign_up_response(request: Request, claims: Claims, sign_up: Signup) -> Response:
    status = _STATUS.get(sign_up.step, 200)
    if wants_json(request):
        return JSONResponse({"status": str(sign_up.step)}, status_code=status)
    site = site_of(request)
    lists = site.publication.config.lists
    first_list = sign_up.lists[0] if sign_up.lists else site.publication.default_list
    # 0: this link comes from no campaign.
    reader_token = site.links.token(Purpose.READER, claims.subscriber_id, 0, first_list, claims.key)
    language = language_of(request, [sign_up.language])
    until = sign_up.paused_until and language.full_date(datetime.fromisoformat(sign_up.paused_until).date())
    values = {
        "step": str(sign_up.step),
        "token": request.path_params["token"],
        "email": sign_up.email,
        "lists_asked": sign_up.lists,
        "may_return": sign_up.was_active,
        "paused_until": until,
        "leave": site.pages.path(f"/unsubscribe/{reader_token}"),
        "titles": [lists[name].title for name in sign_up.lists],
        "sender": site.publication.config.publication.sender.address,
        "preferences": site.pages.path(f"/preferences/{reader_token}"),
    }
    response = page(request, "confirm.html", values, status=status, preferred=[sign_up.language])
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def _unknown_link(request: Request) -> Response:
    """Answer 404 to a link that is not ours."""
    if wants_json(request):
        return JSONResponse({"error": "no such link"}, status_code=404)
    return broken_link_page(request)


ROUTES = [Route("/confirm/{token}", show_confirmation), Route("/confirm/{token}", confirm, methods=["POST"])]
