"""The question before what cannot be undone, and who may answer it."""

from __future__ import annotations

import sys

import click

from newsletter.errors import ConfigError, NewsletterError


def ask(question: str, *, yes: bool) -> None:
    """Let a person decide, unless `yes` has. Raises ConfigError when there is no terminal, NewsletterError on no."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError(f"not done, no terminal to ask on: {question}", hint="Add --yes to do it without asking.")
    if not click.confirm(question, err=True):
        raise NewsletterError("not done", hint="Nothing was changed.")
