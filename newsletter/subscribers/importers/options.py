"""Read what a person says of the columns: `--map COLUMN=FIELD`, `--map COLUMN=status:VALUE=STATUS,...`, `--ignore`."""

from __future__ import annotations

import codecs
import csv
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from newsletter.config.fields import READER_COLUMNS, check_name
from newsletter.errors import ConfigError, NewsletterError, together
from newsletter.subscribers.importers.answers import ConsentAnswer, Reading, fold
from newsletter.subscribers.importers.platforms import AUTO

_MAP = re.compile(r"(?P<column>.+?)\s*=\s*(?P<target>status\s*:.*|[^=:]+)", re.DOTALL)
_ANSWERS = ("active", "pending", "unsubscribed", "bounced", "complained")
_TARGETS = {name for name, column in READER_COLUMNS.items()}


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """The choices for one import."""

    platform: str = AUTO
    targets: Mapping[str, str] = field(default_factory=dict)
    """Fields by column, as `column_key` returns its name."""
    readings: Mapping[str, Reading] = field(default_factory=dict)
    """How to read columns about consent, by column."""
    ignored: frozenset[str] = frozenset()
    encoding: str = ""
    """The encoding of the files, as Python names it; empty when they have to show it themselves."""

    @property
    def named(self) -> set[str]:
        """The columns that were named, which must exist."""
        return {*self.targets, *self.readings, *self.ignored}


def column_key(name: str) -> str:
    """Return the name by which a column is found: in any case, with spaces, hyphens and underscores alike."""
    return fold(name)


def parse_options(
    platform: str, maps: Iterable[str], ignored: Iterable[str], encoding: str | None = None
) -> ImportOptions:
    """Return the options of the command line. Raises ConfigError with all that is wrong, and what is allowed."""
    targets: dict[str, str] = {}
    readings: dict[str, Reading] = {}
    errors: list[NewsletterError] = []
    for text in maps:
        try:
            _map(text, targets, readings)
        except ConfigError as error:
            errors.append(error)
    skipped = frozenset(column_key(name) for name in ignored)
    for name in sorted(skipped & {*targets, *readings}):
        errors.append(ConfigError(f'"{name}" is named by --map and by --ignore', hint="Decide for one."))
    try:
        known_encoding = _encoding(encoding)
    except ConfigError as error:
        errors.append(error)
    if errors:
        raise together(errors)
    return ImportOptions(
        platform=platform, targets=targets, readings=readings, ignored=skipped, encoding=known_encoding
    )


def _map(text: str, targets: dict[str, str], readings: dict[str, Reading]) -> None:
    """Add what one --map says to the targets or the readings. Raises ConfigError."""
    match = _MAP.fullmatch(text.strip())
    if not match:
        raise ConfigError(f'--map "{text}" has no field', hint="Write --map COLUMN=FIELD.")
    key, target = column_key(match["column"]), match["target"].strip()
    if target.startswith("status") and ":" in target:
        readings[key] = _reading(target.partition(":")[2])
    else:
        targets[key] = _target(target)


def _encoding(name: str | None) -> str:
    """Return Python's name of an encoding of text. Raises ConfigError for one that it does not know."""
    if not name:
        return ""
    try:
        "".encode(name)  # what encodes bytes, such as base64, is no encoding of text
        return codecs.lookup(name).name
    except (LookupError, ValueError) as error:
        hint = (
            "Such as windows-1252 (Western Europe), windows-1250 (Central Europe), windows-1251 (Cyrillic), shift_jis."
        )
        raise ConfigError(f'--encoding: "{name}" is no encoding', hint=hint) from error


def _target(name: str) -> str:
    if name in _TARGETS:
        return name
    try:
        check_name(name)
    except ValueError as error:
        raise ConfigError(f"--map: {error}") from error
    return name


def _reading(text: str) -> Reading:
    """Return the reading of `true=active,false=unsubscribed`. Raises ConfigError."""
    words: dict[str, ConsentAnswer] = {}
    for pair in next(csv.reader([text], skipinitialspace=True), []):
        value, equals, answer = (part.strip() for part in pair.rpartition("="))
        if not equals or answer not in _ANSWERS:
            raise ConfigError(
                f'--map: "{pair.strip()}" gives a value no status',
                hint=f"Write status:VALUE=STATUS,...; statuses: {', '.join(_ANSWERS)}; * stands for all other values.",
            )
        words[fold(value) if value != "*" else value] = ConsentAnswer(answer)
    if not words:
        raise ConfigError("--map: status: needs values", hint="Write status:true=active,false=unsubscribed.")
    return Reading(words=words, exact=True)


def map_line(column: str, target: str) -> str:
    """Return `--map COLUMN=TARGET` as a shell takes it."""
    return f"--map {shlex.quote(f'{column}={target}')}"


def ignore_line(column: str) -> str:
    """Return `--ignore COLUMN` as a shell takes it."""
    return f"--ignore {shlex.quote(column)}"
