"""Take providers' reports: verify the raw bytes, keep them, answer, and have them applied.

The answer waits only until the call is on disk; events/applier.py applies it within a second. Nothing of a refused
call is kept.
"""

from __future__ import annotations

import logging
from http import HTTPStatus

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newsletter.errors import NewsletterError
from newsletter.events import calls
from newsletter.events.calls import KeptCall
from newsletter.events.one_time_tokens import TokenUse
from newsletter.events.receive import CertificateNeededError, Judgement, WebhookGate
from newsletter.fetch import fetch
from newsletter.network import NetworkAccess
from newsletter.providers.webhooks import WebhookCall
from newsletter.web.public.site import Site, site_of

logger = logging.getLogger(__name__)


async def receive(request: Request) -> Response:
    """Answer a provider's call: 200 when it is on disk, 404, 401 or 400 when it is refused."""
    site = site_of(request)
    provider, token = request.path_params["provider"], request.path_params["token"]
    call = WebhookCall(
        # Starlette's header names are in lower case.
        headers=dict(request.headers),
        body=await request.body(),
        at=site.clock(),
    )
    judgement = await _judge(site.webhooks, provider, token, call)
    if judgement.reason:
        logger.warning("a call to the webhook of %s was refused: %s", provider, judgement.reason)
    if judgement.status is not HTTPStatus.OK:
        return Response(status_code=judgement.status)
    if judgement.confirmation:
        await run_in_threadpool(_confirm, provider, judgement.confirmation)
    kept = KeptCall(provider=provider, body=call.body, at=call.at, token=judgement.token)
    if await site.write_queue.run(calls.keep, kept) is TokenUse.STOLEN:
        logger.warning("a call to the webhook of %s was refused: its signature belongs to another call", provider)
        return Response(status_code=HTTPStatus.UNAUTHORIZED)
    _wake(site)
    return Response(status_code=HTTPStatus.OK)


async def _judge(gate: WebhookGate, provider: str, token: str, call: WebhookCall) -> Judgement:
    try:
        return gate.judge(provider, token, call)
    except CertificateNeededError as needed:
        try:
            page = await run_in_threadpool(fetch, NetworkAccess(), needed.url)
        except NewsletterError as error:
            reason = f"its certificate cannot be had: {error.message}"
            return Judgement(status=HTTPStatus.UNAUTHORIZED, reason=reason)
        gate.learn_certificate(needed.url, page.body)
        return gate.judge(provider, token, call)


def _confirm(provider: str, url: str) -> None:
    """Confirm the subscription of a topic, as its call asks; when that fails the provider asks again."""
    try:
        fetch(NetworkAccess(), url)
    except NewsletterError as error:
        logger.warning("the subscription of %s could not be confirmed: %s", provider, error.message)
    else:
        logger.warning("the subscription of %s is confirmed", provider)


def _wake(site: Site) -> None:
    if site.event_applier is not None:
        site.event_applier.wake()


ROUTES = [Route("/webhooks/{provider}/{token}", receive, methods=["POST"])]
