"""Warming up: what takes long only the first time is done before anybody asks for it."""

from __future__ import annotations

from newsletter.errors import NewsletterError
from newsletter.issues.issue import slug_of
from newsletter.preview.inbox import entries
from newsletter.preview.workspace import Workshop


def warm_up(workshop: Workshop) -> None:
    """Read every issue's head and build the newest issue, which loads the compiler."""
    try:
        newest = entries(workshop.publication)[:1]
        for path in newest:
            workshop.work(slug_of(path))
    except NewsletterError:  # whoever opens the page is told
        return
