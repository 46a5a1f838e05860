"""The opening line of a block: its name, its fields, and the problems in them.

Reads one line against the kind of block that it names; knows no issue and no files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from newsletter.errors import nearest, suggestion
from newsletter.issues.blocks import BlockKind, FieldType


@dataclass(frozen=True, kw_only=True)
class FieldValue:
    """A field's value, and its column (from 1) in the text that was read."""

    text: str
    column: int


@dataclass(frozen=True, kw_only=True)
class FieldProblem:
    """A mistake in an opening line, and its column (from 1) in the text that was read."""

    message: str
    hint: str
    column: int


MOST_PROBLEMS = 20
"""Mistakes of one opening line that are told; each is compared with every name."""
_NAME = re.compile(r"([A-Za-z][\w-]*)")
# A value is quoted, bare or missing; curly quotes match nothing, so that _unreadable can explain them.
_FIELD = re.compile(
    r"""\s*(?:(?P<key>[A-Za-z_][\w-]*)=)?(?P<value>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^\s"'“”][^\s]*|(?=\s|$))"""
)
_HALF_QUOTED = re.compile(r"[\w-]+=[\"'“”‘’]")
_URL = re.compile(r"(?:https?://[^\s/]|mailto:[^\s]|tel:[+\d])", re.IGNORECASE)


def split_info(info: str) -> tuple[str, str]:
    """Split `article title=x` into the block's name and the rest of the line."""
    match = _NAME.match(info)
    name = match[1] if match else info.split()[0]
    return name, info[len(name) :]


def read_fields(rest: str, kind: BlockKind) -> tuple[dict[str, FieldValue], list[FieldProblem]]:
    """Return the fields of an opening line and the mistakes in them. Columns count from 1 in `rest`."""
    values: dict[str, FieldValue] = {}
    problems: list[FieldProblem] = []
    for key, value, column in _pairs(rest, problems):
        name = key or kind.positional
        if problem := _refused(name, value, kind, values, column):
            problems.append(problem)
        else:
            values[name] = FieldValue(text=value, column=column)
        if len(problems) >= MOST_PROBLEMS:
            break
    # On a line that could not be read, a missing field would be a mistake that follows from another.
    if not problems:
        problems.extend(_value_problems(kind, values))
    return values, problems


def _pairs(rest: str, problems: list[FieldProblem]) -> Iterator[tuple[str, str, int]]:
    """Yield key (empty for none), value and column of each field; stop at a text that is no field."""
    position = 0
    while rest[position:].strip():
        match = _FIELD.match(rest, position)
        column = position + len(rest[position:]) - len(rest[position:].lstrip()) + 1
        if not match or match.end() == position or _HALF_QUOTED.match(match["value"]):
            # After an unreadable value the rest of the line cannot be split.
            problems.append(_unreadable(rest[column - 1 :], column))
            return
        value = match["value"]
        yield match["key"] or "", _unquoted(value), match.start("value") + 1 + (value[:1] in ('"', "'"))
        position = match.end()


def _unreadable(text: str, column: int) -> FieldProblem:
    if any(quote in text for quote in "“”‘’"):
        return FieldProblem(
            message="curly quotes do not quote a value", hint='Use straight ones: title="...".', column=column
        )
    return FieldProblem(
        message="a quote is not closed",
        hint='End the value with the quote it began with; inside, write \\" for ".',
        column=column,
    )


def _unquoted(value: str) -> str:
    return re.sub(r"\\([\"'\\])", r"\1", value[1:-1]) if value[:1] in ('"', "'") else value


def _refused(
    name: str, value: str, kind: BlockKind, values: Mapping[str, FieldValue], column: int
) -> FieldProblem | None:
    """Return the reason why this field may not stand here, if there is one."""
    if not name or (name == kind.positional and name in values and f"{name}=" not in value):
        key = nearest(value, kind.fields) or next(iter(kind.fields), "")
        hint = f'Put a value with spaces in quotes: {key}="...".' if key else f'Block "{kind.name}" has no fields.'
        return FieldProblem(message=f'unexpected "{value}" in block "{kind.name}"', hint=hint, column=column)
    if name not in kind.fields:
        hint = suggestion(name, kind.fields, "Fields") or f'Block "{kind.name}" has no fields.'
        return FieldProblem(
            message=f'block "{kind.name}" has no field "{name}"', hint=hint, column=max(1, column - len(name) - 1)
        )
    if name in values:
        return FieldProblem(message=f'"{name}" is set twice', hint="Keep one.", column=column)
    return None


def _value_problems(kind: BlockKind, values: Mapping[str, FieldValue]) -> Iterator[FieldProblem]:
    for name in kind.required:
        # An empty alt is a statement: the picture only decorates (WCAG 2.2, technique H67).
        empty_allowed = name == "alt"
        if name not in values or not (values[name].text.strip() or empty_allowed):
            yield _missing(kind, name)
    if "image" in values and "alt" in kind.fields and "alt" not in values:
        yield _missing(kind, "alt")
    for name, value in values.items():
        if hint := _type_hint(kind.fields[name], value.text):
            yield FieldProblem(message=f'{name}: "{value.text}" is not {hint[0]}', hint=hint[1], column=value.column)
    if kind.sponsor_field and kind.sponsor_field not in values and "name" not in values:
        yield FieldProblem(
            message=f'block "{kind.name}" has neither an {kind.sponsor_field} nor a name',
            hint=f'Write ":::{kind.name} acme" for [sponsors.acme], or name="...".',
            column=1,
        )


def _missing(kind: BlockKind, name: str) -> FieldProblem:
    hint = 'Add alt="...", or alt="" if the picture only decorates.' if name == "alt" else f'Add {name}="...".'
    return FieldProblem(message=f'block "{kind.name}" has no {name}', hint=hint, column=1)


def _type_hint(type_: FieldType, text: str) -> tuple[str, str] | None:
    """Return what a wrong value should have been, and how to write it; None for a right one."""
    if type_ is FieldType.URL and not is_web_address(text):
        return "a web address", "Begin it with https:// (or mailto:)."
    if type_ is FieldType.WIDTH and not (text.isascii() and text.isdigit() and 1 <= int(text) <= 600):
        return "a width", "Write pixels, from 1 to 600."
    if type_ is FieldType.IMAGE and not text.strip():
        return "a picture", "Name a file of the publication, or an https:// address."
    return None


def is_web_address(text: str) -> bool:
    """Tell whether a text is `https://...`, `mailto:...`, `tel:...`, or a merge tag that becomes one."""
    # A token is a merge tag: its value is escaped for its place when it is filled in.
    return bool(_URL.match(text) or re.match(r"NL\w*M\d{5}xNL", text)) and not re.search(r"\s", text)


def unknown_block(name: str, kinds: Sequence[str]) -> str:
    """Return the hint for a block that does not exist."""
    return suggestion(name, kinds, "Blocks")
