"""Writing an issue in the browser: its text beside the email it makes, saved over nothing that somebody else saved.

What is typed is built in memory, for the tab it is typed in; only `save` writes.
"""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from newsletter.config import Publication
from newsletter.errors import NewsletterError, Problem
from newsletter.issues.images import image_names
from newsletter.issues.issue import slug_of
from newsletter.issues.save import IssueFile, read_issue_file
from newsletter.issues.save import save as save_over
from newsletter.preview.diff import differences, folded
from newsletter.preview.sample_readers import NAMES
from newsletter.preview.views import RENDERED, rendered
from newsletter.preview.workspace import BuiltIssue
from newsletter.web.preview.issue import document
from newsletter.web.preview.pages import page, text, workspace_of
from newsletter.web.preview.problems import found_in
from newsletter.web.preview.readers import recipient_of
from newsletter.web.preview.requests import act_on_text, in_json


def show(request: Request) -> Response:
    """The page; the text comes into it by `issue_file`."""
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


def _fields(publication: Publication) -> list[str]:
    return [*NAMES, "email", *publication.config.fields]


@in_json
def issue_file(request: Request) -> Response:
    """The file as it is on disk."""
    return JSONResponse(_as_json(_read(request)))


def _read(request: Request) -> IssueFile:
    workspace = workspace_of(request)
    return read_issue_file(workspace.publication, workspace.path_of(request.path_params["slug"]))


def _as_json(found: IssueFile) -> dict[str, object]:
    return {"text": found.text, "digest": found.digest, "name": found.path.name}


def typed(request: Request, said: str) -> Response:
    """Build what is typed; says whether that went well. The email is then `typed_view`'s to show."""
    work = workspace_of(request).typed(request.path_params["slug"], request.path_params["tab"], said)
    built = work.built
    return JSONResponse(
        {
            "digest": work.digest + work.trace,
            "failed": bool(work.failure),
            "subject": built.message.open(built.message.subject) if built else "",
        }
    )


def typed_view(request: Request) -> Response:
    """The email of what was typed last, as one kind of mail client shows it."""
    work = _typed(request)
    name = request.path_params["view"]
    if name not in RENDERED:
        raise HTTPException(404, "There is no such view.")
    if work.built is None:
        return document(request, text(request, "no-email.html", {}))
    try:
        recipient = recipient_of(request, work.built)
    except NewsletterError as error:
        return document(request, text(request, "said.html", {"error": error}))
    return document(request, rendered(work.built, recipient, name, work.pictures))


@in_json
def typed_problems(request: Request) -> Response:
    """Everything `check` says of what was typed last."""
    work = _typed(request)
    return JSONResponse([_problem(problem) for problem in found_in(workspace_of(request), work)])


def _typed(request: Request) -> BuiltIssue:
    return workspace_of(request).last_typed(request.path_params["slug"], request.path_params["tab"])


def _problem(found: Problem) -> dict[str, object]:
    keys = ("rule", "severity", "message", "hint", "path", "line", "column", "width")
    return {key: getattr(found, key) for key in keys}


def save(request: Request, said: str) -> Response:
    """Write it over the text it was made from; if the file is another by now, show both and write nothing."""
    workspace = workspace_of(request)
    path = workspace.publication.issues / request.query_params.get("name", "")
    if path.parent != workspace.publication.issues or slug_of(path) != request.path_params["slug"]:
        raise HTTPException(400, "This is not the file of that issue.")
    saved = save_over(workspace.publication, path, said, request.query_params.get("over", ""))
    told = {**_as_json(saved.issue_file), "written": saved.is_written}
    if saved.is_written:
        return JSONResponse(told)
    rows = folded(differences(saved.issue_file.text, said))
    shown = text(request, "differences.html", {"rows": rows, "left": "On disk now", "right": "Yours, not saved"})
    return JSONResponse({**told, "shown": shown}, status_code=409)


ROUTES = [
    Route("/issues/{slug}/edit", show),
    Route("/issues/{slug}/manuscript", issue_file),
    Route("/issues/{slug}/save", act_on_text(save), methods=["POST"]),
    Route("/issues/{slug}/typed/{tab}", act_on_text(typed), methods=["POST"]),
    Route("/issues/{slug}/typed/{tab}/problems", typed_problems),
    Route("/issues/{slug}/typed/{tab}/view/{view}", typed_view),
]
