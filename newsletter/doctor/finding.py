"""Define the outcome of a check: its state, the evidence in a sentence, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

HIDDEN = "***"
"""Stands for a secret."""
GROUPS = ("settings", "secrets", "database", "provider", "domain", "links", "webhooks", "probe", "read")
"""The groups in the order in which they are printed."""


class CheckState(StrEnum):
    """The states of a check."""

    PASS = "pass"
    WARN = "warn"
    """It works, but not as well as it could, or not for long."""
    FAIL = "fail"
    """Mail would not leave, not arrive, or be taken for forged."""
    SKIP = "skip"
    """It was not looked at; the message says why."""


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """The outcome of one check."""

    check: str
    """Its name, with its group first: `domain.spf`."""
    state: CheckState
    message: str
    """The evidence, in a sentence for people who do not know the field's words."""
    fix: str = ""
    """Sentences that say what to do; empty where nothing has to be done."""

    @property
    def group(self) -> str:
        """Return the first part of the name: settings, secrets, database, provider, domain, links, webhooks, ..."""
        return self.check.partition(".")[0]

    def as_json(self) -> dict[str, str]:
        """Return the object that `doctor --json` prints."""
        return {"check": self.check, "state": self.state, "message": self.message, "fix": self.fix}


def without(secrets: Sequence[str], result: CheckResult) -> CheckResult:
    """Return a result in which no secret stands: servers repeat what they were sent, and so do their errors."""
    message, fix = result.message, result.fix
    for value in secrets:
        message, fix = message.replace(value, HIDDEN), fix.replace(value, HIDDEN)
    return replace(result, message=message, fix=fix)


def passed(check: str, message: str) -> CheckResult:
    """Return the result of a check that found everything well."""
    return CheckResult(check=check, state=CheckState.PASS, message=message)


def warned(check: str, message: str, fix: str) -> CheckResult:
    """Return the result of a check that found something that could be better."""
    return CheckResult(check=check, state=CheckState.WARN, message=message, fix=fix)


def failed(check: str, message: str, fix: str) -> CheckResult:
    """Return the result of a check that found a fault."""
    return CheckResult(check=check, state=CheckState.FAIL, message=message, fix=fix)


def skipped(check: str, message: str, fix: str = "") -> CheckResult:
    """Return the result of a check that was not made."""
    return CheckResult(check=check, state=CheckState.SKIP, message=message, fix=fix)


def in_order(results: Sequence[CheckResult]) -> list[CheckResult]:
    """Return the results group by group, in the order of GROUPS."""
    return sorted(results, key=lambda result: GROUPS.index(result.group))


def has_failed(results: Sequence[CheckResult]) -> bool:
    """Tell whether a check failed."""
    return any(result.state is CheckState.FAIL for result in results)
