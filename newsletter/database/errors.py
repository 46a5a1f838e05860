"""The errors of a database, whichever it is."""

from __future__ import annotations

from newsletter.errors import ConfigError, NewsletterError

PICK = "Take another with [database] url in newsletter.toml."


class LockedError(NewsletterError):
    """Raised when another process locks the database, or rows of it, for longer than this one waits."""


class SchemaChangedError(ConfigError):
    """Raised when the tables were brought up to date by a newer newsletter while this process ran."""
