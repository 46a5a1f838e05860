"""Logging: what servers and runners survive, with its traceback, to standard error.

The level is NEWSLETTER_LOG (debug, info, warning or error), or info with `newsletter --verbose`; the default is
warning. Log lines never hold an address, a name, a token or a query string: modules log ids and routes.
"""

from __future__ import annotations

import logging
import os
import re
import sys

from newsletter.errors import ConfigError, suggestion

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
VARIABLE = "NEWSLETTER_LOG"
_ADDRESS = re.compile(r"""[^\s<>"'(),;:\[\]]+@[^\s<>"'(),;:\[\]]+""")
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def start_logging(*, verbose: bool) -> None:
    """Send log lines of the program and of its server to standard error. Raises ConfigError for an unknown level."""
    name = os.environ.get(VARIABLE, "").strip().lower() or ("info" if verbose else "warning")
    if name not in LEVELS:
        hint = suggestion(name, LEVELS, "Levels")
        raise ConfigError(f'{VARIABLE} = "{name}" is not a level', hint=hint)
    handler = _StandardError()
    handler.setFormatter(_WithoutAddresses(_FORMAT))
    for logger in (logging.getLogger("newsletter"), logging.getLogger("uvicorn")):
        logger.handlers = [handler]
        logger.setLevel(LEVELS[name])
        logger.propagate = False


def mask_addresses(text: str) -> str:
    """Return the text with `<address>` in place of each email address."""
    return _ADDRESS.sub("<address>", text)


class _WithoutAddresses(logging.Formatter):
    """Leaves addresses out of a line and its traceback: a database's or a mail server's error may quote one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line with `<address>` in the place of each address."""
        return mask_addresses(super().format(record))


class _StandardError(logging.Handler):
    """Writes each line to what standard error is at that time: progress bars and tests replace it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line, and its traceback."""
        try:
            print(self.format(record), file=sys.stderr)
        except OSError:  # a closed pipe: whoever reads the log has gone, and the work goes on
            self.handleError(record)
