"""The kinds of block and their fields: what `:::name key=value` may say.

One kind, one template of the same name in `templates/blocks/`. A publication's own
kind says its fields in the first line of its template; see `kind_from_template`.
Pictures are only named here; whether they exist is asked in `pictures`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from newsletter.errors import nearest, suggestion


class Is(StrEnum):
    """What a field's value must be."""

    TEXT = "text"
    URL = "url"
    IMAGE = "image"
    WIDTH = "width"


class BodyKind(StrEnum):
    """What stands between the opening and the closing line."""

    MARKDOWN = "markdown"
    LIST = "list"
    LABEL = "label"
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class BlockKind:
    """One kind of block: its fields, and what its body is."""

    name: str
    fields: Mapping[str, Is]
    required: tuple[str, ...] = ()
    positional: str = ""
    """The field that a value without a key is."""
    body: BodyKind = BodyKind.MARKDOWN
    body_required: bool = False


@dataclass(frozen=True, kw_only=True)
class FieldValue:
    """A value and the column (from 1, in the line with tokens) where it stands."""

    text: str
    column: int


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """What is wrong in an opening line, and at which column of the text after the colons."""

    message: str
    hint: str
    column: int


def _kind(
    name: str, fields: str, *, positional: str = "", body: BodyKind = BodyKind.MARKDOWN, body_required: bool = False
) -> BlockKind:
    """`fields` is written as the documentation's table writes them: `title* url image`."""
    names = fields.split()
    return BlockKind(
        name=name,
        fields={field.rstrip("*"): _is(field.rstrip("*")) for field in names},
        required=tuple(field.rstrip("*") for field in names if field.endswith("*")),
        positional=positional,
        body=body,
        body_required=body_required,
    )


def _is(field: str) -> Is:
    named = {"url": Is.URL, "image": Is.IMAGE, "src": Is.IMAGE, "width": Is.WIDTH}
    return named.get(field, Is.TEXT)


KINDS: Mapping[str, BlockKind] = {
    kind.name: kind
    for kind in (
        _kind("article", "title* url image alt author source label"),
        _kind("news", "title", body=BodyKind.LIST, body_required=True),
        _kind("sponsor", "id name url image alt", positional="id"),
        _kind("quote", "by url", body_required=True),
        _kind("button", "url*", positional="url", body=BodyKind.LABEL, body_required=True),
        _kind("image", "src* alt* url caption width", body=BodyKind.NONE),
        _kind("signup", "heading text button", body=BodyKind.NONE),
        _kind("divider", "", body=BodyKind.NONE),
        _kind("note", "title", body_required=True),
    )
}

_DECLARED = re.compile(
    r"\{#-?\s*fields:(?P<fields>[^#;]*)(?:;\s*positional:\s*(?P<positional>\w+)\s*)?(?:;\s*body:\s*(?P<body>\w+)\s*)?-?#\}"
)
_NAME = re.compile(r"([A-Za-z][\w-]*)")
_FIELD = re.compile(
    r"""\s*(?:(?P<key>[A-Za-z_][\w-]*)=)?(?P<value>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^\s"'“”][^\s]*|(?=\s|$))"""
)
_HALF_QUOTED = re.compile(r"[\w-]+=[\"'“”‘’]")
_URL = re.compile(r"(?:https?://[^\s/]|mailto:[^\s]|tel:[+\d])", re.IGNORECASE)


def kind_from_template(name: str, template: str) -> BlockKind:
    """A publication's own kind: `{# fields: title* url image; positional: url; body: none #}` in its template.

    Without that line it has no fields and a Markdown body. Raises ValueError.
    """
    found = _DECLARED.search(template)
    if not found:
        return BlockKind(name=name, fields={})
    body = found["body"] or "markdown"
    if body not in list(BodyKind):
        raise ValueError(f'body: "{body}"; {suggestion(body, list(BodyKind), "Bodies")}')
    return _kind(name, found["fields"], positional=found["positional"] or "", body=BodyKind(body))


def split_info(info: str) -> tuple[str, str]:
    """`article title=x` to the block's name and the rest of the line."""
    found = _NAME.match(info)
    name = found[1] if found else info.split()[0]
    return name, info[len(name) :]


