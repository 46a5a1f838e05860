"""Write the OpenAPI 3.1 document of the API from its operations and the types that read requests."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from newsletter import __version__
from newsletter.config import PublicationSettings
from newsletter.web.api.field_docs import describe_fields
from newsletter.web.api.operations import PATH_PARTS, PREFIX, Operation
from newsletter.web.api.problems import KINDS, MEDIA_TYPE, ProblemDocument
from newsletter.web.api.reading import KEY_PATTERN

_TEMPLATE = "#/components/schemas/{name}"
_ALWAYS = (400, 401, 403, 422, 429, 503)
"""Statuses that every operation may refuse a request with."""
_WRITES = (409, 410)
_BODIES = (408, 413, 415)
_PROBLEM = {MEDIA_TYPE: {"schema": {"$ref": _TEMPLATE.format(name="ProblemDocument")}}}
_WAITING = (429, 503)
"""Statuses with a Retry-After."""


def document(publication: PublicationSettings, operations: Sequence[Operation]) -> dict[str, Any]:
    """Return the document, as msgspec encodes it."""
    kinds = [kind for operation in operations for kind in (operation.body, *operation.answers.values())]
    types = [kind for kind in kinds if kind not in (None, bytes)]
    _schemas, components = msgspec.json.schema_components([*types, ProblemDocument], ref_template=_TEMPLATE)
    describe_fields(components, _structs(operations))
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        path = paths.setdefault(f"{PREFIX}{operation.path}", {})
        path[operation.method.lower()] = _operation(operation, operations)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{publication.config.publication.name}: newsletter API",
            "version": __version__,
            "description": "Readers, issues and campaigns of one publication, for other programs.",
        },
        "servers": [{"url": str(publication.config.publication.url)}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "`nlk_...`"}},
        },
    }


def _structs(operations: Sequence[Operation]) -> dict[str, type[Struct]]:
    """Return the types in the files of these operations, by name."""
    modules = {(operation.run or operation.prepare).__module__ for operation in operations} | {
        ProblemDocument.__module__
    }
    values = [value for name in modules for value in vars(sys.modules[name]).values()]
    return {value.__name__: value for value in values if isinstance(value, type) and issubclass(value, Struct)}


def _operation(operation: Operation, operations: Sequence[Operation]) -> dict[str, Any]:
    described = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": _description(operation),
        "tags": [operation.path.split("/")[1]],
        "security": [{"key": [operation.scope.value]}],
        "parameters": [*_path_parameters(operation), *_query_parameters(operation), *_headers(operation)],
        "responses": {**_answers(operation, operations), **_refusals(operation)},
    }
    if operation.body is not None:
        content = {media_type: {"schema": _body(operation.body, media_type)} for media_type in operation.media_types}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _description(operation: Operation) -> str:
    needs = f"Needs the scope `{operation.scope}`."
    command = f"The command for it: `{operation.command}`." if operation.command else ""
    return "\n\n".join(part for part in (operation.description, needs, command) if part)


def _schema(kind: Any) -> dict[str, Any]:
    (schema,), _components = msgspec.json.schema_components([kind], ref_template=_TEMPLATE)
    return schema


def _body(kind: Any, media_type: str) -> dict[str, Any]:
    if kind is not bytes:
        return _schema(kind)
    return {"type": "string"} if media_type.startswith("text/") else {"type": "string", "format": "binary"}


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": PATH_PARTS[name],
            "schema": {"type": "string", "minLength": 1},
        }
        for name in re.findall(r"{(\w+)}", operation.path)
    ]


def _query_parameters(operation: Operation) -> list[dict[str, Any]]:
    schema = msgspec.json.schema(operation.query)
    (described,) = schema["$defs"].values()
    parameters = []
    for name, value in described["properties"].items():
        description = value.pop("description", "")
        about = {"description": description} if description else {}
        needed = name in described.get("required", ())
        parameters.append({"name": name, "in": "query", "required": needed, **about, "schema": value})
    return parameters


def _headers(operation: Operation) -> list[dict[str, Any]]:
    if not operation.writes:
        return []
    about = "A word of your own for this request. Sent again with the same word, it is done once, for 24 hours."
    schema = {"type": "string", "pattern": KEY_PATTERN}
    return [{"name": "Idempotency-Key", "in": "header", "required": False, "description": about, "schema": schema}]


def _answers(operation: Operation, operations: Sequence[Operation]) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for status, kind in operation.answers.items():
        answer: dict[str, Any] = {"description": "Done" if operation.writes else "The answer"}
        if kind is not None:
            answer["content"] = {"application/json": {"schema": _schema(kind)}}
        if links := _links(operation, kind, operations):
            answer["links"] = links
        answers[str(status)] = answer
    return answers


def _links(operation: Operation, kind: Any, operations: Sequence[Operation]) -> dict[str, Any]:
    """Return the operations about what a request has made: those whose path goes on with its number."""
    if operation.method != "POST" or "id" not in getattr(kind, "__struct_fields__", ()):
        return {}
    about = re.compile(rf"{re.escape(operation.path)}/{{(\w+)}}(/\w+)?")
    named = [(match[1], each.name) for each in operations if (match := about.fullmatch(each.path))]
    return {name: {"operationId": name, "parameters": {part: "$response.body#/id"}} for part, name in named}


def _refusals(operation: Operation) -> dict[str, Any]:
    statuses = {*_ALWAYS, *operation.refusals}
    statuses |= {404} if "{" in operation.path else set()
    statuses |= set(_WRITES) if operation.writes else set()
    statuses |= set(_BODIES) if operation.body is not None else set()
    return {str(status): _refusal(status) for status in sorted(statuses)}


def _refusal(status: int) -> dict[str, Any]:
    titles = [title for known, title in KINDS.values() if known == status]
    answer: dict[str, Any] = {"description": "; or ".join(titles), "content": _PROBLEM}
    if status in _WAITING:
        schema = {"type": "integer", "minimum": 1}
        answer["headers"] = {"Retry-After": {"description": "Seconds", "required": True, "schema": schema}}
    return answer
