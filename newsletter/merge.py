"""One compiled message for many readers: segments, joined per reader.

A CompiledMessage is cut once at its open slots; what stands between is encoded once.
Per reader only the slots' values are computed, made safe for the place they stand in,
and joined. Values are data: never a template, never Markdown, never a header.
"""

from __future__ import annotations

import html as html_escapes
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from urllib.parse import quote

from newsletter.expressions import EvaluationError, Fields, compile_expression, simple, truth
from newsletter.merge_tags import Tag
from newsletter.messages import CompiledMessage
from newsletter.mime import one_line

Escape = Callable[[str], str]
_TAG = re.compile(r"<[A-Za-z/](?:[^\"'<>]|\"[^\"]*\"|'[^']*')*>")
_ATTRIBUTE = re.compile(r"([^\s\"'<>/=]+)\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s\"'>]+)")
_URL_ATTRIBUTES = {"href", "src", "action", "background", "cite", "poster", "formaction"}
_MARKUP = re.compile("[<>&\"']")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_ANGLES = re.compile(r"<[^<>\s]+>")
_CLEAN_ADDRESS = re.compile(r"https?://[A-Za-z0-9/:?#@!$()*+,;=._~%-]*", re.ASCII)
"""Nothing of it has to be changed, wherever it stands; every link that we make is one."""
_ADDRESS = re.compile(r"(?:https?://|mailto:|tel:)", re.IGNORECASE)


def clean(value: object) -> str:
    """A value as text: without control characters (Gmail clips an email at some of them), lines end in `\\n`."""
    text = value if type(value) is str else str(value)
    if text.isprintable():
        return text
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def in_html(value: str) -> str:
    """For HTML text and for attributes in either kind of quotes."""
    return html_escapes.escape(value, quote=True) if _MARKUP.search(value) else value


def in_url(value: str) -> str:
    """For a part of an address in an attribute: everything but letters, digits and `-._~` percent-encoded."""
    return quote(value, safe="")


def as_url(value: str) -> str:
    """For a value that is the whole address: only one that leads somewhere safe, else `#`."""
    if _CLEAN_ADDRESS.fullmatch(value):
        return value
    return html_escapes.escape(as_plain_url(value) or "#", quote=True)


def as_plain_url(value: str) -> str:
    """For a value that is the whole address in the text part; empty when it leads nowhere safe."""
    if _CLEAN_ADDRESS.fullmatch(value):
        return value
    value = value.strip()
    return quote(value, safe=":/?#[]@!$&'()*+,;=%-._~") if _ADDRESS.match(value) else ""


def in_style(value: str) -> str:
    """For a style attribute: what colours and lengths are made of."""
    return re.sub(r"[^\w#%., -]", "", value)


def as_text(value: str) -> str:
    """For the text part."""
    return value


def as_token(value: str) -> str:
    """For what we made of letters, digits, `-` and `_`: it is the same wherever it stands."""
    return value


@dataclass(frozen=True, kw_only=True)
class Value:
    """An open slot: an expression, and how its value is made safe where it stands."""

    expression: str
    escape: Escape


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A conditional slot, rendered as a whole: the first branch whose condition holds."""

    branches: tuple[tuple[str, Fragment], ...]
    """Condition (empty for `else`) and content."""


Fragment = tuple["str | Value | Choice", ...]
"""Text, and slots where it differs per reader."""


def html_fragment(text: str, message: CompiledMessage) -> Fragment:
    """HTML with tokens as a tree; each slot's place decides how it is made safe."""
    return _tree(list(_pieces(text, message, _Places(text, message).escape)), 0)[0]


def text_fragment(text: str, message: CompiledMessage) -> Fragment:
    """Plain text with tokens as a tree; in `<https://...>` a value is a part of an address."""
    addresses = [(found.start(), found.end()) for found in _ANGLES.finditer(text)]

    def escape(position: int) -> Escape:
        inside = next((start for start, end in addresses if start < position < end), None)
        if inside is None:
            return as_text
        return as_plain_url if _begins(text[inside + 1 : position], message) else in_url

    return _tree(list(_pieces(text, message, escape)), 0)[0]


