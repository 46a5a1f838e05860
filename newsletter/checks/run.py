"""Run the rules on issues and return the problems in the order of the file.

A file with a parser's error is not built, so only the rules about its source run. The result depends on the files
alone, and not on what was checked before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from newsletter.checks.catalogue import RULES
from newsletter.checks.context.context import Context, EarlierIssues
from newsletter.checks.context.link_status import Target, Verdict
from newsletter.checks.context.rule import Finding, Rule, Scope
from newsletter.checks.rules.ignore_comments import ignores, unused
from newsletter.checks.rules.online import targets
from newsletter.checks.selection import Selection, is_refusal, selection
from newsletter.config import PublicationSettings
from newsletter.errors import IssueError, Problem, Severity
from newsletter.issues.issue import read_issue, shown_path
from newsletter.issues.parse import inspect_issue
from newsletter.rendering.mjml import TokenLost
from newsletter.rendering.theme import Theme

OFFLINE = frozenset((Scope.SOURCE, Scope.HTML, Scope.MESSAGE))
"""The scopes of the rules that run without --online."""


@dataclass(frozen=True, kw_only=True)
class Checked:
    """An issue file and everything wrong with it, in the order of the file."""

    path: Path
    problems: Sequence[Problem]
    digest: str
    """The digest of the message that was checked; empty when the file does not build."""

    @property
    def is_refused(self) -> bool:
        """Tell whether `build` refuses the file."""
        return any(is_refusal(problem) for problem in self.problems)


def check_issue(publication: PublicationSettings, path: Path, chosen: Selection | None = None) -> list[Problem]:
    """Return the problems of one issue in the order of the file. Needs no network and no database.

    Raises NewsletterError when a template cannot be rendered, ConfigError when `[check]` names no rule.
    """
    return list(next(iter(check_issues(publication, [path], chosen))).problems)


def check_issues(
    publication: PublicationSettings,
    paths: Iterable[Path],
    chosen: Selection | None = None,
    theme: Theme | None = None,
    verdicts: Mapping[Target, Verdict] | None = None,
) -> Iterator[Checked]:
    """Check many issues and yield the problems of each. The issues share what can be read once.

    `theme` is the publication's, given to share it with a build. `verdicts` are the results for `online_targets`;
    with them the rules about the network run too.
    """
    chosen = chosen or selection(publication)
    theme, earlier = theme or Theme(publication=publication), EarlierIssues(publication=publication)
    for path in paths:
        yield _checked(path, theme, earlier, chosen, verdicts)


def online_targets(publication: PublicationSettings, paths: Iterable[Path]) -> list[Target]:
    """Return the addresses that the rules about the network need results for, each once."""
    theme, earlier = Theme(publication=publication), EarlierIssues(publication=publication)
    addresses: dict[Target, None] = {}
    for path in paths:
        try:
            context, _ = open_context(path, theme, earlier)
        except IssueError:  # `check_issues` reports it
            continue
        addresses.update(dict.fromkeys(target for target, _ in targets(context)))
    return list(addresses)


def _checked(
    path: Path, theme: Theme, earlier: EarlierIssues, chosen: Selection, verdicts: Mapping[Target, Verdict] | None
) -> Checked:
    try:
        context, parsed = open_context(path, theme, earlier, verdicts)
    except IssueError as error:
        return Checked(path=path, problems=error.problems, digest="")
    problems = check_context(context, parsed, chosen)
    lost = context.has_errors or any(problem.rule == "NL008" for problem in problems)
    return Checked(path=path, problems=problems, digest="" if lost else context.message.digest)


def check_context(context: Context, parsed: Sequence[Problem], chosen: Selection) -> list[Problem]:
    """Return the problems of an issue that was opened already, and perhaps built."""
    return _sorted(_problems(context, parsed, chosen))


def _problems(context: Context, parsed: Sequence[Problem], chosen: Selection) -> Iterator[Problem]:
    scopes = {Scope.SOURCE} if context.has_errors else set(OFFLINE)
    if context.verdicts is not None:
        scopes.add(Scope.NETWORK)
    rules = [rule for rule in RULES.values() if rule.scope in scopes and chosen.wants(rule.id)]
    if not context.has_errors:
        rules += [rule for rule in RULES.values() if rule.scope is Scope.PROGRAM and rule.id in chosen.select]
    try:
        problems = [*parsed, *run_rules(context, rules), *_settings_warnings(context)]
    except TokenLost as error:
        problems = [*parsed, _lost_tag(context, error)]
    yield from _without_ignored(context, [problem for problem in problems if chosen.keeps(problem)], rules)


def open_context(
    path: Path,
    theme: Theme,
    earlier: EarlierIssues,
    verdicts: Mapping[Target, Verdict] | None = None,
    text: str | None = None,
) -> tuple[Context, list[Problem]]:
    """Return the context for rules and the parser's problems; `text` stands in for that of the file.

    Raises IssueError when the file is no text.
    """
    publication = theme.publication
    shown = shown_path(publication, path)
    issue, parsed = inspect_issue(path, publication, theme.kinds, theme.templates, text)
    context = Context(
        issue=issue,
        theme=theme,
        shown=shown,
        source=read_issue(path, shown) if text is None else text,
        has_errors=any(problem.severity is Severity.ERROR for problem in parsed),
        earlier=earlier,
        verdicts=verdicts,
    )
    return context, parsed


def run_rules(context: Context, rules: Iterable[Rule]) -> Iterator[Problem]:
    """Run rules on an issue and yield the problems they find."""
    for rule in rules:
        for finding in rule.find(context):
            yield _problem(rule, finding, context)


def _settings_warnings(context: Context) -> Sequence[Problem]:
    """Return the build's warnings about the settings: colours that cannot be read (NL205)."""
    return () if context.has_errors else [p for p in context.built.warnings if p not in context.issue.warnings]


def _without_ignored(context: Context, problems: list[Problem], rules: Iterable[Rule]) -> Iterator[Problem]:
    """Yield the problems that no `nl-ignore` of the file names, and one for each `nl-ignore` without a problem."""
    ignored = ignores(context)
    for problem in problems:
        may_be_ignored = problem.path == context.shown and not is_refusal(problem)
        if not (may_be_ignored and any(ignore.silences(problem) for ignore in ignored)):
            yield problem
    ids = {rule.id for rule in rules}
    if "NL015" in ids:
        for finding in unused(ignored, problems, ids):
            yield _problem(RULES["NL015"], finding, context)


def _lost_tag(context: Context, error: TokenLost) -> Problem:
    """Return NL008, which only the compiler finds: the issue parses, but does not build."""
    return Problem(rule="NL008", message=error.cause, path=context.shown, line=error.line, hint=error.hint)


def _problem(rule: Rule, finding: Finding, context: Context) -> Problem:
    return Problem(
        rule=rule.id,
        severity=finding.severity or rule.severity,
        message=finding.message,
        path=finding.spot.path or context.shown,
        line=finding.spot.line,
        column=finding.spot.column,
        width=finding.spot.width,
        hint=finding.hint or rule.fix,
        why=finding.why,
        edits=finding.edits,
    )


def _sorted(problems: Iterable[Problem]) -> list[Problem]:
    # A template's loop can repeat a problem at one place.
    return sorted(set(problems), key=lambda p: (p.path, p.line, p.column, p.rule, p.message))
