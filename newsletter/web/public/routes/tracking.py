"""Links and pictures that are counted: where they lead, and that somebody was there.

Where a link leads is what the campaign's frozen message says under its number; nothing of a request
becomes an address. Old links lead on for ever, whatever the settings say today.
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


async def click(request: Request) -> Response:
    """On to where the link leads."""
    site = site_of(request)
    token, _, number = request.path_params["token"].rpartition(".")
    claims = site.links.read(token, Purpose.TRACK)
    if claims is None or not (number.isascii() and number.isdigit() and len(number) < 6):
        raise HTTPException(404)
    targets = await site.targets.of(claims.campaign_id)
    url = targets.get(int(number))
    if url is None:
        raise HTTPException(404)
    _note(request, site, claims, EventKind.CLICKED, int(number), len(targets))
    return Response(status_code=302, headers={"Location": quote(url, safe=_URL), "Cache-Control": "no-store"})


async def opened(request: Request) -> Response:
    """The picture that nobody sees."""
    site = site_of(request)
    claims = site.links.read(request.path_params["token"], Purpose.TRACK)
    if claims is None:
        raise HTTPException(404)
    _note(request, site, claims, EventKind.OPENED, None, 0)
    headers = {"Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "cross-origin"}
    return Response(PIXEL, media_type="image/gif", headers=headers)


def _note(request: Request, site: Site, claims: Claims, kind: EventKind, link: int | None, of_links: int) -> None:
    """Say what was seen, if anything is to be: the stricter of what the link knows and what the settings say."""
    level = Level(site.publication.config.tracking.level)
    if level is Level.NONE or request.method != "GET":
        return
    known = claims.subscriber_id if level is Level.INDIVIDUAL else 0
    site.sightings.note(
        EngagementEvent(
            kind=kind,
            campaign_id=claims.campaign_id,
            subscriber_id=known or None,
            at=site.clock(),
            link=link,
            of_links=of_links,
            who=claims.subscriber_id or _asker(request),
            machine=engagement.betrayed(request.headers),
        )
    )


def _asker(request: Request) -> Hashable:
    """The address that asks; behind a proxy whose word is not taken, everybody would be one: then each is another."""
    host = request.client.host if request.client else ""
    try:
        return host if ip_address(host).is_global else object()
    except ValueError:
        return object()


ROUTES = [Route("/c/{token}", click), Route("/o/{token}", opened)]
