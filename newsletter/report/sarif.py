"""Write a report's findings as SARIF 2.1.0, which forges show beside the lines.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from newsletter import __version__
from newsletter.checks.catalogue import RULES
from newsletter.errors import Problem, Severity
from newsletter.report.compare import ComparedIssue

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def report_sarif(issues: Sequence[ComparedIssue]) -> str:
    """Return the findings of the new versions; `baselineState` says which the change brings, and which it mends."""
    results = []
    for issue in issues:
        new = issue.new_problems
        for problem in issue.after.problems if issue.after else ():
            results.append(_result(problem, "new" if problem in new else "unchanged"))
        results += [_result(problem, "absent") for problem in issue.gone_problems]
    named = sorted({str(result["ruleId"]) for result in results})
    rules = [_rule(rule) for rule in named]
    driver = {"name": "newsletter", "version": __version__, "rules": rules}
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, ensure_ascii=False, indent=2)


def _rule(id: str) -> dict[str, object]:
    rule = RULES.get(id)
    return {"id": id, "shortDescription": {"text": rule.summary if rule else id}}


def _result(problem: Problem, state: str) -> dict[str, object]:
    region = {
        "startLine": problem.line,
        "startColumn": problem.column,
        "endColumn": problem.column + max(1, problem.width),
    }
    place = {"artifactLocation": {"uri": problem.path.replace("\\", "/")}, "region": region}
    return {
        "ruleId": problem.rule,
        "level": _LEVELS[problem.severity],
        "message": {"text": problem.message},
        "locations": [{"physicalLocation": place}],
        "baselineState": state,
    }
