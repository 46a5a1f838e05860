"""The rule about spam filters: what SpamAssassin says, where it is installed, by its local rules alone.

It takes seconds, so it is asked only by its whole id. The program gets a folder of its own
for a home and learns nothing; all it may leave is an empty ~/.spamassassin.
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
from newsletter.checks.context.rule import INFO, WARNING, Example, Finding, Rule, Scope

PROGRAM = "spamassassin"
TIMEOUT = 60
"""Seconds; it needs two."""
_SCORE = re.compile(r"score=(-?[\d.]+) required=([\d.]+)")
_TESTS = re.compile(r"(\w+)=(-?[\d.]+)")


@dataclass(frozen=True, kw_only=True)
class Opinion:
    """What SpamAssassin says of one message."""

    score: float
    required: float
    """From here on it is spam."""
    rules: Mapping[str, float]
    """The points of each of its rules that applied."""

    def __str__(self) -> str:
        listed = sorted(self.rules.items(), key=lambda pair: (-pair[1], pair[0]))
        rules = ", ".join(f"{name} {points:.1f}" for name, points in listed[:10])
        score = round(self.score, 1) + 0  # -0.0 is 0
        return f"SpamAssassin gives {score:.1f} points of {self.required:g}" + (f": {rules}" if rules else "")


class NoOpinion(Exception):  # noqa: N818 - it is no error of ours
    """SpamAssassin is missing, too slow or broken; the text says which."""


def opinion(message: bytes) -> Opinion:
    """What SpamAssassin says of a whole message (RFC 5322). Raises NoOpinion."""
    program = shutil.which(PROGRAM)
    if program is None:
        raise NoOpinion("SpamAssassin is not installed")
    with tempfile.TemporaryDirectory() as home:
        judged = _run(program, message, home)
    headers = BytesHeaderParser().parsebytes(judged)
    status = _SCORE.search(" ".join(str(headers["X-Spam-Status"]).split()))
    if status is None:
        raise NoOpinion("SpamAssassin gives no score")
    tests = _TESTS.findall("".join(str(headers["X-Spam-Points"]).split()))
    rules = {name: float(points) for name, points in tests}
    return Opinion(score=float(status[1]), required=float(status[2]), rules=rules)


def _run(program: str, message: bytes, home: str) -> bytes:
    """`--local --test-mode`, without what it learned from other mail."""
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
        raise NoOpinion(f"SpamAssassin did not answer in {TIMEOUT} seconds") from error
    except OSError as error:
        raise NoOpinion(f"SpamAssassin cannot be run: {error.strerror}") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise NoOpinion(f"SpamAssassin failed: {said or done.returncode}")
    return done.stdout


def _judged(context: Context) -> Iterator[Finding]:
    copy = context.copies[0]
    try:
        found = opinion(copy.mailing.mime(copy.recipient))
    except NoOpinion as error:
        yield Finding(message=str(error), hint="Install it, or leave the rule out.")
    else:
        yield Finding(message=str(found), severity=WARNING if found.score >= found.required else None)


RULES = (
    Rule(
        id="NL508",
        severity=INFO,
        scope=Scope.PROGRAM,
        summary="What SpamAssassin says, where it is installed; only asked with `--select NL,NL508`: it takes seconds.",
        why="Many mailboxes still ask it; its local rules see what is wrong with the message itself.",
        fix="Look up the rules with the most points; headers and both parts are this program's to keep right.",
        fires=Example(settings='[check]\nselect = ["NL", "NL508"]\n'),
        passes=Example(),
        find=_judged,
    ),
)