TOKEN = "_token"
"""The merge field with a reader's token; no publication can have one of this name."""
_OF_READER = Value(expression=TOKEN, escape=as_token)
_KEEP_ADDRESSES = (as_url, as_plain_url, in_html, as_text)
"""They leave an address without special characters as it is."""


def with_addresses(tree: Fragment, addresses: Mapping[str, str]) -> Fragment:
    """The tree with addresses for the fields of that name: what is the same for all readers is no slot any more.

    A `{}` in an address is the reader's token. Where one would have to be made safe, its slot stays.
    """
    known = {name: url for name, url in addresses.items() if _CLEAN_ADDRESS.fullmatch(url.replace("{}", ""))}
    parts: list[str | Value | Choice] = []
    for part in tree:
        found = simple(part.expression) if isinstance(part, Value) and part.escape in _KEEP_ADDRESSES else None
        if isinstance(part, Choice):
            branches = ((condition, with_addresses(branch, known)) for condition, branch in part.branches)
            parts.append(Choice(branches=tuple(branches)))
        elif found and found[0] in known:
            before, slot, after = known[found[0]].partition("{}")
            parts += [before, *[_OF_READER] * bool(slot), after]
        else:
            parts.append(part)
    return _joined_texts(parts)


def _joined_texts(parts: Iterable[str | Value | Choice]) -> Fragment:
    """Neighbouring texts as one."""
    runs = groupby(parts, lambda part: isinstance(part, str))
    return tuple(one for is_text, run in runs for one in (filter(None, ["".join(map(str, run))]) if is_text else run))


def expressions_of(tree: Fragment) -> Iterator[str]:
    """The slots of a tree as their author knows them: `first_name | default("there")`, `if plan == "pro"`."""
    for part in tree:
        if isinstance(part, Value):
            yield part.expression
        elif isinstance(part, Choice):
            for condition, branch in part.branches:
                if condition:
                    yield f"if {condition}"
                yield from expressions_of(branch)


def _pieces(text: str, message: CompiledMessage, escape: Callable[[int], Escape]) -> Iterator[str | Tag | Value]:
    last = 0
    for found in message.token.finditer(text):
        yield text[last : found.start()]
        tag = Tag(source=message.tags[int(found[1])], line=0, column=0)
        yield tag if tag.is_statement else Value(expression=tag.inner, escape=escape(found.start()))
        last = found.end()
    yield text[last:]


def _tree(pieces: list[str | Tag | Value], at: int) -> tuple[Fragment, int]:
    """The parts from `at` up to the `elif`, `else` or `endif` that ends this branch, and where that stands."""
    parts: list[str | Value | Choice] = []
    while at < len(pieces):
        piece = pieces[at]
        if not isinstance(piece, Tag):
            if piece != "":
                parts.append(piece)
        elif piece.inner.startswith("if"):
            choice, at = _choice(pieces, at)
            parts.append(choice)
        else:
            break
        at += 1
    return tuple(parts), at


def _choice(pieces: list[str | Tag | Value], at: int) -> tuple[Choice, int]:
    branches: list[tuple[str, Fragment]] = []
    while True:
        opening = pieces[at]
        assert isinstance(opening, Tag)
        if opening.inner == "endif":
            return Choice(branches=tuple(branches)), at
        condition = opening.inner.partition(" ")[2].strip()
        branch, at = _tree(pieces, at + 1)
        branches.append((condition, branch))


def _begins(before: str, message: CompiledMessage) -> bool:
    """Whether an address begins after `before`: nothing but conditions, of whose branches none said a word."""
    stack: list[tuple[bool, bool]] = []
    said = False
    for index, piece in enumerate(message.token.split(before)):
        tag = Tag(source=message.tags[int(piece)], line=0, column=0) if index % 2 else None
        word = tag.inner.split(" ")[0] if tag and tag.is_statement else ""
        if word == "if":
            stack.append((said, said))
        elif word in ("elif", "else") and stack:
            start, any_said = stack[-1]
            stack[-1], said = (start, any_said or said), start
        elif word == "endif" and stack:
            said = stack.pop()[1] or said
        elif piece:
            said = True
    return not said


