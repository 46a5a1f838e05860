"""Edit an issue in the browser: its text beside the email that it makes.

The typed text is built in memory, for the tab that it is typed in. Only `save_issue` writes, and never over a text
that was saved by something else meanwhile.
"""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from newsletter.config import PublicationSettings
from newsletter.errors import NewsletterError, Problem
from newsletter.issues.images import image_names
from newsletter.issues.issue import slug_of
from newsletter.issues.save import IssueFile, read_issue_file, save
from newsletter.preview.diff import differences, folded
from newsletter.preview.sample_readers import NAMES
from newsletter.preview.views import RENDERED, rendered
from newsletter.preview.workspace import BuiltIssue
from newsletter.web.preview.issue import email_document
from newsletter.web.preview.pages import page, render, workspace_of
from newsletter.web.preview.problems import problems_of
from newsletter.web.preview.readers import recipient_of
from newsletter.web.preview.requests import errors_as_json, with_token_and_text


def show_editor(request: Request) -> Response:
    """Show the page; its script fetches the text from `read_file`."""
    workspace = workspace_of(request)
    publication = workspace.publication
    return page(
        request,
        "edit.html",
        {
            "path": workspace.path_of(request.path_params["slug"]),
            "slug": request.path_params["slug"],
            "kinds": workspace.theme.kinds.values(),
            "sponsors": list(publication.config.sponsors),
            "pictures": image_names(publication.root),
            "fields": _fields(publication),
        },
    )


def _fields(publication: PublicationSettings) -> list[str]:
    return [*NAMES, "email", *publication.config.fields]


@errors_as_json
def read_file(request: Request) -> Response:
    """Return the issue file as it is on disk."""
    return JSONResponse(_as_json(_read(request)))


def _read(request: Request) -> IssueFile:
    workspace = workspace_of(request)
    return read_issue_file(workspace.publication, workspace.path_of(request.path_params["slug"]))


def _as_json(file: IssueFile) -> dict[str, object]:
    return {"text": file.text, "digest": file.digest, "name": file.path.name}


def build_typed(request: Request, text: str) -> Response:
    """Build the typed text and say whether that failed; `show_typed` then shows the email."""
    work = workspace_of(request).typed(request.path_params["slug"], request.path_params["tab"], text)
    built = work.built
    return JSONResponse(
        {
            "digest": work.digest + work.trace,
            "failed": bool(work.failure),
            "subject": built.message.open(built.message.subject) if built else "",
        }
    )


def show_typed(request: Request) -> Response:
    """Show the email of the last typed text, as one kind of mail client shows it."""
    work = _last_typed(request)
    name = request.path_params["view"]
    if name not in RENDERED:
        raise HTTPException(404, "There is no such view.")
    if work.built is None:
        return email_document(request, render(request, "no-email.html", {}))
    try:
        recipient = recipient_of(request, work.built)
    except NewsletterError as error:
        return email_document(request, render(request, "said.html", {"error": error}))
    return email_document(request, rendered(work.built, recipient, name, work.pictures))


@errors_as_json
def list_typed_problems(request: Request) -> Response:
    """Return everything that `newsletter check` says of the last typed text."""
    work = _last_typed(request)
    return JSONResponse([_problem_as_json(problem) for problem in problems_of(workspace_of(request), work)])


def _last_typed(request: Request) -> BuiltIssue:
    return workspace_of(request).last_typed(request.path_params["slug"], request.path_params["tab"])


def _problem_as_json(problem: Problem) -> dict[str, object]:
    keys = ("rule", "severity", "message", "hint", "path", "line", "column", "width")
    return {key: getattr(problem, key) for key in keys}


def save_issue(request: Request, text: str) -> Response:
    """Write the text over the one it was made from; if the file has changed since, show both and write nothing."""
    workspace = workspace_of(request)
    path = workspace.publication.issues / request.query_params.get("name", "")
    # `name` comes from the page: `../` would lead out of the folder.
    if path.parent != workspace.publication.issues or slug_of(path) != request.path_params["slug"]:
        raise HTTPException(400, "This is not the file of that issue.")
    saved = save(workspace.publication, path, text, request.query_params.get("over", ""))
    answer = {**_as_json(saved.issue_file), "written": saved.is_written}
    if saved.is_written:
        return JSONResponse(answer)
    rows = folded(differences(saved.issue_file.text, text))
    shown = render(request, "differences.html", {"rows": rows, "left": "On disk now", "right": "Yours, not saved"})
    return JSONResponse({**answer, "shown": shown}, status_code=409)


ROUTES = [
    Route("/issues/{slug}/edit", show_editor),
    Route("/issues/{slug}/manuscript", read_file),
    Route("/issues/{slug}/save", with_token_and_text(save_issue), methods=["POST"]),
    Route("/issues/{slug}/typed/{tab}", with_token_and_text(build_typed), methods=["POST"]),
    Route("/issues/{slug}/typed/{tab}/problems", list_typed_problems),
    Route("/issues/{slug}/typed/{tab}/view/{view}", show_typed),
]
