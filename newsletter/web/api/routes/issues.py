"""Issues: list them, show one as it would be sent with what `check` finds, and send a test."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct
from sqlalchemy import Connection

from newsletter.addresses import parse_address
from newsletter.api_keys import Scope
from newsletter.checks.run import Checked, check_issues
from newsletter.errors import NewsletterError, Problem
from newsletter.issues.issue import date_of, issue_files, slug_of
from newsletter.issues.summaries import read_summary
from newsletter.publishing.test_send import MOST, send_test
from newsletter.rendering.build import Built, build_issue, sample_mailing, sample_recipient
from newsletter.rendering.theme import Theme
from newsletter.web.api.cursors import read_cursor, write_cursor
from newsletter.web.api.operations import Address, ApiRequest, ApiResponse, Change, Operation, PageQuery
from newsletter.web.api.problems import RefusalError
from newsletter.web.error_log import masked_text


class IssueItem(Struct, kw_only=True):
    """An issue file, as far as its front matter can be read."""

    slug: str
    subject: str
    preheader: str
    date: str | None
    list: str
    """Empty for the default list."""
    is_welcome: bool


class IssuePage(Struct, kw_only=True):
    """A page of issues, the newest first."""

    data: list[IssueItem]
    next: str | None


class FindingItem(Struct, kw_only=True):
    """Something wrong with an issue, as `check --format json` prints it."""

    rule: str
    severity: Literal["error", "warning", "info"]
    path: str
    line: int
    column: int
    message: str


class IssueDetail(IssueItem, kw_only=True):
    """An issue as it would be sent to a sample reader without a name."""

    findings: list[FindingItem]
    digest: str | None
    """Null for an issue that cannot be built, as are `html` and `text`."""
    html: str | None
    text: str | None


class TestAddresses(Struct, kw_only=True, forbid_unknown_fields=True):
    """Who gets a test."""

    to: Annotated[list[Address], Meta(min_length=1, max_length=MOST)]


class TestOutcome(Struct, kw_only=True):
    """What the provider said of one test."""

    outcome: Literal["accepted", "rejected", "busy", "unknown"]
    reason: str


class TestOutcomes(Struct, kw_only=True):
    """The outcome for each address, in the order of the request."""

    data: list[TestOutcome]


def list_issues(request: ApiRequest, connection: Connection) -> ApiResponse:
    """Return a page of issues."""
    query: PageQuery = request.query
    last = read_cursor(request.site.links, "issues", query.cursor) if query.cursor else ""
    files = [path for path in reversed(issue_files(request.publication)) if not last or path.name < last]
    shown = files[: query.limit]
    more = write_cursor(request.site.links, "issues", shown[-1].name) if len(files) > len(shown) else None
    return ApiResponse(value=IssuePage(data=[_item(path) for path in shown], next=more))


def get_issue(request: ApiRequest, connection: Connection) -> ApiResponse:
    """Return one issue with its findings, HTML and text."""
    path = issue_named(request, request.path["issue"])
    theme = Theme(publication=request.publication)
    [checked] = check_issues(request.publication, [path], theme=theme)
    built = _built(request, path, theme) if not checked.is_refused else None
    sample = _sample(request, built) if built else None
    item = _item(path)
    return ApiResponse(
        value=IssueDetail(
            **{name: getattr(item, name) for name in IssueItem.__struct_fields__},
            findings=_findings(checked),
            digest=built.message.digest if built else None,
            html=sample[0] if sample else None,
            text=sample[1] if sample else None,
        )
    )


def _built(request: ApiRequest, path: Path, theme: Theme) -> Built | None:
    try:
        return build_issue(request.publication, path, theme)
    except NewsletterError:  # it was edited while it was read; the findings are of what was there
        return None


def _sample(request: ApiRequest, built: Built) -> tuple[str, str]:
    message = sample_mailing(request.publication, built).message(
        sample_recipient(request.publication, built.issue.slug)
    )
    return message.html, message.text


def _findings(checked: Checked) -> list[FindingItem]:
    return [_finding(problem) for problem in checked.problems]


def _finding(problem: Problem) -> FindingItem:
    return FindingItem(
        rule=problem.rule,
        severity=problem.severity.value,
        path=problem.path,
        line=problem.line,
        column=problem.column,
        message=problem.message,
    )


def _item(path: Path) -> IssueItem:
    summary = read_summary(path)
    day = summary.date if summary else date_of(path)
    return IssueItem(
        slug=slug_of(path),
        subject=summary.subject if summary else "",
        preheader=summary.preheader if summary else "",
        date=day.isoformat() if day else None,
        list=summary.list if summary else "",
        is_welcome=summary is not None and summary.is_welcome,
    )


def issue_named(request: ApiRequest, slug: str) -> Path:
    """Return the issue file with this slug; no other path is ever opened. Raises RefusalError."""
    files = [path for path in issue_files(request.publication) if slug in (slug_of(path), path.stem)]
    if not files:
        raise RefusalError("not-found", "no issue has this slug")
    if len(files) > 1:
        raise RefusalError("conflict", f"{len(files)} issues have this slug; a slug is unique")
    return files[0]


def test(request: ApiRequest) -> Change:
    """Send a marked test of one issue."""
    body: TestAddresses = request.body
    try:
        addresses = list(dict.fromkeys(parse_address(text) for text in body.to))
    except ValueError as error:
        raise RefusalError("refused", str(error)) from error
    built = build_issue(request.publication, issue_named(request, request.path["issue"]))
    results = send_test(request.publication, request.site.database, built, addresses, request.at)
    outcomes = [
        TestOutcome(outcome=each.result.outcome.value, reason=masked_text(each.result.reason)) for each in results
    ]
    return lambda connection: ApiResponse(value=TestOutcomes(data=outcomes), target=f"issue {built.issue.slug}")


OPERATIONS = [
    Operation(
        name="listIssues",
        method="GET",
        path="/issues",
        scope=Scope.READ,
        summary="List issues, the newest first",
        query=PageQuery,
        answers={200: IssuePage},
        run=list_issues,
    ),
    Operation(
        name="getIssue",
        method="GET",
        path="/issues/{issue}",
        scope=Scope.READ,
        summary="Show an issue as it would be sent, with what `check` finds",
        command="newsletter check --format json",
        answers={200: IssueDetail},
        refusals=(409,),
        run=get_issue,
    ),
    Operation(
        name="testIssue",
        method="POST",
        path="/issues/{issue}/test",
        scope=Scope.CAMPAIGNS,
        summary="Send a marked test of an issue to a few addresses",
        description="A test that is repeated after a crash of the server may arrive twice.",
        command="newsletter test",
        body=TestAddresses,
        answers={200: TestOutcomes},
        prepare=test,
    ),
]
