"""Asking the rules about issues: what is wrong, in the order of the file.

The parser's mistakes come first, and a file that has one is not built: then only the rules
about its source are asked. The same files give the same answer, whatever was checked before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from newsletter.checks.catalogue import RULES
from newsletter.checks.context import Context
from newsletter.checks.earlier import Earlier
from newsletter.checks.rule import Finding, Rule, Scope
from newsletter.config import Publication
from newsletter.errors import IssueError, Problem, Severity
from newsletter.issues import read_issue, shown_path
from newsletter.mjml import TokenLost
from newsletter.parse import inspect_issue
from newsletter.theme import Theme


def check_issue(publication: Publication, path: Path) -> list[Problem]:
    """Everything wrong with one issue, in the order of the file. Needs no network and no database."""
    return next(iter(check_issues(publication, [path])))[1]


def check_issues(publication: Publication, paths: Iterable[Path]) -> Iterator[tuple[Path, list[Problem]]]:
    """The same for many, which share what they can."""
    theme, earlier = Theme(publication=publication), Earlier(publication=publication)
    for path in paths:
        yield path, _sorted(_problems(path, theme, earlier))


def _problems(path: Path, theme: Theme, earlier: Earlier) -> Iterator[Problem]:
    publication = theme.publication
    shown = shown_path(publication, path)
    try:
        issue, parsed = inspect_issue(path, publication, theme.kinds, theme.templates)
    except IssueError as error:
        yield from error.problems
        return
    yield from parsed
    context = Context(
        issue=issue,
        theme=theme,
        shown=shown,
        source=read_issue(path, shown),
        has_errors=any(problem.severity is Severity.ERROR for problem in parsed),
        earlier=earlier,
    )
    yield from ask(context, RULES.values())
    yield from _lost(context)


def ask(context: Context, rules: Iterable[Rule]) -> Iterator[Problem]:
    """What these rules find."""
    for rule in rules:
        if rule.scope is Scope.SOURCE or (rule.scope is not Scope.NETWORK and not context.has_errors):
            for finding in rule.find(context):
                yield _problem(rule, finding, context)


def _lost(context: Context) -> Iterator[Problem]:
    """NL008 is the compiler's to find: the issue parses, and yet does not build."""
    if context.has_errors:
        return
    try:
        _ = context.built
    except TokenLost as error:
        yield Problem(rule="NL008", message=error.cause, path=context.shown, line=error.line, hint=error.hint)


def _problem(rule: Rule, finding: Finding, context: Context) -> Problem:
    return Problem(
        rule=rule.id,
        severity=finding.severity or rule.severity,
        message=finding.message,
        path=finding.path or context.shown,
        line=finding.line,
        column=finding.column,
        width=finding.width,
        hint=finding.hint or rule.fix,
        edits=finding.edits,
    )


def _sorted(problems: Iterable[Problem]) -> list[Problem]:
    return sorted(set(problems), key=lambda p: (p.path, p.line, p.column, p.rule, p.message))
