"""Define questions about a provider's account, and the facts that the answers have.

Pure: settings and the sender's domain go in, requests come out; answers go in, facts come out. A question changes
nothing and mails nobody. What an answer does not say stays unknown: no fact is guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import TypeVar
from urllib.parse import quote

import msgspec

from newsletter.providers.base import Request, Response, Settings


class KeyRefusedError(Exception):
    """The provider does not know the key, or it was revoked; the message is the provider's."""


class NoRightError(Exception):
    """The key is good, but has not the right to ask this; the message is the provider's."""


class NoAnswerError(Exception):
    """The provider answered something that it does not document: busy, broken, or a proxy's page."""

    def __init__(self, said: str, *, passes: bool = False) -> None:
        super().__init__(said)
        self.passes = passes
        """Whether it is likely to answer well later (429, 5xx)."""


def unexpected(response: Response) -> NoAnswerError:
    """Return the error for an answer whose status is not a documented one."""
    return NoAnswerError(words(response), passes=response.status >= 500 or response.status in (408, 429))


@dataclass(frozen=True, kw_only=True)
class AccountFacts:
    """The facts of one answer, or of several; every one that is None or empty is unknown."""

    sends: bool | None = None
    """Whether the account delivers to anybody: False in a sandbox, and for one that is suspended."""
    sends_detail: str = ""
    """Why it does not, in a sentence."""
    left: int | None = None
    """Messages that may still be sent in `period`."""
    period: str = ""
    """`today`, `this month`; empty for an amount that was paid for."""
    is_verified: bool | None = None
    """Whether the sender's domain is verified."""
    verified_detail: str = ""
    """The provider's words about the domain."""
    dkim_names: tuple[str, ...] = ()
    """Names in DNS at which the provider expects its DKIM keys."""
    return_path: str = ""
    """The domain to which bounces go, where it is one of the sender's own; mail servers look SPF up there."""
    webhooks: tuple[str, ...] | None = None
    """Addresses that the provider calls when something happens."""
    unsubscribe_detail: str = ""
    """Why readers do not leave by our own link, in a sentence; empty when they do."""
    more: tuple[AccountQuestion, ...] = ()
    """Questions that need this answer, such as those about the id of a domain."""

    def joined(self, later: AccountFacts) -> AccountFacts:
        """Return these facts and those of a later answer, which counts where both say something.

        Of two numbers of messages left, the smaller counts.
        """
        known = {each.name: getattr(later, each.name) for each in fields(later)}
        said = {name: value for name, value in known.items() if value not in (None, "", ())}
        if self.left is not None and later.left is not None and self.left < later.left:
            said.pop("left"), said.pop("period", None)
        return replace(self, **said | {"more": ()})


@dataclass(frozen=True, kw_only=True)
class AccountQuestion:
    """A request that changes nothing, and how its answer is read."""

    subject: str
    """The thing that is asked about, for messages: `the account`, `the domain`, `the webhooks`."""
    page: str
    """The page of the provider's documentation that describes it."""
    request: Callable[[Settings, str], Request]
    """Takes the provider's settings and the sender's domain."""
    facts: Callable[[Response, Settings, str], AccountFacts]
    """Raises KeyRefusedError, NoRightError or NoAnswerError."""


@dataclass(frozen=True, kw_only=True)
class AccountCheck:
    """Everything that is asked about an account at one provider."""

    questions: tuple[AccountQuestion, ...]
    """The first one shows whether the key is right."""
    selectors: tuple[str, ...] = ()
    """DKIM selectors that the provider gives to every customer; one with a key is enough."""
    spf: str = ""
    """The SPF mechanism that the provider asks for where bounces go to the sender's domain."""
    own_return_path: bool = True
    """Whether bounces go to a domain of the provider's own, unless the facts name another."""
    records: str
    """A sentence that says what to publish in DNS, and where the provider shows it."""


Answer = TypeVar("Answer")


def read(response: Response, kind: type[Answer]) -> Answer:
    """Return a 200 as a type of msgspec. Raises KeyRefusedError (401), NoRightError (403) or NoAnswerError."""
    if response.status == 401:
        raise KeyRefusedError(words(response))
    if response.status == 403:
        raise NoRightError(words(response))
    if response.status != 200:
        raise unexpected(response)
    try:
        return msgspec.json.decode(response.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NoAnswerError(f"200, but not what it documents: {error}"[:200]) from error


def get(path: str, headers: Callable[[Settings], Mapping[str, str]]) -> Callable[[Settings, str], Request]:
    """Return the function that makes the request `GET <base_url><path>`; `{domain}` in it is the sender's domain."""

    def request(settings: Settings, domain: str) -> Request:
        own = {"Accept": "application/json", **headers(settings)}
        target = path.replace("{domain}", quote(domain, safe=""))
        return Request(method="GET", url=f"{settings['base_url']}{target}", headers=own)

    return request


def bearer(settings: Settings) -> Mapping[str, str]:
    """Return the header with an API key as a bearer token (RFC 6750)."""
    return {"Authorization": f"Bearer {settings['api_key']}"}


class _Words(msgspec.Struct, frozen=True):
    message: str = ""
    postmark: str = msgspec.field(name="Message", default="")
    mailjet: str = msgspec.field(name="ErrorMessage", default="")
    errors: list[dict[str, object]] | dict[str, object] = []


def words(response: Response) -> str:
    """Return the status, and the words of an error in any of the providers' forms."""
    try:
        error = msgspec.json.decode(response.body, type=_Words)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return str(response.status)
    first = error.errors[0] if isinstance(error.errors, list) and error.errors else {}
    text = error.message or error.postmark or error.mailjet or first.get("message", "")
    return f"{response.status} {text}".strip()[:200]


def covers(verified: str, domain: str) -> bool:
    """Tell whether a verified domain is the sender's, or one above it; of several, the longest counts."""
    return domain == verified or domain.endswith(f".{verified}")
