"""The panel of problems: what the rules say of an issue, what it weighs, and what keeps it from being built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newsletter.checks.catalogue import RULES
from newsletter.checks.formats import counted
from newsletter.checks.run import check_context
from newsletter.checks.selection import selection
from newsletter.config import Publication
from newsletter.errors import NewsletterError, Problem, Severity, problem_of
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
    """The block it is in; None outside blocks and in other files."""
    editor: str
    """The address that opens its line in the author's editor; empty when there is none."""

    @property
    def problem(self) -> Problem:
        """What is wrong."""
        return self.coded.problem

    @property
    def why(self) -> str:
        """Why there is such a rule."""
        return RULES[self.problem.rule].why if self.problem.rule in RULES else ""


@dataclass(frozen=True, kw_only=True)
class Alike:
    """Problems of one rule: those that are shown, and those that are only listed."""

    shown: Sequence[ShownProblem]
    listed: Sequence[ShownProblem]


ENOUGH = 4
"""Problems of one rule that are shown in full."""


def panel(request: Request) -> Response:
    """The panel, to be put into the page."""
    workspace = workspace_of(request)
    work = workspace.issue(request.path_params["slug"])
    found = found_in(workspace, work)
    head = entry(workspace.publication, work.path)
    values = {
        "subject": head.subject if head else "",
        "alike": alike(shown(workspace, work, found)),
        "errors": sum(problem.severity is Severity.ERROR for problem in found),
        "count": len(found),
        "summary": counted(found),
        "weights": weighed(work),
    }
    return page(request, "problems.html", {"work": work, **values})


def failure(request: Request) -> Response:
    """What stands over the last good email while the file does not build; nothing when it does."""
    workspace = workspace_of(request)
    work = workspace.issue(request.path_params["slug"])
    if not work.failure:
        return Response(status_code=204)
    return page(request, "failure.html", {"work": work, "shown": shown(workspace, work, work.failure)})


def found_in(workspace: Workspace, work: BuiltIssue) -> list[Problem]:
    """Everything that `check` would say of the file as it is now."""
    if work.context is None:
        return list(work.failure)
    try:
        return check_context(work.context, work.parsed, selection(workspace.publication))
    except NewsletterError as error:
        return [problem_of(error)]


def weighed(work: BuiltIssue) -> Weights | None:
    """What it weighs, if it builds."""
    if work.context is None or work.failure:
        return None
    return weights(work.context)


def shown(workspace: Workspace, work: BuiltIssue, found: Sequence[Problem]) -> list[ShownProblem]:
    """Problems with their lines, the worst first."""
    publication = workspace.publication
    order = [Severity.ERROR, Severity.WARNING, Severity.INFO]
    worst_first = sorted(found, key=lambda problem: order.index(problem.severity))
    return [
        ShownProblem(coded=each, piece=_piece(work, each), editor=editor_address(publication, each.file, each.problem))
        for each in code_frames(publication.root, worst_first)
    ]


def alike(shown: Sequence[ShownProblem]) -> list[Alike]:
    """Problems by their rule, in the order of the first of each; nobody reads the same sentence 900 times."""
    by_rule: dict[tuple[Severity, str], list[ShownProblem]] = {}
    for each in shown:
        by_rule.setdefault((each.problem.severity, each.problem.rule), []).append(each)
    return [Alike(shown=group[:ENOUGH], listed=group[ENOUGH:]) for group in by_rule.values()]


def _piece(work: BuiltIssue, found: CodeFrame) -> int | None:
    is_own = work.context is not None and found.file == work.path.absolute()
    return piece_at(work.context, found.problem.line) if is_own and work.context else None


def editor_address(publication: Publication, file: Path | None, problem: Problem) -> str:
    """What opens a line in the author's editor: `[preview] editor` with its places filled."""
    if file is None or not publication.config.preview.editor:
        return ""
    places = {"path": quote(str(file.absolute())), "line": str(problem.line), "column": str(problem.column)}
    address = publication.config.preview.editor
    for name, value in places.items():
        address = address.replace(f"{{{name}}}", value)
    return address


ROUTES = [Route("/issues/{slug}/problems", panel), Route("/issues/{slug}/failure", failure)]
