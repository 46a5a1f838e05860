"""Read what the types of the API say of their fields: the texts below fields become descriptions for other programs."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec


def describe_fields(components: Mapping[str, dict[str, Any]], kinds: Mapping[str, type[msgspec.Struct]]) -> None:
    """Add the texts below the fields of `kinds` to the schemas with their names, where a field has none of its own."""
    for name, schema in components.items():
        texts = _texts(kinds[name]) if name in kinds else {}
        for field, text in texts.items():
            _describe(schema["properties"], field, text)


def _describe(properties: dict[str, Any], field: str, text: str) -> None:
    value = properties.get(field, {})
    if "description" not in value:
        # A reference may have a description beside it (OpenAPI 3.1 takes JSON Schema 2020-12 as it is).
        properties[field] = {**value, "description": text}


def _texts(kind: type[msgspec.Struct]) -> dict[str, str]:
    """Return the text below each field of a type and of those it extends, by the name that JSON has."""
    names = {field.name: field.encode_name for field in msgspec.structs.fields(kind)}
    by_class = [_of_module(each.__module__).get(each.__name__, {}) for each in kind.__mro__ if each is not object]
    return {names[field]: text for texts in reversed(by_class) for field, text in texts.items() if field in names}


@cache
def _of_module(name: str) -> Mapping[str, Mapping[str, str]]:
    """Return the text below each field of each class of a module."""
    if not name.startswith("newsletter."):
        return {}
    tree = ast.parse(inspect.getsource(sys.modules[name]))
    return {node.name: _of_class(node) for node in tree.body if isinstance(node, ast.ClassDef)}


def _of_class(node: ast.ClassDef) -> Mapping[str, str]:
    texts: dict[str, str] = {}
    for statement, below in zip(node.body, node.body[1:], strict=False):
        if not (isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)):
            continue
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            texts[statement.target.id] = inspect.cleandoc(str(below.value.value))
    return texts
