"""Give every column of a file its meaning, or stop the import with all that is unclear.

A person's word (`--map`, `--ignore`) comes first, then what is known of the platform, then our own names of columns,
then what a name or its cells say about consent; what is left are fields.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from newsletter.config import PublicationSettings
from newsletter.config.fields import BUILT_IN, READER_COLUMNS, check_name
from newsletter.subscribers.csv import column_name
from newsletter.subscribers.importers.answers import STRONG, ConsentAnswer, Reading, fold, said
from newsletter.subscribers.importers.cells import clean, field_name
from newsletter.subscribers.importers.column_names import ADDRESS, ALIASES
from newsletter.subscribers.importers.consent_columns import Kind, consent_column
from newsletter.subscribers.importers.options import ImportOptions, column_key, ignore_line, map_line
from newsletter.subscribers.importers.platform import FULL_NAME, JSON_FIELDS, PLAIN, SKIP, Platform

_TWICE = "Of two columns for one thing, rename one, or leave it out with --ignore."
_MOST_VALUES = 12
"""Values of a column that a message shows."""


@dataclass(kw_only=True)
class FileColumns:
    """The meaning of a file's columns, each by its position."""

    email: int = -1
    built_in: list[tuple[str, int]] = field(default_factory=list)
    fields: list[tuple[str, int]] = field(default_factory=list)
    full_name: int | None = None
    status: int | None = None
    """Our own column `status`."""
    lists: int | None = None
    tags: list[int] = field(default_factory=list)
    objects: list[int] = field(default_factory=list)
    """Columns with JSON objects."""
    consent: list[tuple[str, int, Reading]] = field(default_factory=list)
    """Columns about consent: title, position, reading."""
    evidence: list[tuple[str, int]] = field(default_factory=list)
    watched: list[tuple[str, int]] = field(default_factory=list)
    """Columns that are about consent should a cell say so: title, position."""
    left_out: list[str] = field(default_factory=list)
    """Titles of columns that are not imported, besides those of the platform's bookkeeping."""

    @property
    def field_names(self) -> list[str]:
        """The fields of readers that columns became, in the order of the columns."""
        placed = [(at, name) for name, at in (*self.built_in, *self.fields)]
        if self.full_name is not None:
            placed += [(self.full_name, "first_name"), (self.full_name, "last_name")]
        return [name for _at, name in sorted(placed)]


class ColumnProblem(NamedTuple):
    """A mistake in a column, and the way on."""

    message: str
    at: int | None = None
    """Its position; None when it is about the header."""
    hint: str = ""


class ColumnsRefused(ValueError):  # noqa: N818 - raised up to the import, which says it as its own
    """Raised for columns that a person must decide about; has everything that is wrong, and the ways on."""

    def __init__(self, *problems: ColumnProblem) -> None:
        super().__init__(problems[0].message)
        self.problems = problems


def file_columns(
    publication: PublicationSettings,
    titles: Sequence[str],
    platform: Platform,
    options: ImportOptions,
    sample: Sequence[Sequence[str]],
) -> FileColumns:
    """Return the meaning of the columns. Raises ColumnsRefused with everything that is unclear.

    `sample` has the cells of the first rows.
    """
    return _Resolver(publication, titles, platform, options, sample).resolve()


