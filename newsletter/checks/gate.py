"""The gate before a campaign: an issue with errors is not approved unless its errors are allowed by rule.

The campaign keeps the problems, the allowed rules and the digest of the message. No database is opened here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from newsletter.checks.run import Checked, check_issues
from newsletter.checks.selection import is_refusal, read_rules
from newsletter.config import PublicationSettings
from newsletter.errors import MOST_SHOWN, NewsletterError, Problem, Severity
from newsletter.printable import one_line
from newsletter.rendering.build import Built


class Stopped(NewsletterError):  # noqa: N818 - the gate's decision
    """The issue has errors that are not allowed."""

    def __str__(self) -> str:
        """Return the message with each error on a line of its own, and what to do."""
        lines = [one_line(line) for line in self.message.split("\n")]
        return "\n  ".join([*lines, self.hint])


def gate(publication: PublicationSettings, built: Built, allow: str | None = None) -> str:
    """Check the issue that is about to be approved and return the record for the campaign, as JSON.

    The record is `{"digest", "allowed": [rules], "problems": [{"rule","severity","path","line","column","message"}]}`.
    Raises Stopped with each error that `allow` (`NL401,NL3`) does not name, ConfigError for a rule that does not exist.
    """
    allowed = read_rules(allow, "--allow")
    checked = next(iter(check_issues(publication, [built.issue.path])))
    # The file is read a second time here; the message that is approved must be the one that was checked.
    if checked.digest != built.message.digest and not checked.is_refused:
        name = built.issue.path.name
        raise NewsletterError(f"{name} was edited while it was checked", hint="Nothing was changed. Run it again.")
    if stopping := [problem for problem in checked.problems if _stops(problem, allowed)]:
        raise _refused(stopping)
    return _record(checked, allowed)


def _stops(problem: Problem, allowed: Sequence[str]) -> bool:
    is_allowed = problem.rule.startswith(tuple(allowed)) and not is_refusal(problem)
    return problem.severity is Severity.ERROR and not is_allowed


def _refused(problems: Sequence[Problem]) -> Stopped:
    rules = ",".join(dict.fromkeys(problem.rule for problem in problems))
    shown = [f"{problem.place}: {problem.message} [{problem.rule}]" for problem in problems[:MOST_SHOWN]]
    shown += [f"and {len(problems) - MOST_SHOWN} more"] if len(problems) > MOST_SHOWN else []
    count = "an error" if len(problems) == 1 else f"{len(problems)} errors"
    hint = f"Nothing was changed. Put it right, or allow it: --allow {rules}"
    return Stopped("\n".join([f"the issue has {count}", *shown]), hint=hint)


def _record(checked: Checked, allowed: Sequence[str]) -> str:
    keys = ("rule", "severity", "path", "line", "column", "message")
    problems = [{key: getattr(problem, key) for key in keys} for problem in checked.problems]
    return json.dumps({"digest": checked.digest, "allowed": allowed, "problems": problems}, ensure_ascii=False)
