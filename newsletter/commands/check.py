"""`newsletter check`: what is wrong with issues, line by line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from newsletter.build import build_issue
from newsletter.config import Publication
from newsletter.errors import IssueError, Problem, Severity
from newsletter.issues import find_issue, issue_files
from newsletter.session import Session


@click.command()
@click.argument("issue", nargs=-1)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    help="How to print problems  [default: text]",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json")
@click.option("--strict", is_flag=True, help="Fail on warnings too")
@click.pass_obj
def command(session: Session, issue: tuple[str, ...], form: str, as_json: bool, strict: bool) -> None:
    """Say what is wrong with issues, line by line.

    Without an ISSUE, all of them. Changes nothing and needs no network; exits 1 when there is an error.

    \b
    Examples:
        newsletter check
        newsletter check chip-rules --strict
        newsletter check --format json
    """
    publication = session.publication
    paths = [find_issue(publication, name) for name in issue] or issue_files(publication)
    problems = [problem for path in paths for problem in problems_of(publication, path)]
    if as_json or form == "json":
        click.echo(json.dumps([_as_json(problem) for problem in problems], ensure_ascii=False, indent=2))
    else:
        for problem in problems:
            click.echo(f"{problem.severity}: {problem}")
        click.echo(_summary(problems, len(paths)), err=True)
    if any(strict or problem.severity is Severity.ERROR for problem in problems):
        sys.exit(1)


def problems_of(publication: Publication, path: Path) -> Iterator[Problem]:
    """Everything wrong with one issue: its errors, or the warnings of its build."""
    try:
        yield from build_issue(publication, path).warnings
    except IssueError as error:
        yield from error.problems


def _as_json(problem: Problem) -> dict[str, object]:
    return {
        "rule": problem.rule,
        "severity": str(problem.severity),
        "path": problem.path,
        "line": problem.line,
        "column": problem.column,
        "message": problem.message,
    }


def _summary(problems: list[Problem], files: int) -> str:
    errors = sum(problem.severity is Severity.ERROR for problem in problems)
    found = f"{errors} errors, {len(problems) - errors} warnings" if problems else "nothing wrong"
    return f"{files} issue{'s' if files != 1 else ''} checked: {found}"
