"""Asking the rules about issues: what is wrong, in the order of the file.

The parser's mistakes come first, and a file that has one is not built: then only the rules
about its source are asked. The same files give the same answer, whatever was checked before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from newsletter.checks.catalogue import RULES
from newsletter.checks.context.context import Context, Earlier
from newsletter.checks.context.link_status import Target, Verdict
from newsletter.checks.context.rule import Finding, Rule, Scope
from newsletter.checks.rules.ignore_comments import ignores, unused
from newsletter.checks.rules.online import targets
from newsletter.checks.selection import Selection, is_refusal, selection
from newsletter.config import Publication
from newsletter.errors import IssueError, Problem, Severity
from newsletter.issues.issue import read_issue, shown_path
from newsletter.issues.parse import inspect_issue
from newsletter.rendering.mjml import TokenLost
from newsletter.rendering.theme import Theme

OFFLINE = frozenset((Scope.SOURCE, Scope.HTML, Scope.MESSAGE))
"""What is asked without --online."""


@dataclass(frozen=True, kw_only=True)
class Checked:
    """An issue file and everything wrong with it, in the order of the file."""

    path: Path
    problems: Sequence[Problem]
    digest: str
    """Of the message that was checked; empty when the file does not build."""

    @property
    def is_refused(self) -> bool:
        """Whether `build` refuses the file."""
        return any(is_refusal(problem) for problem in self.problems)


def check_issue(publication: Publication, path: Path, chosen: Selection | None = None) -> list[Problem]:
    """Everything wrong with one issue, in the order of the file. Needs no network and no database.

    Raises NewsletterError when a template cannot be rendered, ConfigError when `[check]` names no rule.
    """
    return list(next(iter(check_issues(publication, [path], chosen))).problems)


def check_issues(
    publication: Publication,
    paths: Iterable[Path],
    chosen: Selection | None = None,
    theme: Theme | None = None,
    verdicts: Mapping[Target, Verdict] | None = None,
) -> Iterator[Checked]:
    """The same for many, which share what they can; `theme` is one of the publication's, to share it with a build.

    `verdicts` are what `online_targets` answered; with them the rules about the network are asked too.
    """
    chosen = chosen or selection(publication)
    theme, earlier = theme or Theme(publication=publication), Earlier(publication=publication)
    for path in paths:
        yield _checked(path, theme, earlier, chosen, verdicts)


def online_targets(publication: Publication, paths: Iterable[Path]) -> list[Target]:
    """What the rules about the network have to know of these issues, each once."""
    theme, earlier = Theme(publication=publication), Earlier(publication=publication)
    found: dict[Target, None] = {}
    for path in paths:
        try:
            context, _ = open_context(path, theme, earlier)
        except IssueError:  # `check_issues` says so
            continue
        found.update(dict.fromkeys(target for target, _ in targets(context)))
    return list(found)


def _checked(
    path: Path, theme: Theme, earlier: Earlier, chosen: Selection, verdicts: Mapping[Target, Verdict] | None
) -> Checked:
    try:
        context, parsed = open_context(path, theme, earlier, verdicts)
    except IssueError as error:
        return Checked(path=path, problems=error.problems, digest="")
    problems = check_context(context, parsed, chosen)
    lost = context.has_errors or any(problem.rule == "NL008" for problem in problems)
    return Checked(path=path, problems=problems, digest="" if lost else context.message.digest)


def check_context(context: Context, parsed: Sequence[Problem], chosen: Selection) -> list[Problem]:
    """Everything wrong with an issue that was opened already, and perhaps built."""
    return _sorted(_problems(context, parsed, chosen))


def _problems(context: Context, parsed: Sequence[Problem], chosen: Selection) -> Iterator[Problem]:
    scopes = {Scope.SOURCE} if context.has_errors else set(OFFLINE)
    if context.verdicts is not None:
        scopes.add(Scope.NETWORK)
    asked = [rule for rule in RULES.values() if rule.scope in scopes and chosen.wants(rule.id)]
    if not context.has_errors:
        asked += [rule for rule in RULES.values() if rule.scope is Scope.PROGRAM and rule.id in chosen.select]
    try:
        found = [*parsed, *ask(context, asked), *_of_settings(context)]
    except TokenLost as error:
        found = [*parsed, _lost(context, error)]
    yield from _heard(context, [problem for problem in found if chosen.keeps(problem)], asked)


def open_context(
    path: Path,
    theme: Theme,
    earlier: Earlier,
    verdicts: Mapping[Target, Verdict] | None = None,
    text: str | None = None,
) -> tuple[Context, list[Problem]]:
    """What rules may look at, and what the parser found; with `text` as if the file said that.

    Raises IssueError when it is no text.
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


def ask(context: Context, rules: Iterable[Rule]) -> Iterator[Problem]:
    """What these rules find."""
    for rule in rules:
        for finding in rule.find(context):
            yield _problem(rule, finding, context)


def _of_settings(context: Context) -> Sequence[Problem]:
    """What a build says of the settings it was made with: colours that cannot be read (NL205)."""
    return () if context.has_errors else [p for p in context.built.warnings if p not in context.issue.warnings]


def _heard(context: Context, found: list[Problem], asked: Iterable[Rule]) -> Iterator[Problem]:
    """Without what the author has answered in the file, and with the answers that nothing asked for."""
    answers = ignores(context)
    for problem in found:
        is_own = problem.path == context.shown and not is_refusal(problem)
        if not (is_own and any(answer.silences(problem) for answer in answers)):
            yield problem
    ids = {rule.id for rule in asked}
    if "NL015" in ids:
        for finding in unused(answers, found, ids):
            yield _problem(RULES["NL015"], finding, context)


def _lost(context: Context, error: TokenLost) -> Problem:
    """The compiler finds NL008: the issue parses, and yet does not build."""
    return Problem(rule="NL008", message=error.cause, path=context.shown, line=error.line, hint=error.hint)


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
