"""Parse the rules of `[segments.<name>]`, and check them against the fields that readers have.

Pure and without SQL, so that checking an issue loads no database. `subscribers/segments.py` selects readers by the
rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from newsletter.config.fields import BUILT_IN, FieldValue
from newsletter.config.publication import PublicationSettings
from newsletter.errors import ConfigError, suggestion, together
from newsletter.times import Duration

TAG_RULES = ("tags_any", "tags_all", "tags_none")
INACTIVE = "inactive"
"""The rule about readers who did nothing for a time, `inactive = "180d"`; an own field of that name comes first."""
COLUMNS = ("email", *BUILT_IN)
"""The columns of `subscriber` that rules can compare."""
_ORDER = ("at_least", "at_most", "above", "below")
_OPERATORS = {
    "text": ("not", "contains", "missing"),
    "number": ("not", *_ORDER, "missing"),
    "date": ("not", *_ORDER, "missing"),
    "boolean": ("not", "missing"),
}
_EXAMPLES = {"text": '"pro"', "number": "10", "date": "2025-01-17", "boolean": "true"}


@dataclass(frozen=True, kw_only=True)
class SegmentRule:
    """A rule of a segment; readers in the segment meet all its rules."""

    subject: str
    """`tags`, a built-in column or an own field."""
    kind: str
    """`tags`, `inactive`, `text`, `number`, `date` or `boolean`."""
    operator: str
    """`any`, `all`, `none` for tags; `for` a time of inactivity;
    `is`, `not`, `contains`, `missing`, `at_least`, `at_most`, `above`, `below`."""
    values: tuple[FieldValue, ...]
    """One value; several are possible for `any`, `all`, `none`, `is` and `not`."""


def list_named(publication: PublicationSettings, name: str | None) -> str:
    """Return the name if it is a list's, or the default list for None. Raises ConfigError for an unknown one."""
    if name is None:
        return publication.default_list
    if name not in publication.config.lists:
        raise ConfigError(f'no list is named "{name}"', hint=suggestion(name, publication.config.lists, "Lists"))
    return name


def rules_of(publication: PublicationSettings, segment: str) -> tuple[SegmentRule, ...]:
    """Return the rules of a segment of newsletter.toml. Raises ConfigError with the line."""
    known = publication.config.segments
    if segment not in known:
        hint = suggestion(segment, known, "Segments") or f"Add [segments.{segment}] to newsletter.toml."
        raise ConfigError(f'no segment is named "{segment}"', hint=hint)
    parser = _SegmentParser(publication, segment)
    return tuple(rule for key, value in known[segment].items() for rule in parser.rules(key, value))


def check_segments(publication: PublicationSettings) -> None:
    """Parse every segment. Raises NewsletterError with the first mistake of each setting."""
    errors = []
    for name, settings in publication.config.segments.items():
        parser = _SegmentParser(publication, name)
        for key, value in settings.items():
            try:
                parser.rules(key, value)
            except ConfigError as error:
                errors.append(error)
    if errors:
        raise together(errors)


class _SegmentParser:
    """A parser of one segment's rules."""

    def __init__(self, publication: PublicationSettings, segment: str) -> None:
        self.publication = publication
        self.segment = segment

    def rules(self, key: str, value: Any) -> list[SegmentRule]:
        """Return the rules of one setting of the segment."""
        if key in TAG_RULES:
            return [self._tags(key, value)]
        if key == INACTIVE and key not in self.publication.config.fields:
            return [self._inactive(value)]
        kind = self._kind(key)
        if not isinstance(value, dict):
            return [self._rule(key, kind, "is", value, [key])]
        return [self._rule(key, kind, operator, given, [key, operator]) for operator, given in value.items()]

    def _tags(self, key: str, value: Any) -> SegmentRule:
        tags = value if isinstance(value, list) else [value]
        if not tags or not all(isinstance(tag, str) and tag for tag in tags):
            raise self._error(f"{key} = {value!r}: write a list of tags", [key], f'For example: {key} = ["pro"]')
        return SegmentRule(subject="tags", kind="tags", operator=key.removeprefix("tags_"), values=tuple(tags))

    def _inactive(self, value: Any) -> SegmentRule:
        try:
            time = Duration(value) if isinstance(value, str) else None
        except ValueError:
            time = None
        if not time or not time.delta:
            raise self._error(f"inactive = {value!r}: write a time", [INACTIVE], 'For example: inactive = "180d"')
        return SegmentRule(subject=INACTIVE, kind=INACTIVE, operator="for", values=(str(time),))

    def _kind(self, key: str) -> str:
        """Return a field's kind. Raises ConfigError for an unknown field."""
        declared = self.publication.config.fields
        if key in COLUMNS or key in declared:
            return "text" if key in COLUMNS else declared[key]
        hint = suggestion(key, [*TAG_RULES, INACTIVE, *COLUMNS, *declared], "Fields and tags")
        message = f'no field is named "{key}"'
        raise self._error(message, [key], f"{hint} Own fields are declared in [fields].")

    def _rule(self, key: str, kind: str, operator: str, value: Any, keys: Sequence[str]) -> SegmentRule:
        if operator != "is" and operator not in _OPERATORS[kind]:
            hint = suggestion(operator, _OPERATORS[kind], f"For a {kind}")
            raise self._error(f'{key} cannot be compared by "{operator}"', keys, hint)
        values = value if isinstance(value, list) and operator in ("is", "not") else [value]
        wanted = "boolean" if operator == "missing" else kind
        if not values or not all(_is(wanted, each) for each in values):
            raise self._error(f"{'.'.join(keys)} = {value!r}: {key} is a {kind}", keys, f"Write {_EXAMPLES[wanted]}.")
        return SegmentRule(subject=key, kind=kind, operator=operator, values=tuple(map(_plain, values)))

    def _error(self, message: str, keys: Sequence[str], hint: str) -> ConfigError:
        place = self.publication.place("segments", self.segment, *keys)
        return ConfigError(f"[segments.{self.segment}] {message}", place=place, hint=hint)


def _is(kind: str, value: object) -> bool:
    if kind == "number":  # bool is a subclass of int
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "date":
        return _is_date(value)
    return isinstance(value, str)


def _is_date(value: object) -> bool:
    try:
        return type(value) is date or (isinstance(value, str) and bool(date.fromisoformat(value)))
    except ValueError:
        return False


def _plain(value: Any) -> FieldValue:
    """Return the value as fields keep it: a date as text, whether TOML has it bare or in quotes."""
    if isinstance(value, date):
        return value.isoformat()
    plain: FieldValue = value
    return plain
