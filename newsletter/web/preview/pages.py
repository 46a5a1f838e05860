"""Pages of the preview: its own templates, which are not a publication's to replace."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from newsletter import __version__
from newsletter.issues.templates import package_templates
from newsletter.preview.workspace import Workshop


@cache
def environment() -> Environment:
    """The templates of `templates/preview/`; all that they print is escaped."""
    found = Environment(
        loader=FileSystemLoader(package_templates() / "preview"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["sentence"] = _sentence
    return found


def _sentence(text: str) -> str:
    """With a capital, unless it begins with the name of a file."""
    return text if re.match(r"\S*[./]\S", text) else text[:1].upper() + text[1:]


def workshop_of(request: Request) -> Workshop:
    """What this preview is of."""
    found = request.app.state.workshop
    assert isinstance(found, Workshop)
    return found


def page(request: Request, template: str, values: Mapping[str, object], *, status: int = 200) -> HTMLResponse:
    """A page, or a part of one, with these values."""
    return HTMLResponse(text(request, template, values), status_code=status)


def text(request: Request, template: str, values: Mapping[str, object]) -> str:
    """The same as a text; every template knows the token, and which version this is."""
    state = request.app.state
    known = {"token": state.token, "start": state.start, "version": __version__}
    return environment().get_template(template).render({**known, **values})
