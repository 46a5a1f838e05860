"""The page of one issue, and the email in its frames: every view of one reader's copy.

The email to take along: its HTML to paste elsewhere, the whole message as a file.
"""

from __future__ import annotations

from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from newsletter.errors import NewsletterError
from newsletter.messages.mailing import Mailing
from newsletter.messages.types import Recipient
from newsletter.preview.highlight import header_lines, html_lines, message_lines, plain_lines
from newsletter.preview.inbox import entry
from newsletter.preview.views import RENDERED, VIEWS, rendered, written
from newsletter.rendering.build import sample_mailing
from newsletter.web.preview.pages import page, text, workspace_of
from newsletter.web.preview.readers import reader_of, recipient_of
from newsletter.web.preview.security import EMAIL_POLICY, WITH_REMOTE_PICTURES

PANELS = (("problems", "Problems"), ("cuts", "Inbox"), ("readers", "Reader"), ("act", "Send"))
"""What stands beside the email: an id and a title; `templates/preview/static/<id>.js` fills it."""


LINES = {"text": plain_lines, "source": html_lines, "headers": header_lines, "raw": message_lines}
"""How what is read is coloured, by the name of its view."""


def show(request: Request) -> Response:
    """The page around the email."""
    workspace = workspace_of(request)
    work = workspace.issue(request.path_params["slug"])
    head = entry(workspace.publication, work.path)
    return page(request, "issue.html", {"work": work, "head": head, "views": VIEWS, "panels": PANELS})


def view(request: Request) -> Response:
    """The email, as one kind of mail client shows it; or its text, source, headers, bytes."""
    name = request.path_params["view"]
    if name not in VIEWS:
        raise HTTPException(404, "There is no such view.")
    work = workspace_of(request).issue(request.path_params["slug"])
    if work.built is None:
        return document(request, text(request, "no-email.html", {}))
    try:
        recipient = recipient_of(request, work.built)
    except NewsletterError as error:  # a frame shows it; the panel beside it offers others
        return document(request, text(request, "said.html", {"error": error}))
    if name in RENDERED:
        return document(request, rendered(work.built, recipient, name, work.pictures))
    lines = LINES[name](written(work.built, recipient, name))
    return document(request, text(request, "lines.html", {"name": name, "lines": lines}))


def document(request: Request, html: str) -> Response:
    """For a frame: its own policy, and links that open beside the preview, not in it."""
    policy = WITH_REMOTE_PICTURES if request.query_params.get("remote") == "1" else EMAIL_POLICY
    aimed = html.replace("<head>", '<head><base target="_blank">', 1)
    return HTMLResponse(aimed, headers={"Content-Security-Policy": policy})


def cuts(request: Request) -> Response:
    """How mail clients cut its subject and preheader."""
    workspace = workspace_of(request)
    found = entry(workspace.publication, workspace.path_of(request.path_params["slug"]))
    return page(request, "cuts.html", {"entry": found, "publication": workspace.publication})


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
    work = workspace_of(request).issue(request.path_params["slug"])
    if work.built is None:
        raise NewsletterError("the issue does not build yet")
    publication = work.built.theme.publication
    return sample_mailing(publication, work.built), reader_of(request).recipient(publication, work.slug)


ROUTES = [
    Route("/issues/{slug}", show),
    Route("/issues/{slug}/cuts", cuts),
    Route("/issues/{slug}/view/{view}", view),
    Route("/issues/{slug}/message.html", html),
    Route("/issues/{slug}/message.eml", whole),
]
