"""JSON Schema (draft 2020-12) of front matter and of newsletter.toml, for editors.

An editor's schema only helps to write: parse.py and `config` decide, and the tests hold one against the other.
With a publication, its lists, segments and templates are the only values; without one any name is allowed.

The schema of the settings is written from msgspec's type information, not by `msgspec.json.schema`: that fails
on a default of a type of ours (`Rate`, `Duration`), because it encodes defaults without a hook (msgspec 0.21).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import inspect

from newsletter.addresses import Mailbox
from newsletter.config import Config, HexColour, PublicationSettings, WebAddress
from newsletter.issues.templates import package_templates, template_names
from newsletter.rates import Rate
from newsletter.times import Duration

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_PAGE = "configuration.md"
_DAY = r"\d{4}-\d{2}-\d{2}"
_TIME = rf"{_DAY}[ T]\d{{2}}:\d{{2}}(:\d{{2}})?(\s*(Z|[+-]\d{{2}}:?\d{{2}}|[A-Za-z][A-Za-z0-9_+/-]*))?"
_LINE = ["string", "number", "boolean", "null"]
"""The types of a line of text: YAML reads `2025` as a number, and front matter takes its text."""


def _key(description: str, kind: str | list[str] | None = None, pattern: str = "") -> dict[str, Any]:
    schema: dict[str, Any] = {"description": description, "type": kind or ["string", "null"]}
    return {**schema, "pattern": pattern} if pattern else schema


_KEYS: Mapping[str, Mapping[str, Any]] = {
    "subject": _key("What inboxes show first.", ["string", "number", "boolean"], r"\S"),
    "preheader": _key("What inboxes show after the subject.", _LINE),
    "date": _key("Its day, 2025-01-17; counts more than the file name's.", pattern=rf"^\s*{_DAY}\s*$"),
    "author": _key("Who wrote it.", _LINE),
    "list": _key("Whose readers get it: a [lists.NAME] of newsletter.toml."),
    "segment": _key("Which of them: a [segments.NAME] of newsletter.toml."),
    "send_at": _key(
        "When to send: 2025-01-17 07:00, in the publication's time zone; add another, or `local` for each reader's.",
        pattern=rf"^\s*({_TIME}\s*)?$",
    ),
    "template": _key("Another layout: templates/NAME.mjml."),
    "signup": _key("false leaves out the block that invites new readers.", ["boolean", "null"]),
    "archive": _key("false keeps the issue off the web: no page, no feed.", ["boolean", "null"]),
    "kind": _key("welcome: sent by `newsletter serve` to each reader who joins.", ["string", "null"]),
    "after": _key("How long after joining a welcome is sent: 2d.", ["string", "null"]),
}
_KINDS: Mapping[type, Mapping[str, Any]] = {
    WebAddress: {"pattern": r"^(https://[^\s/]+(/\S*)?|http://(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?(/\S*)?)$"},
    HexColour: {"pattern": "^#[0-9A-Fa-f]{6}$", "format": "color-hex"},
    Duration: {"pattern": r"^(off|\s*\d{1,9}\s*[smhd]\s*)$"},
    Rate: {"pattern": r"^(off|\s*0*[1-9]\d*\s*/\s*[smhd]\s*)$"},
    ZoneInfo: {"examples": ["UTC", "Europe/Berlin", "America/New_York"]},
    Mailbox: {"pattern": "@", "examples": ["Daily Inference <daily@news.example.com>"]},
}
"""The patterns and examples of settings whose type is ours; all are text in TOML."""

_PLAIN: Mapping[type, Mapping[str, Any]] = {
    inspect.StrType: {"type": "string"},
    inspect.BoolType: {"type": "boolean"},
    inspect.FloatType: {"type": "number"},
}


def issue_schema(publication: PublicationSettings | None) -> dict[str, Any]:
    """Return the schema of the front matter of an issue."""
    keys = {name: dict(rules) for name, rules in _KEYS.items()}
    if publication:
        known: dict[str, Iterable[str]] = {
            "list": publication.config.lists,
            "segment": publication.config.segments,
            "template": template_names(publication),
        }
        for name, values in known.items():
            keys[name]["enum"] = [*sorted(values), None]
    return {
        "$schema": DIALECT,
        "title": "The front matter of an issue",
        "type": "object",
        "properties": keys,
        "required": ["subject"],
        "additionalProperties": False,
    }


def config_schema() -> dict[str, Any]:
    """Return the schema of newsletter.toml: every section and key, with type, default and explanation."""
    schema = _type(inspect.type_info(Config))
    for section, words in _explanations().items():
        table = schema["properties"][section]
        properties = table.get("properties") or table["additionalProperties"].get("properties", {})
        for key in properties.keys() & words.keys():
            properties[key]["description"] = words[key]
    schema["properties"]["lists"]["minProperties"] = 1
    return {"$schema": DIALECT, **schema, "required": ["publication", "lists"], "title": "newsletter.toml"}


def _explanations() -> dict[str, dict[str, str]]:
    """Return the explanation of each key in docs/configuration.md, by section."""
    inside = package_templates() / "starter" / _PAGE
    page = inside if inside.is_file() else package_templates().parent / "docs" / _PAGE
    explanations: dict[str, dict[str, str]] = {}
    for section, text in re.findall(
        r"^## \[(\w+)[^\n]*\n(.*?)(?=^## |\Z)", page.read_text("utf-8"), re.MULTILINE | re.DOTALL
    ):
        rows = re.findall(r"^\| (`[^|]+) \|[^|]*\| (\S.*) \|$", text, re.MULTILINE)
        explanations[section] = {key: _plain(words) for keys, words in rows for key in re.findall(r"`(\w+)`", keys)}
    return explanations


def _plain(markdown: str) -> str:
    """Return a table cell as a sentence, with the words of links and without their addresses."""
    words = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", markdown)
    return f"{words[0].upper()}{words[1:]}."


def _type(kind: inspect.Type) -> dict[str, Any]:
    """Return the schema of a type in `config`."""
    match kind:
        case inspect.StructType(cls=cls, fields=fields):
            return _table(cls, fields)
        case inspect.DictType(value_type=value):
            return {"type": "object", "additionalProperties": _type(value)}
        case inspect.VarTupleType(item_type=item):
            return {"type": "array", "items": _type(item)}
        case inspect.LiteralType(values=values):
            return {"enum": list(values)}
        case inspect.UnionType(types=types):
            return {"anyOf": [_type(each) for each in types if not isinstance(each, inspect.NoneType)]}
        case inspect.IntType(ge=least, le=most):
            limits = {"minimum": least, "maximum": most}
            return {"type": "integer", **{name: limit for name, limit in limits.items() if limit is not None}}
        case inspect.CustomType(cls=cls):
            return {"type": "string", "description": _sentence(cls), **_KINDS.get(cls, {})}
        case inspect.Metadata(type=inner):
            return _type(inner)
    return dict(_PLAIN.get(type(kind), {}))


def _table(cls: type, fields: Iterable[inspect.Field]) -> dict[str, Any]:
    properties = {field.encode_name: {**_type(field.type), **_default(field.default)} for field in fields}
    return {
        "type": "object",
        "description": _sentence(cls),
        "properties": properties,
        "required": [field.encode_name for field in fields if field.required],
        "additionalProperties": False,
    }


def _default(value: object) -> dict[str, Any]:
    """Return the default of a text, a number or a switch; a section has the defaults of its keys."""
    if isinstance(value, str | bool | int | float):
        return {"default": str(value) if isinstance(value, str) else value}
    return {"default": str(value)} if isinstance(value, ZoneInfo) else {}


def _sentence(cls: type) -> str:
    """Return the first line of a class's docstring."""
    return (cls.__doc__ or "").split("\n")[0]
