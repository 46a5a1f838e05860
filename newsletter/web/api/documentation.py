"""The page that describes the API to people, made from its OpenAPI document; it loads nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jinja2 import ChainableUndefined, Environment, FileSystemLoader
from markupsafe import Markup, escape

from newsletter.issues.templates import package_templates
from newsletter.web.api.problems import KINDS


def page_and_headers(document: Mapping[str, Any]) -> tuple[str, Mapping[str, str]]:
    """Return the page as HTML, and its headers: a policy by which nothing runs and nothing is loaded."""
    folder = package_templates() / "api"
    style = (folder / "style.css").read_text(encoding="utf-8")
    environment = Environment(
        loader=FileSystemLoader(folder), autoescape=True, trim_blocks=True, undefined=ChainableUndefined
    )
    environment.filters.update(marked=_marked, type=_type)
    page = environment.get_template("documentation.html").render(
        info=document["info"],
        openapi=document["openapi"],
        server=document["servers"][0]["url"],
        style=Markup(style),  # our own file; the policy names its hash
        subjects=_subjects(document),
        schemas=document["components"]["schemas"],
        kinds=KINDS,
    )
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    rules = ("default-src 'none'", f"style-src 'sha256-{digest}'", "base-uri 'none'", "form-action 'none'")
    return page, {"Content-Security-Policy": "; ".join((*rules, "frame-ancestors 'none'"))}


def _subjects(document: Mapping[str, Any]) -> Sequence[tuple[str, Sequence[tuple[str, str, Any]]]]:
    """Return the operations by subject, in the document's order."""
    subjects: dict[str, list[tuple[str, str, Any]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            subjects.setdefault(operation["tags"][0], []).append((method.upper(), path, operation))
    return list(subjects.items())


def _marked(text: str) -> Markup:
    """Return a text as HTML, with what stands between backquotes as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _type(schema: Mapping[str, Any]) -> Markup:
    """Return the words for a schema: `text`, `list of SubscriberItem`, `number or null`."""
    return Markup("").join(_words(schema))


_NAMES = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "null": "null"}


def _words(schema: Mapping[str, Any]) -> Iterator[Markup]:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        yield Markup('<a href="#{0}">{0}</a>').format(name)
    elif "anyOf" in schema:
        yield Markup(" or ").join(_type(each) for each in schema["anyOf"])
    elif "enum" in schema:
        yield Markup(" or ").join(Markup("<code>{}</code>").format(value) for value in schema["enum"])
    elif schema.get("type") == "array":
        yield Markup("list of ") + _type(schema.get("items", {}))
    elif schema.get("type") == "object":
        yield Markup("object of ") + _type(schema.get("additionalProperties") or {})
    else:
        yield Markup(escape(_NAMES.get(schema.get("type", ""), "anything")))
