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
    """A field's value, and its place in the text that was read."""

    text: str
    column: int
    """From 1; that of the first character inside the quotes."""
    width: int
    """The characters of the value as it is written, without its quotes."""


@dataclass(frozen=True, kw_only=True)
class FieldProblem:
    """A mistake in an opening line, and its place in the text that was read."""

    message: str
    hint: str
    why: str
    column: int = 0
    """From 1; 0 for a mistake of the whole block, which points at the block's name."""
    width: int = 1
    is_of_value: bool = False
    """Tells that a field is there and has a wrong value; other mistakes leave a field out."""
    inserts: str = ""
    """The text that corrects it when it is put before the value; empty where a person must decide."""


@dataclass(frozen=True, kw_only=True)
class _WrittenField:
    """A field as it is written: its key (empty for none) with its column, and its value."""

    key: str
    key_column: int
    value: FieldValue


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


_UNREAD = "The rest of the line cannot be read, so none of its fields counts."
_MISSPELT = "A misspelt field is a setting that silently does not count."
_NO_TARGET = "A sent link cannot be corrected: whoever clicks it would find nothing."
_MISSING = {
    "alt": "Screen readers read it aloud, and readers who block pictures see it instead.",
    "image": "There would be no picture to show.",
    "src": "There would be no picture to show.",
    "title": "The title is the headline, and the words of the link.",
    "url": "A click would lead nowhere.",
}
"""What is lost where a field is missing, by the field's name."""


def read_fields(rest: str, kind: BlockKind) -> tuple[dict[str, FieldValue], list[FieldProblem]]:
    """Return the fields of an opening line and the mistakes in them. Columns count from 1 in `rest`."""
    values: dict[str, FieldValue] = {}
    problems: list[FieldProblem] = []
    for written in _written_fields(rest, problems):
        if problem := _refused(written, kind, values):
            problems.append(problem)
        else:
            values[written.key or kind.positional] = written.value
        if len(problems) >= MOST_PROBLEMS:
            break
    # On a line that could not be read, a missing field would be a mistake that follows from another.
    if not problems:
        problems.extend(_value_problems(kind, values))
    return values, problems


def _written_fields(rest: str, problems: list[FieldProblem]) -> Iterator[_WrittenField]:
    """Yield each field; stop at a text that is no field, and add the problem."""
    position = 0
    while rest[position:].strip():
        match = _FIELD.match(rest, position)
        column = position + len(rest[position:]) - len(rest[position:].lstrip()) + 1
        if not match or match.end() == position or _HALF_QUOTED.match(match["value"]):
            # After an unreadable value the rest of the line cannot be split.
            problems.append(_unreadable(rest[column - 1 :].rstrip(), column))
            return
        value = match["value"]
        is_quoted = value[:1] in ('"', "'")
        yield _WrittenField(
            key=match["key"] or "",
            key_column=match.start("key") + 1,
            value=FieldValue(
                text=_unquoted(value),
                column=match.start("value") + 1 + is_quoted,
                width=len(value) - 2 * is_quoted,
            ),
        )
        position = match.end()


def _unreadable(text: str, column: int) -> FieldProblem:
    message, hint = "a quote is not closed", 'End the value with the quote it began with; inside, write \\" for ".'
    if any(quote in text for quote in "“”‘’"):
        message, hint = "curly quotes do not quote a value", 'Use straight ones: title="...".'
    return FieldProblem(message=message, hint=hint, why=_UNREAD, column=column, width=len(text))


def _unquoted(value: str) -> str:
    return re.sub(r"\\([\"'\\])", r"\1", value[1:-1]) if value[:1] in ('"', "'") else value


def _refused(written: _WrittenField, kind: BlockKind, values: Mapping[str, FieldValue]) -> FieldProblem | None:
    """Return the reason why this field may not stand here, if there is one."""
    name = written.key or kind.positional
    if not name or (not written.key and name in values):
        key = nearest(written.value.text, kind.fields) or next(iter(kind.fields), "")
        hint = f'Put a value with spaces in quotes: {key}="...".' if key else f'Block "{kind.name}" has no fields.'
        message = f'unexpected "{written.value.text}" in block "{kind.name}"'
        why = "A value without a name belongs to no field."
        return FieldProblem(message=message, hint=hint, why=why, column=written.value.column, width=written.value.width)
    if name not in kind.fields:
        hint = suggestion(name, kind.fields, "Fields") or f'Block "{kind.name}" has no fields.'
        message, why = f'block "{kind.name}" has no field "{name}"', _MISSPELT
    elif name in values:
        message, hint, why = f'"{name}" is set twice', "Keep one.", "Only one of the two could count."
    else:
        return None
    return FieldProblem(message=message, hint=hint, why=why, column=written.key_column, width=len(written.key))


def _value_problems(kind: BlockKind, values: Mapping[str, FieldValue]) -> Iterator[FieldProblem]:
    for name in kind.required:
        # An empty alt is a statement: the picture only decorates (WCAG 2.2, technique H67).
        empty_allowed = name == "alt"
        if name not in values or not (values[name].text.strip() or empty_allowed):
            yield _missing(kind, name)
    if "image" in values and "alt" in kind.fields and "alt" not in values:
        yield _missing(kind, "alt")
    for name, value in values.items():
        if wrong := _wrong_type(kind.fields[name], value.text):
            what, hint, why = wrong
            message = f'{name}: "{value.text}" is not {what}'
            is_page = kind.fields[name] is FieldType.URL and value.text.lower().startswith("www.")
            yield FieldProblem(
                message=message,
                hint=hint,
                why=why,
                column=value.column,
                width=value.width,
                is_of_value=True,
                inserts="https://" if is_page else "",
            )
    if kind.sponsor_field and kind.sponsor_field not in values and "name" not in values:
        yield FieldProblem(
            message=f'block "{kind.name}" has neither an {kind.sponsor_field} nor a name',
            hint=f'Write ":::{kind.name} acme" for [sponsors.acme], or name="...".',
            why="Readers could not tell who pays for it.",
        )


def _missing(kind: BlockKind, name: str) -> FieldProblem:
    hint = 'Add alt="...", or alt="" if the picture only decorates.' if name == "alt" else f'Add {name}="...".'
    why = _MISSING.get(name, "The block is not complete without it.")
    return FieldProblem(message=f'block "{kind.name}" has no {name}', hint=hint, why=why)


def _wrong_type(type_: FieldType, text: str) -> tuple[str, str, str] | None:
    """Return what a wrong value should have been, how to write it, and why; None for a right one."""
    if type_ is FieldType.URL and not is_web_address(text):
        return "a web address", "Begin it with https:// (or mailto:).", _NO_TARGET
    if type_ is FieldType.WIDTH and not (text.isascii() and text.isdigit() and 1 <= int(text) <= 600):
        return "a width", "Write pixels, from 1 to 600.", "The email is 600 pixels wide."
    if type_ is FieldType.IMAGE and not text.strip():
        return "a picture", "Name a file of the publication, or an https:// address.", _MISSING["src"]
    return None


def is_web_address(text: str) -> bool:
    """Tell whether a text is `https://...`, `mailto:...`, `tel:...`, or a merge tag that becomes one."""
    # A token is a merge tag: its value is escaped for its place when it is filled in.
    return bool(_URL.match(text) or re.match(r"NL\w*M\d{5}xNL", text)) and not re.search(r"\s", text)


def unknown_block(name: str, kinds: Sequence[str]) -> str:
    """Return the hint for a block that does not exist."""
    return suggestion(name, kinds, "Blocks")
