"""Problem documents (RFC 9457): every refusal of the API, with its type, what is wrong, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response

from newsletter.errors import NewsletterError

MEDIA_TYPE = "application/problem+json"
KINDS: Mapping[str, tuple[int, str]] = {
    "invalid-request": (400, "The request does not fit its description"),
    "key-needed": (401, "No valid key came with the request"),
    "scope-needed": (403, "The key may not do this"),
    "not-found": (404, "There is no such thing"),
    "no-such-method": (405, "The path has no such method"),
    "too-slow": (408, "The request took too long to arrive"),
    "conflict": (409, "The state of things does not allow it"),
    "in-progress": (409, "A request with this idempotency key is being answered"),
    "erased": (410, "What the answer was about is erased"),
    "too-large": (413, "The body is too large"),
    "wrong-media-type": (415, "The body has another media type than the path takes"),
    "refused": (422, "The request was understood and refused"),
    "other-request": (422, "The idempotency key belongs to another request"),
    "too-many-requests": (429, "The key asks too often"),
    "failed": (500, "Something went wrong"),
    "unavailable": (503, "Try again in a moment"),
}
"""Every type of problem: its status and title. The documentation page has a place for each."""
_OF_STATUS = {400: "invalid-request", 404: "not-found", 405: "no-such-method", 408: "too-slow", 413: "too-large"}


class ProblemDocument(Struct, kw_only=True):
    """A refusal: nothing was changed."""

    type: str
    title: str
    status: int
    detail: str
    hint: str | UnsetType = UNSET


class RefusalError(Exception):
    """Raised to answer a request with a problem document of KINDS; its transaction is undone."""

    def __init__(self, kind: str, detail: str, *, hint: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.kind, self.detail, self.hint = kind, detail, hint
        self.headers = dict(headers or {})

    @property
    def status(self) -> int:
        """The status of the answer."""
        return KINDS[self.kind][0]

    def response(self, documentation: str) -> Response:
        """Return the answer; `documentation` is the address of the page that explains the types."""
        status, title = KINDS[self.kind]
        document = ProblemDocument(
            type=f"{documentation}#{self.kind}",
            title=title,
            status=status,
            detail=self.detail,
            hint=self.hint or UNSET,
        )
        return Response(msgspec.json.encode(document), status, self.headers, MEDIA_TYPE)


def refusal_of(error: NewsletterError, kind: str = "refused") -> RefusalError:
    """Return the refusal for an error that says why something cannot be done."""
    is_database = isinstance(error.__cause__, SQLAlchemyError)
    if is_database:
        return RefusalError("unavailable", "the database refused", headers={"Retry-After": "30"})
    # What says which option to give is for the command line.
    hints = [each.hint for each in error.each if each.hint and "--" not in each.hint]
    return RefusalError(kind, "\n".join(each.sentence for each in error.each), hint="\n".join(hints))


def refusal_of_status(status: int, detail: Any, headers: Mapping[str, str] | None) -> RefusalError:
    """Return the refusal for a status that the server's own parts answer with."""
    kind = _OF_STATUS.get(status, "invalid-request")
    phrase = HTTPStatus(status).phrase
    return RefusalError(kind, str(detail) if detail and detail != phrase else KINDS[kind][1].lower(), headers=headers)
