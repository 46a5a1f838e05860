"""Explain a mistake in newsletter.toml with the key, the value and the line.

msgspec finds the mistake and names its path (`$.send.rate`); this module turns its message into a sentence, and finds
the line in the text, because a TOML reader keeps no lines.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from newsletter.errors import ConfigError, suggestion

UNKNOWN = re.compile(r"Object contains unknown field `(.+)`")
"""How msgspec names a key that a table may not have."""
MISSING = re.compile(r"Object missing required field `(.+)`")
"""How it names one that a table must have."""
_EXPECTED = re.compile(r"Expected `([^`]+)`, got `([^`]+)`")
_LIMIT = re.compile(r"Expected `(?:int|float)` (>=|<=) (\S+)")
_KINDS = {
    "str": "text in quotes",
    "bool": "true or false",
    "int": "a whole number",
    "object": "a table",
    "array": "a list",
    "float": "a number",
}
LONGEST_SHOWN = 100
"""Characters of a wrong value that a message repeats."""

Check = Callable[[Any], object]


def explain(
    error: str,
    keys: Sequence[str],
    raw: dict[str, Any],
    text: str,
    place: str,
    kind: type,
    in_file: Callable[[Sequence[str]], Sequence[str]],
) -> ConfigError:
    """Return the ConfigError for msgspec's message `error` about the setting of `raw` at `keys`.

    `text` is the text of the file, `place` its path as shown, `kind` the Struct of the whole file. `in_file` returns
    the keys in the file of what has these keys in `raw`.
    """
    message = error.partition(" - at `$")[0]
    if unknown := UNKNOWN.search(message):
        line = locate(text, [*in_file(keys), unknown[1]])
        hint = suggestion(unknown[1], _known(kind, keys), "Keys" if keys else "Sections")
        return ConfigError(f'{_section(keys)}no setting is named "{unknown[1]}"', place=f"{place}:{line}", hint=hint)
    if missing := MISSING.search(message):
        return ConfigError(f'{_section(keys)}"{missing[1]}" is missing', place=f"{place}:{locate(text, in_file(keys))}")
    sentence = _value_message(message, keys, raw, _choices(kind, keys))
    return ConfigError(sentence, place=f"{place}:{locate(text, in_file(keys))}")


def locate(text: str, keys: Sequence[str]) -> int:
    """Return the line (from 1) that sets `keys` in the TOML `text`, or else that of its table, or else 1."""
    # Line by line, without a TOML parser: good enough for messages, and wrong only inside multi-line strings.
    table: list[str] = []
    arrays: Counter[str] = Counter()
    best, depth = 1, 0
    for number, line in enumerate(text.splitlines(), start=1):
        here = _keys_of(line, table)
        if line.lstrip().startswith("[["):
            here = [*here, str(arrays[".".join(here)])]
            arrays[".".join(here[:-1])] += 1
        if line.lstrip().startswith("["):
            table = here
        matched = _common(here, keys)
        if matched > depth and matched >= min(len(here), len(keys)):
            best, depth = number, matched
    return best


def resolve(path: str, raw: Any, error: str, check: Check) -> list[str]:
    """Return the keys of a msgspec path; `[...]`, which hides a key, becomes the key that fails by itself."""
    keys: list[str] = []
    for part in re.findall(r"\.([^.\[]+)|\[(\.\.\.|\d+)\]", path):
        keys.append(part[0] or (_failing(keys, raw, error, check) if part[1] == "..." else part[1]))
    return keys


def _failing(keys: list[str], raw: Any, error: str, check: Check) -> str:
    """Return the key of the first entry of the table at `keys` that makes `error`."""
    table = _at(raw, keys)
    names = [*table]

    def fails(number: int) -> bool:
        """Tell whether the table's first entries, so many, make the error."""
        try:
            check(_replaced(raw, keys, {name: table[name] for name in names[:number]}))
        except msgspec.ValidationError as failure:
            return str(failure) == error
        return False

    # Entries are checked in their order: by halves, since there may be thousands.
    number = bisect_left(range(len(names)), True, key=fails)
    return str(names[number - 1] if number else names[-1])