def read_fields(rest: str, kind: BlockKind) -> tuple[dict[str, FieldValue], list[Mistake]]:
    """The fields of an opening line, and what is wrong with them. Columns count from 1 in `rest`."""
    values: dict[str, FieldValue] = {}
    mistakes: list[Mistake] = []
    for key, value, column in _pairs(rest, mistakes):
        name = key or kind.positional
        if mistake := _refused(name, value, kind, values, column):
            mistakes.append(mistake)
        else:
            values[name] = FieldValue(text=value, column=column)
    if not mistakes:
        mistakes.extend(_wrong(kind, values))
    return values, mistakes


def _pairs(rest: str, mistakes: list[Mistake]) -> Iterator[tuple[str, str, int]]:
    position = 0
    while rest[position:].strip():
        found = _FIELD.match(rest, position)
        column = position + len(rest[position:]) - len(rest[position:].lstrip()) + 1
        if not found or found.end() == position or _HALF_QUOTED.match(found["value"]):
            mistakes.append(_unreadable(rest[column - 1 :], column))
            return
        value = found["value"]
        yield found["key"] or "", _unquoted(value), found.start("value") + 1 + (value[:1] in ('"', "'"))
        position = found.end()


def _unreadable(text: str, column: int) -> Mistake:
    if any(quote in text for quote in "“”‘’"):
        return Mistake(
            message="curly quotes do not quote a value", hint='Use straight ones: title="...".', column=column
        )
    return Mistake(
        message="a quote is not closed",
        hint='End the value with the quote it began with; inside, write \\" for ".',
        column=column,
    )


def _unquoted(value: str) -> str:
    return re.sub(r"\\([\"'\\])", r"\1", value[1:-1]) if value[:1] in ('"', "'") else value


def _refused(name: str, value: str, kind: BlockKind, values: Mapping[str, FieldValue], column: int) -> Mistake | None:
    """Why this field may not stand here, if so."""
    if not name or (name == kind.positional and name in values and f"{name}=" not in value):
        key = nearest(value, kind.fields) or next(iter(kind.fields), "")
        hint = f'Put a value with spaces in quotes: {key}="...".' if key else f'Block "{kind.name}" has no fields.'
        return Mistake(message=f'unexpected "{value}" in block "{kind.name}"', hint=hint, column=column)
    if name not in kind.fields:
        hint = suggestion(name, kind.fields, "Fields") or f'Block "{kind.name}" has no fields.'
        return Mistake(
            message=f'block "{kind.name}" has no field "{name}"', hint=hint, column=max(1, column - len(name) - 1)
        )
    if name in values:
        return Mistake(message=f'"{name}" is set twice', hint="Keep one.", column=column)
    return None


def _wrong(kind: BlockKind, values: Mapping[str, FieldValue]) -> Iterator[Mistake]:
    for name in kind.required:
        empty_allowed = name == "alt"
        if name not in values or not (values[name].text.strip() or empty_allowed):
            yield _missing(kind, name)
    if "image" in values and "alt" in kind.fields and "alt" not in values:
        yield _missing(kind, "alt")
    for name, value in values.items():
        if hint := _type_hint(kind.fields[name], value.text):
            yield Mistake(message=f'{name}: "{value.text}" is not {hint[0]}', hint=hint[1], column=value.column)
    if kind.name == "sponsor" and "id" not in values and "name" not in values:
        yield Mistake(
            message='block "sponsor" has neither an id nor a name',
            hint='Write ":::sponsor acme" for [sponsors.acme], or name="...".',
            column=1,
        )


def _missing(kind: BlockKind, name: str) -> Mistake:
    hint = 'Add alt="...", or alt="" if the picture only decorates.' if name == "alt" else f'Add {name}="...".'
    return Mistake(message=f'block "{kind.name}" has no {name}', hint=hint, column=1)


def _type_hint(is_: Is, text: str) -> tuple[str, str] | None:
    """What the value should have been and how to write it; None when it is that."""
    if is_ is Is.URL and not is_web_address(text):
        return "a web address", "Begin it with https:// (or mailto:)."
    if is_ is Is.WIDTH and not (text.isascii() and text.isdigit() and 1 <= int(text) <= 600):
        return "a width", "Write pixels, from 1 to 600."
    if is_ is Is.IMAGE and not text.strip():
        return "a picture", "Name a file of the publication, or an https:// address."
    return None


def is_web_address(text: str) -> bool:
    """`https://...`, `mailto:...`, `tel:...`, or a merge tag that becomes one."""
    return bool(_URL.match(text) or re.match(r"NL\w*M\d{5}xNL", text)) and not re.search(r"\s", text)


def unknown_block(name: str, kinds: Sequence[str]) -> str:
    """The hint for a block that does not exist."""
    return suggestion(name, kinds, "Blocks")
