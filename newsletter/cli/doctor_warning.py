"""Warn before an issue goes out when the last doctor failed, or has not seen the present newsletter.toml."""

from __future__ import annotations

import click

from newsletter.config import PublicationSettings
from newsletter.doctor.last_run import reminder


def warn_of_last_doctor(publication: PublicationSettings) -> None:
    """Print the warning, if there is one, to standard error; nothing is kept from being sent."""
    if sentence := reminder(publication):
        click.echo(f"newsletter: warning: {sentence}", err=True)
