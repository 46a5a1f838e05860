"""Captchas: services that tell people from robots, for publications whose sign-up form is attacked.

Off unless `[signup] challenge` names a service: it runs a script of another company on the page, which sees every
reader who joins. The two services have one protocol, so each is a row of facts in SERVICES:
https://developers.cloudflare.com/turnstile/ and https://docs.hcaptcha.com/.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from newsletter.config import PublicationSettings, secret
from newsletter.errors import ConfigError

CONNECT, READ = 5.0, 10.0
"""Seconds to connect to the service, and to wait for its answer."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """A captcha service: its parts of the page, and the address that checks answers."""

    script: str
    element: str
    """The class of the element that the script fills."""
    field: str
    """The form field that has the answer."""
    verify: str
    hosts: tuple[str, ...]
    """The hosts that the page must be allowed to load from."""


SERVICES = {
    "turnstile": Service(
        script="https://challenges.cloudflare.com/turnstile/v0/api.js",
        element="cf-turnstile",
        field="cf-turnstile-response",
        verify="https://challenges.cloudflare.com/turnstile/v0/siteverify",
        hosts=("https://challenges.cloudflare.com",),
    ),
    "hcaptcha": Service(
        script="https://js.hcaptcha.com/1/api.js",
        element="h-captcha",
        field="h-captcha-response",
        verify="https://api.hcaptcha.com/siteverify",
        hosts=("https://hcaptcha.com", "https://*.hcaptcha.com"),
    ),
}
Verdict = Literal["passed", "failed", "unasked"]
"""`unasked`: the service did not answer."""


@dataclass(frozen=True, kw_only=True)
class Challenge:
    """A service with the keys of one publication."""

    service: Service
    site_key: str
    secret: str
    verify: str

    @property
    def policy(self) -> str:
        """The part of a Content-Security-Policy that allows the service."""
        hosts = " ".join(self.service.hosts)
        return f"script-src {hosts}; frame-src {hosts}; connect-src {hosts}"

    def judge(self, answer: str, address: str) -> Verdict:
        """Ask the service about an answer from a network address; never twice, because an answer counts once."""
        if not answer:
            return "failed"
        import requests  # 0.1 s that a server without a challenge does not need

        data = {"secret": self.secret, "response": answer, "remoteip": address, "sitekey": self.site_key}
        try:
            # A redirect would take the secret to another host.
            reply = requests.post(self.verify, data=data, timeout=(CONNECT, READ), allow_redirects=False).json()
        except (requests.RequestException, ValueError):
            return "unasked"
        return "passed" if isinstance(reply, dict) and reply.get("success") is True else "failed"


def find_challenge(publication: PublicationSettings) -> Challenge | None:
    """Return the challenge that `[signup] challenge` names, or None when off. Raises ConfigError for missing keys."""
    settings = publication.config.signup
    if settings.challenge == "off":
        return None
    if not settings.challenge_key:
        place = publication.place("signup", "challenge")
        hint = 'Add challenge_key = "..." (the site key that the service gave you) and challenge_secret = "env:NAME".'
        raise ConfigError("[signup] challenge needs its keys", place=place, hint=hint)
    service = SERVICES[settings.challenge]
    return Challenge(
        service=service,
        site_key=settings.challenge_key,
        secret=secret(settings.challenge_secret, key="[signup] challenge_secret"),
        verify=settings.challenge_url or service.verify,
    )