class _Resolver:
    """Decides about each column in turn, and collects what cannot be decided."""

    def __init__(
        self,
        publication: PublicationSettings,
        titles: Sequence[str],
        platform: Platform,
        options: ImportOptions,
        sample: Sequence[Sequence[str]],
    ) -> None:
        self._kinds = publication.config.fields
        self._publication_lists = publication.config.lists
        self._declared = {name.lower(): name for name in self._kinds}
        self._titles = [clean(title) for title in titles]
        self._platform = platform
        self._options = options
        self._sample = sample
        names = [column_name(title) for title in titles]
        self._names = [self._declared.get(name, name) for name in names]
        self._is_export = names[: len(READER_COLUMNS)] == list(READER_COLUMNS)
        self._columns = FileColumns()
        self._taken: dict[str, int] = {}
        self._double: list[tuple[int, str]] = []
        self._unclear: list[int] = []
        self._unusable: list[tuple[int, str]] = []
        self._address = self._address_name()

    def _address_name(self) -> str:
        """Return the name of the column of addresses, where the options name none."""
        if "email" in self._names:
            return "email"
        return next((name for name in self._names if name in ADDRESS), "email")

    def resolve(self) -> FileColumns:
        """Return the meaning of all columns. Raises ColumnsRefused."""
        for at in range(len(self._titles)):
            self._decide(at)
        problems = [*self._about_address(), *self._about_columns()]
        if problems:
            raise ColumnsRefused(*problems)
        return self._columns

    def _decide(self, at: int) -> None:
        name, title, key = self._names[at], self._titles[at], column_key(self._titles[at])
        options, platform = self._options, self._platform
        # A file of refused rows (--rejects) begins with _row and _reason, and may be imported as it is.
        if not name or (name.startswith("_") and key not in options.named):
            return
        if key in options.ignored:
            self._columns.left_out.append(title)
        elif key in options.readings:
            self._columns.consent.append((title, at, options.readings[key]))
        elif key in options.targets:
            self._take(at, options.targets[key])
        elif name in platform.consent or name in platform.evidence or name in platform.columns:
            self._of_platform(at, name)
        else:
            self._by_name(at, name)

    def _of_platform(self, at: int, name: str) -> None:
        platform = self._platform
        if key := platform.evidence.get(name):
            self._columns.evidence.append((key, at))
        if reading := platform.consent.get(name):
            self._columns.consent.append((self._titles[at], at, reading))
        target = platform.columns.get(name, SKIP)
        if target != SKIP:
            self._take(at, target)

    def _by_name(self, at: int, name: str) -> None:
        own = name in READER_COLUMNS and (self._platform is PLAIN or READER_COLUMNS[name].kind != "consent")
        if name == self._address or own:
            self._take(at, "email" if name == self._address else name)
        elif name in self._kinds:
            self._take(at, name)
        elif name in ALIASES and ALIASES[name] not in self._names and self._fits(at, ALIASES[name]):
            self._take(at, ALIASES[name])
        elif name == "time_zone" and "timezone" not in self._names:
            # As a field it would be ignored by sending at each reader's own time, and nothing would say so.
            shown = ", ".join(f'"{_short(cell)}"' for cell in self._cells(at)[:_MOST_VALUES])
            zone = "write one as Europe/Berlin"
            self._unusable.append((at, f'the column "{self._titles[at]}" names no time zones: {shown}; {zone}'))
        else:
            self._by_meaning(at, name)

    def _fits(self, at: int, target: str) -> bool:
        """Tell whether a column that is named like one of ours has its values: any zone, any language, only lists."""
        cells = self._cells(at)
        if target == "lists":
            lists = self._publication_lists
            return self._platform is PLAIN and all(part.strip() in lists for cell in cells for part in cell.split(","))
        if target not in ("timezone", "language"):
            return True
        return not cells or any(_is_read(READER_COLUMNS[target].parse, cell) for cell in cells)

    def _by_meaning(self, at: int, name: str) -> None:
        """Decide about a column that nobody knows: by what its name, then by what its cells say about consent."""
        title, column = self._titles[at], consent_column(self._titles[at])
        match column.kind:
            case Kind.CONSENT:
                self._read(at, column.reading)
            case Kind.EVIDENCE:
                self._columns.evidence.append((field_name(title), at))
                if column.reading.yes:
                    self._read(at, column.reading)
            case Kind.ELSEWHERE:
                self._columns.left_out.append(title)
            case Kind.UNCLEAR:
                self._unclear.append(at)
            case Kind.OTHER if not self._is_export and any(STRONG.fullmatch(fold(cell)) for cell in self._cells(at)):
                self._unclear.append(at)
            case Kind.OTHER if self._platform is not PLAIN and name in READER_COLUMNS:
                self._columns.left_out.append(title)
            case Kind.OTHER:
                self._take(at, name)
                if not self._is_export:
                    self._columns.watched.append((title, at))

    def _read(self, at: int, reading: Reading) -> None:
        """Take a column about consent, if any of its cells is understood."""
        cells = self._cells(at)
        if cells and not any(reading.answer(cell) for cell in cells):
            self._unclear.append(at)
        else:
            self._columns.consent.append((self._titles[at], at, reading))

    def _cells(self, at: int) -> list[str]:
        """Return the different cells of the sample, without empty ones, in their order."""
        cells = dict.fromkeys(clean(row[at]) for row in self._sample if len(row) > at)
        return [cell for cell in cells if cell]

    def _take(self, at: int, target: str) -> None:
        columns = self._columns
        if target not in ("tags", JSON_FIELDS) and target in self._taken:
            self._double.append((at, self._twice(target, self._taken[target], at)))
            return
        self._taken[target] = at
        if target == "email":
            columns.email = at
        elif target == FULL_NAME:
            columns.full_name = at
        elif target == JSON_FIELDS:
            columns.objects.append(at)
        elif target == "tags":
            columns.tags.append(at)
        elif target in ("status", "lists"):
            setattr(columns, target, at)
        elif target in BUILT_IN:
            columns.built_in.append((target, at))
        else:
            self._field(at, target)

    def _field(self, at: int, name: str) -> None:
        try:
            check_name(name)
        except ValueError as error:
            self._unusable.append((at, str(error)))
            return
        self._columns.fields.append((name, at))

    def _twice(self, target: str, first: int, second: int) -> str:
        if self._names[first] == self._names[second]:
            return f'two columns are named "{self._names[second]}"'
        return f'two columns are for "{target}": "{self._titles[first]}" and "{self._titles[second]}"'

    def _about_address(self) -> list[ColumnProblem]:
        if self._columns.email >= 0:
            return []
        listed = ", ".join(_short(title) for title in self._titles[:20] if title)
        likely = [at for at in range(len(self._titles)) if _are_addresses(self._cells(at))]
        known = ", ".join(READER_COLUMNS)
        hint = f"The first row names the columns: {known}, or fields of your own."
        if self._is_reader():
            hint = (
                "The first row is a reader: put a row that names the columns before it; a file of"
                " Sendy has none: --from sendy"
            )
        elif likely:
            ways = " or ".join(map_line(self._titles[at], "email") for at in likely[:3])
            hint = f"Addresses stand in another column: {ways}"
        return [ColumnProblem(f'no column is named "email"; columns: {listed}', hint=hint)]

    def _is_reader(self) -> bool:
        """Tell whether the first row is no header."""
        return self._columns.email < 0 and any("@" in title for title in self._titles)

    def _about_columns(self) -> list[ColumnProblem]:
        """Return what is wrong with each column, in their order; the last has the ways on for all."""
        wrong = [*self._double, *((at, self._unclear_words(at)) for at in self._unclear), *self._unusable]
        if not wrong or self._is_reader():
            return []
        *problems, last = (ColumnProblem(message, at) for at, message in sorted(wrong))
        return [*problems, last._replace(hint=self._hint())]

    def _hint(self) -> str:
        lines = []
        if ways := [*self._ways_of_unclear(), *self._ways_of_unusable()]:
            lines = ["Say what they mean, or leave them out:", *(f"  {way}" for way in ways)]
        if self._double:
            lines.append("Rename one of them, or leave one out." if not ways else _TWICE)
        if len(self._unusable) > 1:
            lines.append("A column whose name begins with _ is skipped.")
        return "\n  ".join(lines)

    def _ways_of_unclear(self) -> list[str]:
        return [way for at in self._unclear for way in self._ways(at)]

    def _ways_of_unusable(self) -> list[str]:
        ways = []
        for at, _why in self._unusable:
            name = field_name(self._titles[at])
            usable = name and name not in self._taken and name not in READER_COLUMNS
            ways += [map_line(self._titles[at], name)] if usable else []
            ways += [ignore_line(self._titles[at])]
        return ways

    def _unclear_words(self, at: int) -> str:
        cells = self._cells(at)
        shown = ", ".join(f'"{_short(cell)}"' for cell in cells[:_MOST_VALUES]) or "none in the first rows"
        more = ", ..." if len(cells) > _MOST_VALUES else ""
        what = "may say who must not be mailed, and is not understood"
        return f'the column "{self._titles[at]}" {what}; values: {shown}{more}'

    def _ways(self, at: int) -> list[str]:
        title, cells = self._titles[at], self._cells(at)
        pairs = [f"{cell}={_meant(cell)}" for cell in cells[:_MOST_VALUES] if len(cell) <= 60]
        pairs += ["*=pending"] if len(pairs) < len(cells) or not cells else []
        written = io.StringIO()
        csv.writer(written, lineterminator="").writerow(pairs)
        ways = [map_line(title, f"status:{written.getvalue()}"), ignore_line(title)]
        return ways if cells else ways[1:]


def _meant(cell: str) -> str:
    """Return a status for a value that never is the opposite of what it says: pending where that is unclear."""
    answer = said(cell)
    if answer is None or answer is ConsentAnswer.NOTHING:
        return "pending"
    return str(answer.status)


def _is_read(parse: Callable[[str], str], cell: str) -> bool:
    try:
        parse(cell)
    except ValueError:
        return False
    return True


def _are_addresses(cells: Sequence[str]) -> bool:
    return bool(cells) and all(re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", cell) for cell in cells[:20])


def _short(text: str) -> str:
    visible = "".join(sign if sign.isprintable() else " " for sign in text[:60])
    return visible if len(text) <= 60 else f"{visible}..."
