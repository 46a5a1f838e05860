"""Write a report as Markdown, for a pull request or a runner's summary: short enough for both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from newsletter.errors import Problem
from newsletter.report.compare import ComparedIssue
from newsletter.report.screenshots import Shot

LONGEST = 65_000
"""Characters; GitHub's comments take 65,536."""
MOST_SHOWN = 20
"""Findings and links of one issue that are shown of each kind."""
_KINDS = {
    "new": "new",
    "changed": "changed",
    "removed": "removed",
    "picture": "shows another picture",
    "template": "looks different by a template",
    "settings": "looks different by the settings",
}


def report_markdown(
    issues: Sequence[ComparedIssue],
    shots: Mapping[str, Sequence[Shot]],
    *,
    audiences: Mapping[str, str],
    remarks: Sequence[str],
    pictures_url: str,
) -> str:
    """Return the report; `shots` and `audiences` (sentences of the server) are by slug."""
    lines = ["# Newsletter", ""]
    if not issues:
        lines += ["No issue is changed.", ""]
    for issue in issues:
        lines += _issue(issue, shots.get(issue.slug, ()), audiences.get(issue.slug, ""), pictures_url)
    lines += [line for remark in remarks for line in (f"> {remark}", "")]
    text = "\n".join(lines)
    return text if len(text) <= LONGEST else f"{text[:LONGEST].rpartition(chr(10))[0]}\n\n> The report is cut here.\n"


def _issue(issue: ComparedIssue, shots: Sequence[Shot], audience: str, pictures_url: str) -> list[str]:
    version = issue.after or issue.before
    lines = [f"## {_plain(version.subject if version and version.subject else issue.slug)}", ""]
    lines += [f"`{issue.path.name}` {_KINDS.get(issue.kind, issue.kind)}{_errors(issue)}", ""]
    if issue.before and issue.after and issue.before.subject != issue.after.subject and issue.before.subject:
        lines += [f"The subject was: {_plain(issue.before.subject)}", ""]
    facts = [fact for fact in (_size(issue), audience) if fact]
    lines += [f"- {fact}" for fact in facts] + ([""] if facts else [])
    lines += _findings("Findings that this brings", issue.new_problems)
    lines += _findings("Findings that this mends", issue.gone_problems)
    lines += _links("New links", issue.new_links) + _links("Links that are gone", issue.gone_links)
    if shots:
        both = " (before, after)" if issue.before and issue.after else ""
        lines += [f"<details><summary>Pictures{both}</summary>", ""]
        for shot in shots:
            lines += [f"**{shot.title}**", "", f"![{shot.title}]({pictures_url}{quote(shot.name)})", ""]
        lines += ["</details>", ""]
    return lines


def _errors(issue: ComparedIssue) -> str:
    number = issue.after.errors if issue.after else 0
    return f" – **{number} {'error' if number == 1 else 'errors'}: it would not be sent**" if number else ""


def _size(issue: ComparedIssue) -> str:
    if not issue.after or not issue.after.size:
        return ""
    before = f", before {issue.before.size / 1024:.1f} KB" if issue.before and issue.before.size else ""
    return f"{issue.after.size / 1024:.1f} KB of HTML{before}; Gmail cuts at 102 KB"


def _findings(title: str, problems: Sequence[Problem]) -> list[str]:
    if not problems:
        return []
    shown = [
        f"- `{p.path}:{p.line}:{p.column}` {p.severity}: {_plain(p.message)} ({p.rule})" for p in problems[:MOST_SHOWN]
    ]
    left = [f"- and {len(problems) - MOST_SHOWN} more"] if len(problems) > MOST_SHOWN else []
    return [f"**{title}**", "", *shown, *left, ""]


def _links(title: str, links: Sequence[str]) -> list[str]:
    if not links:
        return []
    shown = [f"- `{link.replace('`', '%60')}`" for link in links[:MOST_SHOWN]]
    left = [f"- and {len(links) - MOST_SHOWN} more"] if len(links) > MOST_SHOWN else []
    return [f"**{title}**", "", *shown, *left, ""]


def _plain(text: str) -> str:
    """Return words as Markdown that shows them as they are, and mentions nobody."""
    escaped = "".join(f"\\{letter}" if letter in "\\`*_{}[]<>|#" else letter for letter in text)
    return escaped.replace("@", "@\u200b").replace("\n", " ")
