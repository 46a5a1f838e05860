"""Turn the rows of a file into entries, and say of each what it says about consent.

Who is not to be mailed according to any cell is never entered as active.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import msgspec

from newsletter.addresses import parse_address
from newsletter.config import PublicationSettings
from newsletter.config.fields import BUILT_IN, RESERVED, FieldValue, parse_built_in, parse_field
from newsletter.subscribers.csv import unguard
from newsletter.subscribers.importers.answers import STRONG, ConsentAnswer, Reading, fold, said, strongest
from newsletter.subscribers.importers.cells import (
    clean,
    clean_address,
    field_name,
    limited,
    parse_object,
    parse_statuses,
    parse_tags,
    split_name,
)
from newsletter.subscribers.importers.columns import FileColumns
from newsletter.subscribers.importers.consent_columns import Kind, consent_column
from newsletter.subscribers.writes import SubscriberEntry

_MOST_CACHED = 10_000
"""Parsed cells that are kept: files have the same few lists and tags in every row."""
_LONGEST_EVIDENCE = 500
_BARRED = (ConsentAnswer.BLOCKED, ConsentAnswer.BOUNCED, ConsentAnswer.COMPLAINED)
_MAYBE_STRONG = re.compile(
    r"unsub|opt|bounce|compl|spam|list|do.not|sub?scribed|abgemeldet|sabon|sinscri|disiscri|baja|uitges", re.IGNORECASE
)


class ImportedRow(NamedTuple):
    """The entry of a row, and its answer about consent."""

    entry: SubscriberEntry
    answer: ConsentAnswer
    """The answer of the columns about consent."""
    deciding: str
    """The cell that decided, for the evidence: `EMAIL_BLACKLISTED: Yes`."""


class EntryMaker:
    """Turns a row's cells into an entry."""

    def __init__(
        self, publication: PublicationSettings, columns: FileColumns, *, whole_file: ConsentAnswer, is_lenient: bool
    ) -> None:
        """Take the meaning of the columns; `whole_file` is what the file's name says of all rows.

        `is_lenient`: a language or time zone that is none is left out, and costs no reader: the platform wrote it.
        """
        self._lists = publication.config.lists
        self._default = publication.default_list
        self._kinds = publication.config.fields
        self._columns = columns
        self._whole_file = whole_file
        self._is_lenient = is_lenient
        self._says_nothing = not columns.consent and columns.status is None and not whole_file.says_no
        self._statuses_of: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {}
        self._tags_of: dict[str, tuple[str, ...]] = {"": ()}
        self._answers_of: list[dict[str, ConsentAnswer]] = [{} for _ in columns.consent]
        self.object_fields: dict[str, None] = {}
        """The fields that entries of JSON objects became so far, in the order in which they came."""

    def email_of(self, cells: Sequence[str]) -> str:
        """Return the cell of the address, for reports."""
        return cells[self._columns.email].strip() if len(cells) > self._columns.email else ""

    def row(self, cells: Sequence[str]) -> ImportedRow | None:
        """Return what a row says, or None when every cell is empty. Raises ValueError with all that is wrong."""
        cells = [unguard(clean(cell)) for cell in cells]
        try:
            return self._row(cells)
        except ValueError as error:
            # Only now, for most rows are good: each part by itself, so that one mistake hides no other.
            mistakes = dict.fromkeys([*self._mistakes(cells), str(error)])
            raise ValueError("; ".join(mistakes)) from error

    def _mistakes(self, cells: Sequence[str]) -> Iterator[str]:
        """Yield what is wrong with a row's address, each of its fields, its statuses and its tags."""
        columns, whole = self._columns, ConsentAnswer.NOTHING
        parts: list[Callable[[], object]] = [lambda: parse_address(clean_address(cells[columns.email]))]
        parts += [partial(parse_field, name, cells[at], self._kinds) for name, at in columns.fields if cells[at]]
        parts += [partial(parse_built_in, name, cells[at]) for name, at in self._strict() if cells[at]]
        parts += [lambda: self._statuses(cells, whole), lambda: self._answer(cells), lambda: self._tags(cells)]
        for part in parts if cells[columns.email] else parts[1:]:
            try:
                part()
            except ValueError as error:
                yield str(error)

    def _strict(self) -> Sequence[tuple[str, int]]:
        """Return the columns of built-in fields whose wrong values cost the row."""
        return () if self._is_lenient else self._columns.built_in

    def _row(self, cells: Sequence[str]) -> ImportedRow | None:
        columns = self._columns
        email = clean_address(cells[columns.email])
        if not email:
            if not any(cells):
                return None
            raise ValueError("no address")
        if columns.watched:
            self._watch(cells)
        answer, deciding = self._answer(cells)
        fields = {name: parse_field(name, cells[at], self._kinds) for name, at in columns.fields if cells[at]}
        built_in = self._built_in(cells)
        if columns.objects:
            own, more = self._of_objects(cells)
            built_in = {name: str(own.pop(name)) for name in BUILT_IN if name in own} | built_in
            fields, answer = own | fields, strongest((answer, more))
        entry = SubscriberEntry(
            email=parse_address(email),
            statuses=self._statuses(cells, answer),
            columns=built_in,
            fields=fields,
            tags=self._tags(cells),
            proof=self._proof(cells, deciding) if columns.evidence or deciding else "",
        )
        return ImportedRow(entry, answer, deciding)

    def _answer(self, cells: Sequence[str]) -> tuple[ConsentAnswer, str]:
        """Return what the row says about consent, and the cell that says no."""
        answer, deciding = self._whole_file, ""
        if self._says_nothing:
            return answer, deciding
        if answer.says_no:
            deciding = "the file's name"
        if (at := self._columns.status) is not None and (own := said(cells[at])) in _BARRED:
            answer, deciding = strongest((answer, own)), f"status: {cells[at]}"
        for (title, at, reading), known in zip(self._columns.consent, self._answers_of, strict=True):
            cell = cells[at]
            one = known.get(cell)
            if one is None:
                one = _read(title, cell, reading)
                if len(known) < _MOST_CACHED:
                    known[cell] = one
            if one is not ConsentAnswer.NOTHING and (stronger := strongest((answer, one))) is not answer:
                answer = stronger
                deciding = f"{title}: {cell}" if answer.says_no else ""
        return answer, deciding

    def _watch(self, cells: Sequence[str]) -> None:
        """Refuse a row whose cell says no in a column that is not about consent in the first rows."""
        for title, at in self._columns.watched:
            cell = cells[at]
            if cell.startswith("{") and _MAYBE_STRONG.search(cell):
                _watch_object(title, cell)
            if cell and len(cell) <= 60 and _MAYBE_STRONG.search(cell) and STRONG.fullmatch(fold(cell)):
                raise ValueError(
                    f'the column "{title}" says "{cell}"; say what it means with --map, or leave it out: --ignore'
                )

    def _statuses(self, cells: Sequence[str], answer: ConsentAnswer) -> tuple[tuple[str, str], ...]:
        columns = self._columns
        lists = "" if columns.lists is None else cells[columns.lists]
        status = "" if columns.status is None else cells[columns.status]
        statuses = self._statuses_of.get((lists, status))
        if statuses is None:
            statuses = self._statuses_of[lists, status] = parse_statuses(self._lists, self._default, lists, status)
            if len(self._statuses_of) > _MOST_CACHED:
                self._statuses_of = {}
        return limited(statuses, answer.status) if answer.says_no or answer is ConsentAnswer.PENDING else statuses

    def _built_in(self, cells: Sequence[str]) -> dict[str, str]:
        columns: dict[str, str] = {}
        if (at := self._columns.full_name) is not None and cells[at]:
            first, last = split_name(parse_built_in("first_name", cells[at]))
            columns = {"first_name": first, "last_name": last}
        for name, at in self._columns.built_in:
            if cells[at]:
                try:
                    columns[name] = parse_built_in(name, cells[at])
                except ValueError:
                    if not self._is_lenient:
                        raise
        return columns

    def _tags(self, cells: Sequence[str]) -> tuple[str, ...]:
        texts = [cells[at] for at in self._columns.tags]
        if len(texts) > 1:
            return parse_tags([",".join(text for text in texts if text)])
        cell = texts[0] if texts else ""
        tags = self._tags_of.get(cell)
        if tags is None:
            tags = self._tags_of[cell] = parse_tags([cell])
            if len(self._tags_of) > _MOST_CACHED:
                self._tags_of = {"": ()}
        return tags

    def _of_objects(self, cells: Sequence[str]) -> tuple[dict[str, FieldValue], ConsentAnswer]:
        """Return the fields of JSON objects, and what they say about consent. Raises ValueError."""
        fields: dict[str, FieldValue] = {}
        answers = [ConsentAnswer.NOTHING]
        for at in self._columns.objects:
            for title, text in parse_object(cells[at]).items():
                column = consent_column(title)
                if column.kind is Kind.CONSENT:
                    answers.append(_read(title, text, column.reading))
                elif column.kind is Kind.UNCLEAR or STRONG.fullmatch(fold(text)):
                    raise ValueError(f'"{title}": "{text[:60]}" may say that the reader must not be mailed')
                elif text and (name := self._name(title)):
                    fields[name] = self._value(name, text)
        own = {name: value for name, value in fields.items() if value != ""}
        self.object_fields.update(dict.fromkeys(own))
        return own, strongest(answers)

    def _name(self, title: str) -> str:
        """Return the field of an entry of a JSON object; empty when it is none."""
        name = field_name(title)
        name = next((own for own in self._kinds if own.lower() == name), name)
        return "" if name in RESERVED and name not in BUILT_IN else name

    def _value(self, name: str, text: str) -> FieldValue:
        if name not in BUILT_IN:
            return parse_field(name, text, self._kinds)
        try:
            return parse_built_in(name, text)
        except ValueError:
            return ""

    def _proof(self, cells: Sequence[str], deciding: str) -> str:
        evidence = {key: cells[at][:_LONGEST_EVIDENCE] for key, at in self._columns.evidence if cells[at]}
        if deciding:
            evidence["said"] = deciding[:_LONGEST_EVIDENCE]
        return msgspec.json.encode(evidence).decode() if evidence else ""


def _watch_object(title: str, cell: str) -> None:
    """Refuse a row with a JSON object that may say no. Raises ValueError."""
    try:
        entries = parse_object(cell)
    except ValueError:
        return
    for name, text in entries.items():
        if consent_column(name).kind in (Kind.CONSENT, Kind.UNCLEAR) or STRONG.fullmatch(fold(text)):
            raise ValueError(
                f'the column "{title}" says "{name}": "{text[:60]}"; leave it out with --ignore, or see --from'
            )


def _read(title: str, cell: str, reading: Reading) -> ConsentAnswer:
    answer = reading.answer(cell)
    if answer is None:
        raise ValueError(f'{title} "{cell[:60]}" is not understood; it may say that the reader must not be mailed')
    return answer
