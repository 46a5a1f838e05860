"""Count links and pictures: redirect to where a link leads, and record that it was followed or an email opened.

A campaign's frozen message says where its links lead, by their number; nothing in a request becomes an address. Links
of old emails work for ever, whatever the settings say today.
"""

from __future__ import annotations

from collections.abc import Hashable
from ipaddress import ip_address
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newsletter.campaigns import engagement
from newsletter.campaigns.engagement import EngagementEvent
from newsletter.campaigns.events import EventKind
from newsletter.campaigns.tracking import Level
from newsletter.signed_links import Claims, Purpose
from newsletter.web.public.site import Site, site_of

PIXEL = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")
"""A GIF of one transparent pixel."""
_URL = ":/%#?=@[]!$&'()*+,;~"


async def follow_link(request: Request) -> Response:
    """Redirect to a counted link's address, and record the click."""
    site = site_of(request)
    token, _, number = request.path_params["token"].rpartition(".")
    claims = site.links.read(token, Purpose.TRACK)
    # `int` takes seconds for a million digits.
    if claims is None or not (number.isascii() and number.isdigit() and len(number) < 6):
        raise HTTPException(404)
    targets = await site.link_targets.of_campaign(claims.campaign_id, claims.list)
    url = targets.get(int(number))
    if url is None:
        raise HTTPException(404)
    _record(request, site, claims, EventKind.CLICKED, int(number), len(targets))
    # Headers are ASCII. `%` is safe: the address may be quoted already.
    return Response(status_code=302, headers={"Location": quote(url, safe=_URL), "Cache-Control": "no-store"})


async def show_pixel(request: Request) -> Response:
    """Return the invisible picture of an email, and record that the email was opened."""
    site = site_of(request)
    claims = site.links.read(request.path_params["token"], Purpose.TRACK)
    if claims is None:
        raise HTTPException(404)
    _record(request, site, claims, EventKind.OPENED, None, 0)
    headers = {"Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "cross-origin"}
    return Response(PIXEL, media_type="image/gif", headers=headers)


def _record(request: Request, site: Site, claims: Claims, kind: EventKind, link: int | None, link_count: int) -> None:
    """Record an open or a click, as far as both the link and the settings allow."""
    level = Level(site.publication.config.tracking.level)
    # HEAD comes from programs that check links.
    if level is Level.NONE or request.method != "GET":
        return
    subscriber_id = claims.subscriber_id if level is Level.INDIVIDUAL else 0
    site.engagement.note(
        EngagementEvent(
            kind=kind,
            campaign_id=claims.campaign_id,
            campaign_key=claims.list,
            subscriber_id=subscriber_id or None,
            reader_key=claims.key if subscriber_id else None,
            at=site.clock(),
            link=link,
            of_links=link_count,
            who=claims.subscriber_id or _client_key(request),
            machine=engagement.betrayed(request.headers),
        )
    )


def _client_key(request: Request) -> Hashable:
    """Return what tells one client from another while events are held: its public address.

    Behind a proxy that is not trusted all clients have one address, which is a private one; then each request counts
    as another client.
    """
    host = request.client.host if request.client else ""
    try:
        return host if ip_address(host).is_global else object()
    except ValueError:
        return object()


ROUTES = [Route("/c/{token}", follow_link), Route("/o/{token}", show_pixel)]
