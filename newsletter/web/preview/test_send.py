"""A test of the issue, sent from the page: to the addresses of newsletter.toml, and to those typed."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from newsletter.errors import NewsletterError
from newsletter.providers import find_provider
from newsletter.publishing.test_send import MOST, read_addresses, send_test
from newsletter.rendering.build import Built
from newsletter.times import utc_now
from newsletter.web.preview.pages import workspace_of
from newsletter.web.preview.readers import reader_of
from newsletter.web.preview.requests import Changed, act, in_json, known_readers


@in_json
def question(request: Request) -> Response:
    """What would be sent, to whom and through whom."""
    built, addresses = _built(request), _addresses(request)
    count = "1 address" if len(addresses) == 1 else f"{len(addresses)} addresses"
    provider = find_provider(workspace_of(request).publication)
    shown = f"Everybody gets it as this reader would: {reader_of(request).label}." if _as_shown(request) else ""
    return JSONResponse(
        {
            "question": f"Send a test to {count} through {provider.title}?",
            "details": [f"“{built.message.open(built.message.subject)}”", *addresses, *filter(None, [shown])],
            "button": "Send the test",
            "digest": built.message.digest,
        }
    )


@act
def send(request: Request) -> Response:
    """Send it; what became of it, address by address."""
    built, addresses = _built(request), _addresses(request)
    if built.message.digest != request.query_params.get("digest"):
        raise Changed("the issue was edited since you were asked", hint="Nothing was sent. Look again, then send.")
    publication = workspace_of(request).publication
    fields = reader_of(request).fields if _as_shown(request) else None
    tested = send_test(publication, known_readers(request), built, addresses, utc_now(), fields=fields)
    return JSONResponse([one.as_json() for one in tested])


def _as_shown(request: Request) -> bool:
    return request.query_params.get("as") == "shown"


def _built(request: Request) -> Built:
    """The issue as its file is now. Raises NewsletterError when that does not build."""
    work = workspace_of(request).issue(request.path_params["slug"])
    if work.built is None or work.failure:
        raise NewsletterError("the issue does not build", hint="Put right what the problems say, then send a test.")
    return work.built


def _addresses(request: Request) -> Sequence[str]:
    try:
        found = read_addresses(request.query_params.getlist("to"))
    except ValueError as error:
        raise NewsletterError(str(error)) from error
    if not found:
        raise NewsletterError("there is no address to send it to", hint="Choose one, or type one.")
    if len(found) > MOST:
        raise NewsletterError(f"a test goes to at most {MOST} addresses; these are {len(found)}")
    return found


ROUTES = [Route("/issues/{slug}/test", question), Route("/issues/{slug}/test", send, methods=["POST"])]
