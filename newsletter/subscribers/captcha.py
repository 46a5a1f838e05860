"""Challenges: services that tell people from robots, for publications whose form is attacked.

Off unless `[signup] challenge` names one: it is somebody else's script on our page, and sees every
reader who joins. A service is facts and nothing else; all of them are asked the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from newsletter.config import Publication, secret
from newsletter.errors import ConfigError

CONNECT, READ = 5.0, 10.0
"""Seconds."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """What one wants on the page, and where its answers are checked."""

    script: str
    element: str
    """The class of the element that it fills."""
    field: str
    """What its answer comes back as."""
    verify: str
    hosts: tuple[str, ...]
    """What the page must be allowed to load from."""


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
    """A service with a publication's keys."""

    service: Service
    site_key: str
    secret: str
    verify: str

    @property
    def policy(self) -> str:
        """What it adds to a Content-Security-Policy."""
        hosts = " ".join(self.service.hosts)
        return f"script-src {hosts}; frame-src {hosts}; connect-src {hosts}"

    def judge(self, answer: str, address: str) -> Verdict:
        """What the service says of an answer; asked once, since an answer counts once."""
        if not answer:
            return "failed"
        import requests  # 0.1 s that a server without a challenge does not need

        data = {"secret": self.secret, "response": answer, "remoteip": address, "sitekey": self.site_key}
        try:
            said = requests.post(self.verify, data=data, timeout=(CONNECT, READ), allow_redirects=False).json()
        except (requests.RequestException, ValueError):
            return "unasked"
        return "passed" if isinstance(said, dict) and said.get("success") is True else "failed"


def find_challenge(publication: Publication) -> Challenge | None:
    """The one that `[signup] challenge` names; None when it is off. Raises ConfigError for what is missing."""
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
