"""Show one issue: its page, the email in every view, and the message as HTML to copy or as a file."""

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
from newsletter.web.preview.pages import page, render, workspace_of
from newsletter.web.preview.readers import reader_of, recipient_of
from newsletter.web.preview.security import EMAIL_POLICY, WITH_REMOTE_PICTURES

PANELS = (("problems", "Problems"), ("cuts", "Inbox"), ("readers", "Reader"), ("act", "Send"), ("results", "Results"))
"""The panels beside the email, as id and title; `templates/preview/static/<id>.js` fills each."""
LINES = {"text": plain_lines, "source": html_lines, "headers": header_lines, "raw": message_lines}
"""The functions that colour the views that show a text, by the view's name."""


def show_issue(request: Request) -> Response:
    """Show the page around the email."""
    workspace = workspace_of(request)
    work = workspace.issue(request.path_params["slug"])
    head = entry(workspace.publication, work.path)
    return page(request, "issue.html", {"work": work, "head": head, "views": VIEWS, "panels": PANELS})


def show_view(request: Request) -> Response:
    """Show the email as one kind of mail client shows it, or its text, source, headers or bytes."""
    name = request.path_params["view"]
    if name not in VIEWS:
        raise HTTPException(404, "There is no such view.")
    work = workspace_of(request).issue(request.path_params["slug"])
    if work.built is None:
        return email_document(request, render(request, "no-email.html", {}))
    try:
        recipient = recipient_of(request, work.built)
    except NewsletterError as error:  # a frame shows it; the panel beside it offers others
        return email_document(request, render(request, "said.html", {"error": error}))
    if name in RENDERED:
        return email_document(request, rendered(work.built, recipient, name, work.pictures))
    lines = LINES[name](written(work.built, recipient, name))
    return email_document(request, render(request, "lines.html", {"name": name, "lines": lines}))


def email_document(request: Request, html: str) -> Response:
    """Return an email for a frame, with a policy of its own and links that open in another tab."""
    policy = WITH_REMOTE_PICTURES if request.query_params.get("remote") == "1" else EMAIL_POLICY
    # A click must not replace the preview by a page of another site.
    with_target = html.replace("<head>", '<head><base target="_blank">', 1)
    return HTMLResponse(with_target, headers={"Content-Security-Policy": policy})


def show_cuts(request: Request) -> Response:
    """Show where mail clients cut the issue's subject and preheader."""
    workspace = workspace_of(request)
    summary = entry(workspace.publication, workspace.path_of(request.path_params["slug"]))
    return page(request, "cuts.html", {"entry": summary, "publication": workspace.publication})


def show_html(request: Request) -> Response:
    """Return the message's HTML for the shown reader, as a text to copy."""
    mailing, recipient = _copy(request)
    return Response(mailing.message(recipient).html, media_type="text/plain")


def download_message(request: Request) -> Response:
    """Return the whole message for the shown reader, as an `.eml` file."""
    mailing, recipient = _copy(request)
    name = quote(f"{request.path_params['slug']}.eml")
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
    return Response(mailing.mime(recipient), media_type="message/rfc822", headers=headers)


def _copy(request: Request) -> tuple[Mailing, Recipient]:
    work = workspace_of(request).issue(request.path_params["slug"])
    if work.built is None:
        raise NewsletterError("the issue does not build yet")
    publication = work.built.theme.publication
    return sample_mailing(publication, work.built), reader_of(request).recipient(publication, work.slug)


ROUTES = [
    Route("/issues/{slug}", show_issue),
    Route("/issues/{slug}/cuts", show_cuts),
    Route("/issues/{slug}/view/{view}", show_view),
    Route("/issues/{slug}/message.html", show_html),
    Route("/issues/{slug}/message.eml", download_message),
]
