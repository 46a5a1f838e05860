"""Write a report as JSON, for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from newsletter.errors import Problem
from newsletter.report.compare import ComparedIssue, IssueVersion
from newsletter.report.screenshots import Shot


def report_json(
    issues: Sequence[ComparedIssue],
    shots: Mapping[str, Sequence[Shot]],
    *,
    base: str,
    audiences: Mapping[str, str],
    remarks: Sequence[str],
) -> str:
    """Return `{"base","issues":[{"slug","path","kind","before","after","findings","links","pictures"}],"remarks"}`."""
    return json.dumps(
        {
            "base": base,
            "issues": [_issue(issue, shots.get(issue.slug, ()), audiences.get(issue.slug)) for issue in issues],
            "remarks": list(remarks),
        },
        ensure_ascii=False,
        indent=2,
    )


def _issue(issue: ComparedIssue, shots: Sequence[Shot], audience: str | None) -> dict[str, object]:
    return {
        "slug": issue.slug,
        "path": f"issues/{issue.path.name}",
        "kind": issue.kind,
        "before": _version(issue.before),
        "after": _version(issue.after),
        "findings": {
            "new": [_finding(problem) for problem in issue.new_problems],
            "gone": [_finding(problem) for problem in issue.gone_problems],
            "all": [_finding(problem) for problem in (issue.after.problems if issue.after else ())],
        },
        "links": {"new": issue.new_links, "gone": issue.gone_links},
        "audience": audience,
        "pictures": [shot.name for shot in shots],
    }


def _version(version: IssueVersion | None) -> dict[str, object] | None:
    if version is None:
        return None
    return {"subject": version.subject, "digest": version.digest, "size": version.size, "errors": version.errors}


def _finding(problem: Problem) -> dict[str, object]:
    keys = ("rule", "severity", "path", "line", "column", "message")
    return {key: getattr(problem, key) for key in keys}
