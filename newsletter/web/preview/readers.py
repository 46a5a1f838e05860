"""For whom an email is shown: the reader that the address names."""

from __future__ import annotations

from starlette.requests import Request

from newsletter.build import Built, sample_recipient
from newsletter.messages import Recipient


def recipient_of(request: Request, built: Built) -> Recipient:
    """Who the email is filled for: a sample without a name."""
    return sample_recipient(built.theme.publication, built.issue.slug)
