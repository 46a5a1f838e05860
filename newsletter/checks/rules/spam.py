"""The rule about spam filters: the score that SpamAssassin gives by its local rules, where it is installed.

SpamAssassin takes seconds, so the rule runs only when it is selected by its whole id. The program gets a temporary
folder as its home and learns nothing; it may leave an empty ~/.spamassassin.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.parser import BytesHeaderParser

from newsletter.checks.context.context import Context
from newsletter.checks.context.places import WHOLE_ISSUE
from newsletter.checks.context.rule import INFO, WARNING, Example, Finding, Scope, rule

PROGRAM = "spamassassin"
TIMEOUT = 60
"""Seconds that SpamAssassin may take; it needs two."""
_SCORE = re.compile(r"score=(-?[\d.]+) required=([\d.]+)")
_TESTS = re.compile(r"(\w+)=(-?[\d.]+)")


@dataclass(frozen=True, kw_only=True)
class SpamReport:
    """SpamAssassin's report on a message."""

    score: float
    required: float
    """The score from which on a message is spam."""
    rules: Mapping[str, float]
    """The points of each of SpamAssassin's rules that applied."""

    def __str__(self) -> str:
        listed = sorted(self.rules.items(), key=lambda pair: (-pair[1], pair[0]))
        rules = ", ".join(f"{name} {points:.1f}" for name, points in listed[:10])
        score = round(self.score, 1) + 0  # -0.0 is 0
        return f"SpamAssassin gives {score:.1f} points of {self.required:g}" + (f": {rules}" if rules else "")


class NoSpamReport(Exception):  # noqa: N818 - becomes a finding, not an error
    """SpamAssassin is missing, too slow or broken; the text says which."""


def spam_report(message: bytes) -> SpamReport:
    """Return SpamAssassin's report on a whole message (RFC 5322). Raises NoSpamReport."""
    program = shutil.which(PROGRAM)
    if program is None:
        raise NoSpamReport("SpamAssassin is not installed")
    # With a home of its own SpamAssassin neither reads nor writes the user's settings and statistics.
    with tempfile.TemporaryDirectory() as home:
        marked = _run(program, message, home)
    headers = BytesHeaderParser().parsebytes(marked)
    status = _SCORE.search(" ".join(str(headers["X-Spam-Status"]).split()))
    if status is None:
        raise NoSpamReport("SpamAssassin gives no score")
    tests = _TESTS.findall("".join(str(headers["X-Spam-Points"]).split()))
    rules = {name: float(points) for name, points in tests}
    return SpamReport(score=float(status[1]), required=float(status[2]), rules=rules)


def _run(program: str, message: bytes, home: str) -> bytes:
    """Return the message with SpamAssassin's headers, by `--local --test-mode` and nothing learned from other mail."""
    settings = ("use_bayes 0", "use_learner 0", "clear_headers", "add_header all Points _TESTSSCORES(,)_")
    status = "add_header all Status score=_SCORE_ required=_REQD_"
    options = [f"--cf={setting}" for setting in (*settings, status, "fold_headers 0")]
    command = [program, "--local", "--test-mode", "--nocreate-prefs", *options]
    try:
        done = subprocess.run(
            command,
            input=message,
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
            env={**os.environ, "HOME": home, "LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired as error:
        raise NoSpamReport(f"SpamAssassin did not answer in {TIMEOUT} seconds") from error
    except OSError as error:
        raise NoSpamReport(f"SpamAssassin cannot be run: {error.strerror}") from error
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise NoSpamReport(f"SpamAssassin failed: {reason or done.returncode}")
    return done.stdout


@rule(
    "NL508",
    INFO,
    Scope.PROGRAM,
    summary="SpamAssassin judges the email, if installed; it takes seconds, and runs only with `--select NL,NL508`.",
    why="Many mailbox providers use SpamAssassin, and its local rules judge the message itself.",
    fix="Look up the rules with the most points, and change the words that they name.",
    fires=Example(settings='[check]\nselect = ["NL", "NL508"]\n'),
    passes=Example(),
)
def _spam_score(context: Context) -> Iterator[Finding]:
    copy = context.copies[0]
    try:
        report = spam_report(copy.mailing.mime(copy.recipient))
    except NoSpamReport as error:
        yield Finding.at(WHOLE_ISSUE, str(error), hint="Install it, or leave the rule out.")
    else:
        severity = WARNING if report.score >= report.required else None
        yield Finding.at(WHOLE_ISSUE, str(report), severity=severity)
