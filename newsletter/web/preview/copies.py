"""The email to take along: its HTML to paste elsewhere, the whole message as a file."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newsletter.errors import NewsletterError
from newsletter.messages.mailing import Mailing
from newsletter.messages.types import Recipient
from newsletter.rendering.build import sample_mailing
from newsletter.web.preview.pages import workshop_of
from newsletter.web.preview.readers import reader_of


def html(request: Request) -> Response:
    """The HTML of the message, for the reader who is shown: as a text, to be copied."""
    mailing, recipient = _copy(request)
    return Response(mailing.message(recipient).html, media_type="text/plain")


def whole(request: Request) -> Response:
    """The whole message as it travels, as a file."""
    mailing, recipient = _copy(request)
    name = quote(f"{request.path_params['slug']}.eml")
    held = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
    return Response(mailing.mime(recipient), media_type="message/rfc822", headers=held)


def _copy(request: Request) -> tuple[Mailing, Recipient]:
    work = workshop_of(request).work(request.path_params["slug"])
    if work.built is None:
        raise NewsletterError("the issue does not build yet")
    publication = work.built.theme.publication
    return sample_mailing(publication, work.built), reader_of(request).recipient(publication, work.slug)


ROUTES = [Route("/issues/{slug}/message.html", html), Route("/issues/{slug}/message.eml", whole)]
