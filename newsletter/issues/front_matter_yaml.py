"""The YAML between `---` and `---` at the top of an issue: text values with their lines and columns.

Every value is one line or block of text; lists, maps, anchors and repeated keys are refused.
front_matter.py knows the keys.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from newsletter.errors import Problem

_END = re.compile(r"^(---|\.\.\.)[ \t]*$", re.MULTILINE)
_HALF = re.compile("[\ud800-\udfff]")
"""A surrogate alone, which an escape such as `\\ud800` makes where libyaml, which refuses it, is not built in."""
_YAML_BREAK = re.compile("[\n\x85\u2028\u2029]")
"""The characters that end a line for YAML 1.1 (https://yaml.org/spec/1.1/#b-char)."""
MOST_CHARACTERS = 16_384
"""Characters of the front matter, which has a line for each of a dozen keys."""
DEEPEST = 10
"""Levels of lists and maps that are read; no key has a value of more than one."""
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # five times faster, where libyaml is built in


@dataclass(frozen=True, kw_only=True)
class FrontMatterValue:
    """A value with its line and column in the file; merge tags in it are tokens."""

    text: str
    line: int
    column: int
    width: int
    """The characters of the value on its first line, without its quotes."""
    is_null: bool = False


@dataclass(frozen=True, kw_only=True)
class FrontMatter:
    """The values by key, the line and column of each key, and the line (from 0) at which the body starts."""

    values: Mapping[str, FrontMatterValue]
    places: Mapping[str, tuple[int, int]]
    body_line: int
    is_readable: bool = True
    """False when the YAML could not be read, so that no key counts."""


def split(text: str) -> tuple[str, str, int] | None:
    """Return the YAML, the body and the body's first line (from 0); None when there is no front matter."""
    opened = re.match(r"---[ \t]*\n", text)
    closed = _END.search(text, opened.end()) if opened else None
    if not opened or not closed:
        return None
    return text[opened.end() : closed.start()], text[closed.end() + 1 :], text.count("\n", 0, closed.start()) + 1


def parse_front_matter(text: str, path: str) -> tuple[FrontMatter, list[Problem]]:
    """Read the front matter of a whole file, and return it with its mistakes. Lines and columns are the text's."""
    parts = split(text)
    if parts is None:
        return _none(text, path)
    if len(parts[0]) > MOST_CHARACTERS:
        return _empty(parts[2]), [_too_long(parts[0], path)]
    try:
        # libyaml composes a tree by recursion in C: what nests too deep must be refused before, by its events.
        if (deep := _first_too_deep(parts[0])) is not None:
            hint = "Write one value for each key; quote it if it has brackets, braces or dashes."
            message = f"the front matter nests more than {DEEPEST} deep"
            return _empty(parts[2]), [_problem(message, path, *_place(deep, parts[0]), hint)]
        node = yaml.compose(parts[0], Loader=Loader)
    except yaml.MarkedYAMLError as error:
        return _empty(parts[2]), [_yaml_problem(error, parts[0], path)]
    except yaml.YAMLError as error:  # characters YAML forbids
        position = getattr(error, "position", 0)
        line = 2 + parts[0].encode()[:position].count(b"\n")
        return _empty(parts[2]), [_problem("the front matter holds a character YAML forbids", path, line, 1)]
    if node is not None and not isinstance(node, yaml.MappingNode):
        return _empty(parts[2]), [_problem("the front matter is not a list of `key: value` lines", path, 2, 1)]
    return _values(node, parts[0], path, parts[2])


def _too_long(source: str, path: str) -> Problem:
    line = source.count("\n", 0, MOST_CHARACTERS) + 2
    column = MOST_CHARACTERS - source.rfind("\n", 0, MOST_CHARACTERS)
    message = f"the front matter has {len(source):,} characters; it may have {MOST_CHARACTERS:,}"
    return _problem(message, path, line, column, 'Text belongs below the second "---".')


def _first_too_deep(source: str) -> Any:
    """Return the mark of the first list or map that stands too deep inside others; None when none does."""
    depth = 0
    for event in yaml.parse(source, Loader=Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                return event.start_mark
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return None


def _none(text: str, path: str) -> tuple[FrontMatter, list[Problem]]:
    if text.startswith("---"):
        return _empty(0), [_problem("the front matter is not closed", path, 1, 1, 'End it with a line "---".')]
    return _empty(0), [_problem("no front matter", path, 1, 1, 'Begin the file with "---", `subject: ...` and "---".')]


def _empty(body_line: int) -> FrontMatter:
    return FrontMatter(values={}, places={}, body_line=body_line, is_readable=False)


def _values(node: yaml.MappingNode | None, source: str, path: str, body_line: int) -> tuple[FrontMatter, list[Problem]]:
    values: dict[str, FrontMatterValue] = {}
    places: dict[str, tuple[int, int]] = {}
    problems: list[Problem] = []
    for key, value in node.value if node else []:
        name, place = str(key.value), _place(key.start_mark, source)
        if name in places:
            why = "Only one of the two could count."
            problems.append(_problem(f'"{name}" is set twice', path, *place, "Keep one.", width=len(name), why=why))
        places[name] = place
        # An unquoted `{{ name }}` would be a map of YAML; tags are hidden before, so that it is text.
        if isinstance(value, yaml.ScalarNode):
            values[name] = _value(value, source)
            if _HALF.search(values[name].text):
                message, why = f'"{name}" holds half a character', "Mail programs would show a black diamond."
                problems.append(_problem(message, path, *place, "Write it again.", why=why))
        else:
            problems.append(
                _problem(
                    f'"{name}" is not text',
                    path,
                    *place,
                    "Write one value; quote it if it has brackets, braces or a colon.",
                    width=len(name),
                    why="Each key has one value, and lists and tables are none.",
                )
            )
    return FrontMatter(values=values, places=places, body_line=body_line), problems


def _place(mark: yaml.Mark, source: str) -> tuple[int, int]:
    """Return line and column in the file; YAML ends a line at some characters that editors show within one."""
    breaks = [0, *(match.end() for match in _YAML_BREAK.finditer(source))]
    offset = breaks[min(mark.line, len(breaks) - 1)] + mark.column
    return source.count("\n", 0, offset) + 2, offset - source.rfind("\n", 0, offset)


def _value(node: yaml.ScalarNode, source: str) -> FrontMatterValue:
    null = node.tag == "tag:yaml.org,2002:null"
    quoted = 1 if node.style in ("'", '"') else 0
    line, column = _place(node.start_mark, source)
    end_line, end = _place(node.end_mark, source)
    if end_line != line:
        end = len(source.split("\n")[line - 2]) + 1 + quoted
    # `key:` and `key: null` both mean that the key is not set.
    return FrontMatterValue(
        text="" if null else node.value,
        line=line,
        column=column + quoted,
        width=max(1, end - column - 2 * quoted),
        is_null=null,
    )


def _yaml_problem(error: yaml.MarkedYAMLError, source: str, path: str) -> Problem:
    opened = (error.context or "").startswith(("while scanning a quoted", "while parsing a flow"))
    mark = (opened and error.context_mark) or error.problem_mark or error.context_mark  # where it began, not the end
    line, column = _place(mark, source) if mark else (1, 1)
    return _problem(
        f"the front matter is not YAML: {error.problem or error.context}",
        path,
        line,
        column,
        "Put values with colons or brackets in quotes.",
    )


_UNREAD = "Nothing between the two lines `---` can be read: not the subject, not the date, not the list."


def _problem(
    message: str, path: str, line: int, column: int, hint: str = "", *, width: int = 1, why: str = _UNREAD
) -> Problem:
    return Problem(rule="NL001", message=message, path=path, line=line, column=column, hint=hint, width=width, why=why)