class _Places:
    """Where in HTML a position stands: text, an attribute, an address, a style."""

    def __init__(self, text: str, message: CompiledMessage) -> None:
        self._text = text
        self._message = message
        self._tags = [(found.start(), found.end()) for found in _TAG.finditer(text)]

    def escape(self, position: int) -> Escape:
        """How a value at this position is made safe."""
        from bisect import bisect_right

        index = bisect_right(self._tags, (position, len(self._text))) - 1
        if index < 0 or position >= self._tags[index][1]:
            return in_html
        start, end = self._tags[index]
        for found in _ATTRIBUTE.finditer(self._text, start, end):
            if found.start(2) <= position < found.end(2):
                return self._in_attribute(found, position)
        return in_html

    def _in_attribute(self, found: re.Match[str], position: int) -> Escape:
        name = found[1].lower()
        if name == "style":
            return in_style
        if name not in _URL_ATTRIBUTES:
            return in_html
        before = self._text[found.start(2) : position].lstrip("\"'")
        return as_url if _begins(before, self._message) else in_url


Render = Callable[[Fields], str]


def renderer(part: Value | Choice) -> Render:
    """A slot as a function of a reader's present fields; what fails for a reader counts as missing."""
    if isinstance(part, Choice):
        return _choice_renderer(part)
    if part is _OF_READER:
        return itemgetter(TOKEN)
    if found := simple(part.expression):
        return _simple_renderer(*found, part.escape)
    evaluate, escape = compile_expression(part.expression), part.escape

    def render(fields: Fields) -> str:
        try:
            return escape(clean(evaluate(fields)))
        except EvaluationError:
            return ""

    return render


def _simple_renderer(name: str, default: object, escape: Escape) -> Render:
    """The same in one call instead of three, for what is in every message of every reader."""

    def render(fields: Fields) -> str:
        value = fields.get(name, default)
        return escape(value if type(value) is str and value.isprintable() else clean(value))

    return render


def _choice_renderer(choice: Choice) -> Render:
    branches = [(_condition(condition), joined(branch)) for condition, branch in choice.branches]

    def render(fields: Fields) -> str:
        return next((content(fields) for holds, content in branches if holds(fields)), "")

    return render


def _condition(source: str) -> Callable[[Fields], bool]:
    if not source:
        return lambda fields: True
    holds = truth(source)

    def safely(fields: Fields) -> bool:
        try:
            return holds(fields)
        except EvaluationError:
            return False

    return safely


def joined(tree: Fragment) -> Render:
    """A whole tree as one function of a reader's fields; equal slots are computed once."""
    if all(isinstance(part, str) for part in tree):
        whole = "".join(part for part in tree if isinstance(part, str))
        return lambda fields: whole
    slots = [*dict.fromkeys(part for part in tree if not isinstance(part, str))]
    renders = [renderer(part) for part in slots]
    places = [(part, -1) if isinstance(part, str) else ("", slots.index(part)) for part in tree]

    def render(fields: Fields) -> str:
        values = [one(fields) for one in renders]
        return "".join([part if index < 0 else values[index] for part, index in places])

    return render


class Segments:
    """A fragment cut into what is the same for all and what is not; equal slots are computed once."""

    def __init__(
        self, tree: Fragment, encode: Callable[[str], bytes], encode_value: Callable[[str], bytes], seam: bytes = b""
    ) -> None:
        """`encode` and `encode_value` make bytes of the fixed and the open parts; `seam` goes between them."""
        self._template: list[bytes] = [b""]
        self._order: list[int] = []
        self._renders: list[Render] = []
        self._encode = encode_value
        self._index: dict[Value | Choice, int] = {}
        for part in tree:
            if isinstance(part, str):
                self._template[-1] += encode(part) + seam
            else:
                self._open(part, seam)

    def _open(self, part: Value | Choice, seam: bytes) -> None:
        if part not in self._index:
            self._index[part] = len(self._renders)
            self._renders.append(renderer(part))
        self._order.append(self._index[part])
        self._template += [b"", seam]

    def parts(self, fields: Fields) -> list[bytes]:
        """The bytes of one reader's copy, to be joined with whatever else the message has."""
        encode = self._encode
        values = [encode(render(fields)) for render in self._renders]
        out = self._template.copy()
        out[1::2] = [values[index] for index in self._order]
        return out


def subject_line(tree: Fragment) -> Render:
    """The subject as one function of a reader's fields: always one line."""
    render = joined(tree)
    return lambda fields: one_line(render(fields))