def _at(raw: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        raw = raw[int(key)] if isinstance(raw, list) else raw[key]
    return raw


def _replaced(raw: dict[str, Any], keys: Sequence[str], value: Any) -> Any:
    return {**raw, keys[0]: _replaced(raw[keys[0]], keys[1:], value)} if keys else value


def _section(keys: Sequence[str]) -> str:
    """Return the header of the table at `keys` and a space: `[send] `, of an array of tables `[[webhooks]] `."""
    names = [key for key in keys if not key.isdigit()]
    header = f"[{'.'.join(names)}]" if names else ""
    return f"[{header}] " if keys[1:] and keys[1].isdigit() else f"{header} " * bool(names)


def _value_message(message: str, keys: Sequence[str], raw: Any, choices: Sequence[str]) -> str:
    expected = _EXPECTED.search(message)
    if choices:
        shown, name = _shown(_at(raw, keys)), next(key for key in reversed(keys) if not key.isdigit())
        table = keys[: len(keys) - 1 - keys[::-1].index(name)]
        return f"{_section(table)}{name} = {shown}: write one of {', '.join(choices)}"
    if limit := _LIMIT.search(message):
        most = "at least" if limit[1] == ">=" else "at most"
        return f"{_section(keys[:-1])}{keys[-1]} = {_shown(_at(raw, keys))}: write {most} {limit[2]}"
    if not expected:
        return f"{_section(keys[:-1])}{keys[-1]}: {message}" if keys else message
    wanted = " or ".join(_KINDS.get(word.strip(), word.strip()) for word in expected[1].split("|"))
    return f"{_section(keys[:-1])}{keys[-1]} = {_shown(_at(raw, keys))}: write {wanted}"


def _shown(value: Any) -> str:
    """Return a value as TOML's reader has it, cut where it is long."""
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def _choices(kind: Any, keys: Sequence[str]) -> list[str]:
    """Return the values that the setting at `keys` may have, if they are a few words."""
    for key in keys:
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            names = {field.encode_name: field.name for field in msgspec.structs.fields(kind)}
            kind = get_type_hints(kind)[names[key]]
        else:
            kind = next((part for part in reversed(get_args(kind)) if part is not Ellipsis), None)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return [str(choice) for choice in kind]
    return [str(choice) for choice in get_args(kind)] if get_origin(kind) is Literal else []


def required(kind: type, keys: Sequence[str]) -> list[str]:
    """Return the settings that the table at `keys` must have."""
    fields = msgspec.structs.fields(_struct(kind, keys))
    return [field.encode_name for field in fields if field.required]


def _known(kind: type, keys: Sequence[str]) -> list[str]:
    """Return the settings that the table at `keys` may have."""
    return [field.encode_name for field in msgspec.structs.fields(_struct(kind, keys))]


def _struct(kind: type, keys: Sequence[str]) -> type:
    """Return the Struct of the table at `keys`."""
    for key in keys:
        hints = get_type_hints(kind)
        named = {field.encode_name: hints[field.name] for field in msgspec.structs.fields(kind)}
        kind = named.get(key, kind)
        if parts := [part for part in get_args(kind) if part is not Ellipsis]:
            return _struct(parts[-1], keys[2:])
    return kind


def _keys_of(line: str, table: Sequence[str]) -> list[str]:
    """Return the keys that a line of TOML sets: a header's, or the table's and the assignment's; or none."""
    line = line.strip()
    if line.startswith("["):
        return _dotted(line.strip("[] \t").split("]")[0])
    if "=" in line and not line.startswith("#"):
        return [*table, *_dotted(line.split("=", 1)[0])]
    return []


def _dotted(text: str) -> list[str]:
    return [part.strip().strip("\"'") for part in text.split(".")]


def _common(left: Sequence[str], right: Sequence[str]) -> int:
    """Return how many keys the two have in common from the start."""
    differing = (i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b)
    return next(differing, min(len(left), len(right)))
