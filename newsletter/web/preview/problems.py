"""Show an issue's problems: what the rules find, its size, and what keeps it from being built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newsletter.checks.formats import counted, why_of
from newsletter.checks.run import check_context
from newsletter.checks.selection import selection
from newsletter.config import PublicationSettings
from newsletter.errors import NewsletterError, Problem, Severity, as_problems
from newsletter.preview.code_frames import CodeFrame, code_frames
from newsletter.preview.inbox import entry
from newsletter.preview.size import Weights, piece_at, weights
from newsletter.preview.workspace import BuiltIssue, Workspace
from newsletter.web.preview.pages import page, workspace_of


@dataclass(frozen=True, kw_only=True)
class ShownProblem:
    """A problem as the panel shows it."""

    coded: CodeFrame
    piece: int | None
    """The number of the block that holds it; None outside blocks and in other files."""
    editor: str
    """The address that opens its line in the author's editor; empty without `[preview] editor`."""

    @property
    def problem(self) -> Problem:
        """The problem itself."""
        return self.coded.problem

    @property
    def why(self) -> str:
        """The harm that it does to readers or authors; empty for errors of the build."""
        return why_of(self.problem)


@dataclass(frozen=True, kw_only=True)
class ProblemGroup:
    """The problems that one rule found: some are shown in full, the others only listed."""

    shown: Sequence[ShownProblem]
    listed: Sequence[ShownProblem]


SHOWN_IN_FULL = 4
"""Problems of one rule that are shown in full."""


def show_panel(request: Request) -> Response:
    """Show the panel, to be put into the page."""
    workspace = workspace_of(request)
    work = workspace.issue(request.path_params["slug"])
    problems = problems_of(workspace, work)
    head = entry(workspace.publication, work.path)
    values = {
        "subject": head.subject if head else "",
        "alike": group_by_rule(shown_problems(workspace, work, problems)),
        "errors": sum(problem.severity is Severity.ERROR for problem in problems),
        "count": len(problems),
        "summary": counted(problems),
        "weights": size_of(work),
    }
    return page(request, "problems.html", {"work": work, **values})


def show_failure(request: Request) -> Response:
    """Show the errors that lie over the last good email while the file does not build; 204 when it builds."""
    workspace = workspace_of(request)
    work = workspace.issue(request.path_params["slug"])
    if not work.failure:
        return Response(status_code=204)
    return page(request, "failure.html", {"work": work, "shown": shown_problems(workspace, work, work.failure)})


def problems_of(workspace: Workspace, work: BuiltIssue) -> list[Problem]:
    """Return everything that `newsletter check` says of the file as it is now."""
    if work.context is None:
        return list(work.failure)
    try:
        return check_context(work.context, work.parsed, selection(workspace.publication))
    except NewsletterError as error:
        return [*as_problems(error)]


def size_of(work: BuiltIssue) -> Weights | None:
    """Return the email's size and that of its blocks; None while it does not build."""
    if work.context is None or work.failure:
        return None
    return weights(work.context)


def shown_problems(workspace: Workspace, work: BuiltIssue, problems: Sequence[Problem]) -> list[ShownProblem]:
    """Return the problems with their lines, the worst first."""
    publication = workspace.publication
    order = [Severity.ERROR, Severity.WARNING, Severity.INFO]
    worst_first = sorted(problems, key=lambda problem: order.index(problem.severity))
    return [
        ShownProblem(coded=each, piece=_piece(work, each), editor=editor_address(publication, each.file, each.problem))
        for each in code_frames(publication.root, worst_first)
    ]


def group_by_rule(shown: Sequence[ShownProblem]) -> list[ProblemGroup]:
    """Group problems by rule, in the order of each rule's first: a sentence that repeats 900 times helps nobody."""
    by_rule: dict[tuple[Severity, str], list[ShownProblem]] = {}
    for each in shown:
        by_rule.setdefault((each.problem.severity, each.problem.rule), []).append(each)
    return [ProblemGroup(shown=group[:SHOWN_IN_FULL], listed=group[SHOWN_IN_FULL:]) for group in by_rule.values()]


def _piece(work: BuiltIssue, coded_problem: CodeFrame) -> int | None:
    is_own = work.context is not None and coded_problem.file == work.path.absolute()
    return piece_at(work.context, coded_problem.problem.line) if is_own and work.context else None


def editor_address(publication: PublicationSettings, file: Path | None, problem: Problem) -> str:
    """Return the address that opens a line in the author's editor: `[preview] editor`, filled; empty without it."""
    if file is None or not publication.config.preview.editor:
        return ""
    places = {"path": quote(str(file.absolute())), "line": str(problem.line), "column": str(problem.column)}
    address = publication.config.preview.editor
    for name, value in places.items():
        address = address.replace(f"{{{name}}}", value)
    return address


ROUTES = [Route("/issues/{slug}/problems", show_panel), Route("/issues/{slug}/failure", show_failure)]
