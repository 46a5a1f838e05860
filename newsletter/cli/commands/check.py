"""`newsletter check`: print what is wrong with issues, line by line."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from newsletter.checks import fixes, formats
from newsletter.checks.catalogue import RULES
from newsletter.checks.context.link_status import Target, Verdict
from newsletter.checks.run import check_issue, online_targets
from newsletter.checks.selection import Selection, selection
from newsletter.cli.session import Session
from newsletter.config import PublicationSettings
from newsletter.errors import ConfigError, Problem, Severity, nearest
from newsletter.issues.issue import find_issue, issue_files, shown_path

MOST_ROUNDS = 5
"""The most rounds of fixes: fixes that overlap are made one round after the other."""


@click.command()
@click.argument("issue", nargs=-1)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    help="How to print problems  [default: text]",
)
@click.option("--json", "as_json", is_flag=True, help="Short for --format json")
@click.option("--strict", is_flag=True, help="Fail on warnings too")
@click.option("--online", is_flag=True, help="Request the addresses of links and pictures, too")
@click.option("--select", metavar="RULES", help="Only these: ids or their beginnings, separated by commas")
@click.option("--ignore", metavar="RULES", help="Not these, besides those newsletter.toml ignores")
@click.option("--fix", is_flag=True, help="Make the safe fixes in the files, and show them")
@click.option("--diff", is_flag=True, help="Show the safe fixes and write nothing")
@click.option("--explain", metavar="RULE", help="Say what a rule is about, with examples")
@click.pass_obj
def command(
    session: Session,
    issue: tuple[str, ...],
    form: str,
    as_json: bool,
    strict: bool,
    online: bool,
    select: str | None,
    ignore: str | None,
    fix: bool,
    diff: bool,
    explain: str | None,
) -> None:
    """Check issues and print what is wrong, line by line.

    Without an ISSUE it checks all of them. Only --online uses the network, and only --fix changes files;
    it never changes words that readers see. Exits 1 when there is an error.

    \b
    Examples:
        newsletter check
        newsletter check chip-rules --strict
        newsletter check chip-rules --online
        newsletter check --fix --diff
        newsletter check --select NL1,NL402 --format json
        newsletter check --explain NL210
    """
    if explain:
        click.echo(_explained(explain))
        return
    publication = session.publication
    chosen = selection(publication, select, ignore)
    paths = [find_issue(publication, name) for name in issue] or issue_files(publication)
    if fix or diff:
        fixed = [_fix(publication, path, chosen, writes=not diff) for path in paths]
        if not any(fixed):
            click.echo("There is nothing that can be fixed without changing words or looks.", err=True)
    verdicts = _probe(publication, paths) if online else None
    rules = {"select": [select] if select else (), "ignore": [ignore] if ignore else ()}
    problems = session.opened.check(*issue, **rules, verdicts=verdicts)
    if not diff:
        _print(publication, problems, "json" if as_json else form)
    click.echo(formats.summary(problems, len(paths)), err=True)
    if any(_fails(problem, strict) for problem in problems):
        sys.exit(1)


def _probe(publication: PublicationSettings, paths: Sequence[Path]) -> Mapping[Target, Verdict]:
    """Return what the addresses in these issues answer, now or within the last day."""
    from newsletter.checks.context.link_status import remember, remembered
    from newsletter.checks.link_probe import probe_all
    from newsletter.cli.progress import StepProgress
    from newsletter.network import network_of

    now = datetime.now(UTC)
    known = remembered(publication.root, now)
    new = [target for target in online_targets(publication, paths) if target not in known]
    with StepProgress("addresses asked", len(new)) as bar:
        answered = probe_all(network_of(publication.config.publication.url), new, bar.step)
    remember(publication.root, answered, now)
    return {**known, **answered}


def _explained(name: str) -> str:
    rule = RULES.get(name.upper())
    if rule is None:
        near = nearest(name.upper(), RULES)
        hint = f'Did you mean "{near}"?' if near else f"Rules are {', '.join(RULES)}."
        raise ConfigError(f'--explain: no rule is named "{name}"', hint=hint)
    return formats.explanation(rule)


def _print(publication: PublicationSettings, problems: Sequence[Problem], form: str) -> None:
    if form == "json":
        click.echo(formats.as_json(problems))
    elif problems:
        click.echo(formats.as_github(problems) if form == "github" else formats.as_text(publication, problems))


def _fix(publication: PublicationSettings, path: Path, chosen: Selection, *, writes: bool) -> bool:
    """Make the safe fixes of one issue, or with `writes` false only print them; tell whether there were any.

    Fixes that were made are printed on stderr; fixes that are only shown are data and go to stdout.
    """
    shown, has_fixes = shown_path(publication, path), False
    for made in _rounds(publication, path, shown, chosen):
        has_fixes = True
        click.echo(made.diff, nl=False, err=writes)
        if not writes:
            break
        fixes.write(made)
    return has_fixes


def _rounds(publication: PublicationSettings, path: Path, shown: str, chosen: Selection) -> Iterator[fixes.Fix]:
    """Yield one round of fixes after the other until nothing is left to fix."""
    for _ in range(MOST_ROUNDS):
        problems = [problem for problem in check_issue(publication, path, chosen) if problem.edits]
        if not problems:
            return
        yield fixes.fix(path, shown, problems)


def _fails(problem: Problem, strict: bool) -> bool:
    return problem.severity is Severity.ERROR or (strict and problem.severity is Severity.WARNING)
