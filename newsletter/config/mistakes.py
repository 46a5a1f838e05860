"""Find every mistake that the settings' classes refuse, so that one run names all of them.

msgspec stops at the first mistake. So what is wrong is taken out, and the rest is checked again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import msgspec

from newsletter.config.errors import MISSING, UNKNOWN, explain, required, resolve
from newsletter.errors import MOST_SHOWN, ConfigError

Settings = TypeVar("Settings")


@dataclass(frozen=True, kw_only=True)
class CheckedSettings(Generic[Settings]):
    """The settings that were read of the tables, and the mistakes in them."""

    settings: Settings | None
    """The settings without those that are wrong; None when there are none without them."""
    errors: tuple[ConfigError, ...]
    """At most MOST_SHOWN."""
    wrong_tables: frozenset[str]
    """The tables with a mistake: of what they say, something is missing in the settings."""


def convert_settings(
    raw: dict[str, Any], text: str, place: str, kind: type[Settings], check: Callable[[Any], Settings]
) -> CheckedSettings[Settings]:
    """Return the settings and all mistakes in them. What is wrong is taken out of `raw`.

    `text` is the text of the file, `place` its path as shown, `check` the conversion of `raw` to the class `kind`.
    """
    search = _Search(raw, text, place, kind, check)
    settings: Settings | None = None
    errors: list[ConfigError] = []
    while len(errors) < MOST_SHOWN:
        try:
            settings = check(raw)
            break
        except msgspec.ValidationError as error:
            errors += search.explain(str(error))
        if search.is_over:
            break
    wrong = frozenset(keys[0] for keys in search.taken if keys)
    return CheckedSettings(settings=settings, errors=tuple(errors[:MOST_SHOWN]), wrong_tables=wrong)


@dataclass
class _Search:
    """A search under way: the tables, and what was taken out of them."""

    raw: dict[str, Any]
    text: str
    place: str
    kind: type
    check: Callable[[Any], Any]
    taken: set[tuple[str, ...]] = field(default_factory=set)
    """The keys of what was taken out."""
    left: dict[tuple[str, ...], list[int]] = field(default_factory=dict)
    """Of lists that an entry was taken out of, the numbers that the others had."""
    is_over: bool = False
    """Whether nothing more can be found: what is wrong is needed."""

    def explain(self, error: str) -> Iterator[ConfigError]:
        """Yield the errors for msgspec's message, and take out what is wrong."""
        message, _, path = error.partition(" - at `$")
        keys = resolve(path.rstrip("`"), self.raw, error, self.check)
        if unknown := UNKNOWN.search(message):
            yield self._explained(error, keys)
            self._take(keys, unknown[1])
        elif missing := MISSING.search(message):
            for name in required(self.kind, keys):
                if name not in _at(self.raw, keys) and (*self._numbered(keys), name) not in self.taken:
                    yield self._explained(error.replace(f"`{missing[1]}`", f"`{name}`", 1), keys)
            self._take_last(keys)
        else:
            yield self._explained(error, keys)
            self._take_last(keys)

    def _explained(self, error: str, keys: Sequence[str]) -> ConfigError:
        return explain(error, keys, self.raw, self.text, self.place, self.kind, self._numbered)

    def _take_last(self, keys: Sequence[str]) -> None:
        if keys:
            self._take(keys[:-1], keys[-1])
        else:
            self.is_over = True

    def _take(self, keys: Sequence[str], name: str) -> None:
        """Take one setting out of the table or list at `keys`; of a list's only entry, the list."""
        container = _at(self.raw, keys)
        if isinstance(container, list) and len(container) == 1:
            self._take_last(keys)
            return
        numbered = self._numbered(keys)
        self.taken.add((*numbered, *self._numbered([*keys, name])[-1:]))
        if isinstance(container, list):
            numbers = self.left.setdefault(tuple(numbered), list(range(len(container))))
            del numbers[int(name)], container[int(name)]
        else:
            del container[name]

    def _numbered(self, keys: Sequence[str]) -> list[str]:
        """Return keys with the numbers that entries of lists have in the file."""
        numbered: list[str] = []
        for key in keys:
            numbers = self.left.get(tuple(numbered))
            numbered.append(key if numbers is None else str(numbers[int(key)]))
        return numbered


def _at(raw: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        raw = raw[int(key)] if isinstance(raw, list) else raw[key]
    return raw
