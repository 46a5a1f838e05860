"""Send a test of an issue from its page: to the addresses of newsletter.toml, and to typed ones."""

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
from newsletter.web.preview.requests import Changed, errors_as_json, optional_database, with_token


@errors_as_json
def test_question(request: Request) -> Response:
    """Return the question before a test: what would be sent, to which addresses, and through which provider."""
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


@with_token
def send(request: Request) -> Response:
    """Send the test, and return the result for each address."""
    built, addresses = _built(request), _addresses(request)
    # Only what the author has seen and confirmed is sent.
    if built.message.digest != request.query_params.get("digest"):
        raise Changed("the issue was edited since you were asked", hint="Nothing was sent. Look again, then send.")
    publication = workspace_of(request).publication
    fields = reader_of(request).fields if _as_shown(request) else None
    results = send_test(publication, optional_database(request), built, addresses, utc_now(), fields=fields)
    return JSONResponse([result.as_json() for result in results])


def _as_shown(request: Request) -> bool:
    return request.query_params.get("as") == "shown"


def _built(request: Request) -> Built:
    """Return the issue as its file is now. Raises NewsletterError when that does not build."""
    work = workspace_of(request).issue(request.path_params["slug"])
    if work.built is None or work.failure:
        raise NewsletterError("the issue does not build", hint="Put right what the problems say, then send a test.")
    return work.built


def _addresses(request: Request) -> Sequence[str]:
    try:
        addresses = read_addresses(request.query_params.getlist("to"))
    except ValueError as error:
        raise NewsletterError(str(error)) from error
    if not addresses:
        raise NewsletterError("there is no address to send it to", hint="Choose one, or type one.")
    if len(addresses) > MOST:
        raise NewsletterError(f"a test goes to at most {MOST} addresses; these are {len(addresses)}")
    return addresses


ROUTES = [Route("/issues/{slug}/test", test_question), Route("/issues/{slug}/test", send, methods=["POST"])]
