"""Open what is to be imported: one CSV file, or those of a zip file; find out whose export each is.

Everything that can be wrong with a file as a whole is found here, before a row is imported.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BufferedIOBase
from itertools import islice
from typing import NamedTuple

from newsletter.addresses import parse_address
from newsletter.config import PublicationSettings
from newsletter.errors import NewsletterError, nearest, together
from newsletter.subscribers.csv import CsvFile, Record
from newsletter.subscribers.files.header_places import TitlePlace, title_places
from newsletter.subscribers.importers.answers import ConsentAnswer, fold
from newsletter.subscribers.importers.archives import PackedFile, is_archive, unpacked
from newsletter.subscribers.importers.cells import clean_address
from newsletter.subscribers.importers.column_names import has_address
from newsletter.subscribers.importers.columns import (
    ColumnProblem,
    ColumnsRefused,
    FileColumns,
    file_columns,
)
from newsletter.subscribers.importers.entries import EntryMaker
from newsletter.subscribers.importers.options import ImportOptions, column_key
from newsletter.subscribers.importers.platform import PLAIN, Platform
from newsletter.subscribers.importers.platforms import AUTO, PLATFORMS, recognise
from newsletter.subscribers.importers.text_files import TextFile, open_text

_SAMPLE = 1_000
"""Rows by which columns are understood."""
_NAMED = 10
"""Left out files and columns that are named; the rest are counted."""
_LEFT_FILE = re.compile(
    r"(?P<unsubscribed>\b(?:unsub\w*|opt(?:ed)? ?outs?|abgemeldet\w*|desabonne\w*|desinscri\w*|disiscritt\w*|"
    r"uitgeschreven)\b)|(?P<bounced>\b(?:hard ?)?bounce[ds]?\b)|(?P<complained>\bcomplain\w*|\bmarked as spam\b)"
    r"|(?P<blocked>\b(?:black|block) ?list\w*|\bsuppress\w*|\bdo ?not ?(?:e ?mail|mail|contact)\b)"
)
_WITHOUT_THEM = re.compile(
    r"\b(?:no|not|non|without|minus|excl\w*|removed|deleted|clean\w*|ohne|sans|sin|senza|zonder)\b"
)
NOTHING = "Nothing was imported."
Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class ImportFile:
    """A CSV file that is ready to be imported."""

    name: str
    is_part: bool
    """Whether it comes from a zip file."""
    text: TextFile
    records: CsvFile
    entries: EntryMaker
    platform: Platform
    columns: FileColumns
    answer: ConsentAnswer
    """What its name says of all its rows."""
    size: int
    evidence: Mapping[str, str]
    """The `detail` of the source of its changes."""

    @property
    def platform_name(self) -> str:
        """The platform's name for reports; empty for a plain CSV file."""
        return "" if self.platform is PLAIN else self.platform.name

    def bytes_of(self, start: int, end: int) -> Iterator[bytes]:
        """Yield a part of the file, and go on reading where it was."""
        file = self.text.file
        while start < end:
            here = file.tell()
            file.seek(start)
            block = file.read(min(end - start, 1 << 16))
            file.seek(here)
            if not block:
                return
            start += len(block)
            yield block

    def beginning_of(self, record: Record) -> str:
        """Return the first characters of a record's line, for looking for an address."""
        head = next(self.bytes_of(record.start, min(record.end, record.start + 1_000)), b"")
        return head.decode(self.text.encoding, errors="replace")

    def raw_header(self) -> bytes:
        """Return the header as the file has it."""
        return b"".join(self.bytes_of(*self.records.raw_header))


@contextmanager
def opened(
    publication: PublicationSettings, file: BufferedIOBase, name: str, options: ImportOptions, tell: Tell
) -> Iterator[list[ImportFile]]:
    """Yield the files to import, those of readers who left first. Raises NewsletterError."""
    with ExitStack() as stack:
        try:
            is_zip = is_archive(file)
            packed, others = stack.enter_context(unpacked(file)) if is_zip else ([PackedFile(name=name, file=file)], [])
        except ValueError as error:
            raise NewsletterError(str(error), place=name, hint=NOTHING) from error
        opener = _Opener(publication, options, name, is_zip, stack)
        files, left_out = opener.open_all(packed)
        _tell_about(files, [*left_out, *others], options, tell)
        yield sorted(files, key=lambda part: not part.answer.says_no)


class _Table(NamedTuple):
    """A file of the import, with its rows if it is a table."""

    name: str
    text: TextFile | None
    rows: CsvFile | None


class _Opener:
    """Opens the files of one import."""

    def __init__(
        self, publication: PublicationSettings, options: ImportOptions, name: str, is_zip: bool, stack: ExitStack
    ) -> None:
        self._publication = publication
        self._options = options
        self._name = name
        self._is_zip = is_zip
        self._stack = stack
        self._known: set[str] = set()
        """The keys of all columns that were seen."""

    def open_all(self, packed: Iterable[PackedFile]) -> tuple[list[ImportFile], list[str]]:
        """Return the files with readers, and the names of the others. Raises NewsletterError."""
        tables = [_Table(entry.name, *self._table(entry)) for entry in packed]
        chosen = self._chosen(tables)
        if not chosen:
            raise NewsletterError("the zip file has no CSV file with readers", place=self._name, hint=NOTHING)
        errors, files = [*self._unknown_options()], []
        for entry in chosen:
            try:
                files += [self._ready(entry.name, entry.text, entry.rows)] if entry.rows else []
            except NewsletterError as error:
                errors += error.each
        if errors:
            raise _nothing_imported(errors)
        return files, [entry.name for entry in tables if all(entry is not other for other in chosen)]

    def _place(self, name: str) -> str:
        return f"{self._name}/{name}" if self._is_zip else self._name

    def _table(self, entry: PackedFile) -> tuple[TextFile | None, CsvFile | None]:
        """Return the file's encoding and header; nothing for a file of a zip file that has none."""
        try:
            text = open_text(entry.file, self._options.encoding)
            if text.file is not entry.file:
                self._stack.callback(text.file.close)
            table = self._read(text)
        except ValueError as error:
            if self._is_zip:
                return None, None
            raise NewsletterError(str(error), place=f"{self._place(entry.name)}:1", hint=NOTHING) from error
        self._known |= {column_key(title) for title in table.titles if title}
        return text, table

    def _read(self, text: TextFile) -> CsvFile:
        wanted = PLATFORMS.get(self._options.platform, PLAIN)
        table = CsvFile(text.file, encoding=text.encoding, fits=self._fits)
        if not wanted.without_header or has_address(table.header):
            return table
        at = next((at for at, title in enumerate(table.titles) if _is_address(title)), None)
        if at is None:
            return table
        names = wanted.without_header if at == 1 else [*("" for _ in range(at)), "email"]
        return CsvFile(text.file, encoding=text.encoding, columns=names)

    def _fits(self, header: Iterable[str]) -> bool:
        names = list(header)
        return has_address(names) or any(column_key(name) in self._options.named for name in names)

    def _chosen(self, tables: list[_Table]) -> list[_Table]:
        """Return the files with readers: those of a platform if there are any, else all with addresses."""
        if not self._is_zip:
            return tables
        named = [entry for entry in tables if entry.rows and self._fits(entry.rows.header)]
        platforms = [recognise(entry.rows.header, self._options.platform) for entry in named if entry.rows]
        if self._options.platform == AUTO and any(platform is not PLAIN for platform in platforms):
            return [entry for entry, platform in zip(named, platforms, strict=True) if platform is not PLAIN]
        return named

    def _unknown_options(self) -> Iterator[NewsletterError]:
        """Yield an error for each column of --map and --ignore that no file has; the last one lists the columns."""
        unknown = sorted(self._options.named - self._known)
        for name in unknown:
            near = nearest(name, self._known)
            hint = f'Did you mean "{near}"?' if near else ""
            if name == unknown[-1]:
                hint += f" Columns: {', '.join(sorted(self._known)[:30])}."
            yield NewsletterError(f'no column is named "{name}"', place=f"{self._name}:1", hint=hint.strip())

    def _refused(self, name: str, text: TextFile, table: CsvFile, error: ValueError) -> NewsletterError:
        """Return the error about a file's columns, each at its place in the header."""
        problems = error.problems if isinstance(error, ColumnsRefused) else [ColumnProblem(str(error))]
        places = title_places(text.file, text.encoding, table.delimiter, table.raw_header)
        return together(
            NewsletterError(problem.message, place=self._place_of(name, problem.at, places), hint=problem.hint)
            for problem in problems
        )

    def _place_of(self, name: str, at: int | None, places: Sequence[TitlePlace]) -> str:
        where = places[0].line if at is None or at >= len(places) else f"{places[at].line}:{places[at].column}"
        return f"{self._place(name)}:{where}"

    def _ready(self, name: str, text: TextFile | None, table: CsvFile) -> ImportFile:
        """Return a file with the meaning of its columns. Raises NewsletterError."""
        assert text is not None
        platform = recognise(table.header, self._options.platform)
        answer = _file_answer(platform, name)
        sample = [record.cells for record in islice(table, _SAMPLE) if not record.problem]
        try:
            columns = file_columns(self._publication, table.titles, platform, self._options, sample)
            if answer is ConsentAnswer.NOTHING and not columns.consent and columns.status is None:
                answer = _said_by_name(name)
            if (
                platform.needs_answer
                and answer is ConsentAnswer.NOTHING
                and not columns.consent
                and columns.status is None
            ):
                raise ColumnsRefused(ColumnProblem("it is unclear who may be mailed", hint=f"{platform.needs_answer}."))
            # Again from the beginning, for the sample was taken.
            size = text.file.seek(0, os.SEEK_END)
            nameless = table.titles if _is_headless(table) else ()
            records = CsvFile(text.file, encoding=text.encoding, fits=self._fits, columns=nameless)
        except ValueError as error:
            raise self._refused(name, text, table, error) from error
        makes = EntryMaker(self._publication, columns, whole_file=answer, is_lenient=platform is not PLAIN)
        evidence = {"file": self._name, "sha256": text.sha256}
        evidence |= {"part": name} if self._is_zip else {}
        evidence |= {"platform": platform.name} if platform is not PLAIN else {}
        return ImportFile(
            name=name,
            is_part=self._is_zip,
            text=text,
            records=records,
            entries=makes,
            platform=platform,
            columns=columns,
            answer=answer,
            size=size,
            evidence=evidence,
        )


def _nothing_imported(errors: Sequence[NewsletterError]) -> NewsletterError:
    """Return one error that says all of these, and before the last hint that nothing was imported."""
    *others, last = errors
    hint = f"{NOTHING} {last.hint}".strip()
    return together([*others, NewsletterError(last.message, place=last.place, hint=hint)])


def _is_headless(table: CsvFile) -> bool:
    return table.raw_header[0] == table.raw_header[1]


def _is_address(text: str) -> bool:
    try:
        return bool(parse_address(clean_address(text.strip())))
    except ValueError:
        return False


def _file_answer(platform: Platform, name: str) -> ConsentAnswer:
    """Return what a file's name says of all its rows."""
    fitting = (answer for pattern, answer in platform.file_answers.items() if re.search(pattern, name.lower()))
    return next(fitting, ConsentAnswer.NOTHING)


def _said_by_name(name: str) -> ConsentAnswer:
    """Return what a name such as `unsubscribed.csv` says of rows whose columns say nothing about consent."""
    words = fold(re.sub(r"\W+", " ", name.rpartition(".")[0] or name))
    match = _LEFT_FILE.search(words)
    return ConsentAnswer(match.lastgroup or "") if match and not _WITHOUT_THEM.search(words) else ConsentAnswer.NOTHING


def _tell_about(files: list[ImportFile], others: list[str], options: ImportOptions, tell: Tell) -> None:
    """Say whose export it is, and what is left out."""
    for file in files:
        about = []
        if options.platform == AUTO and file.platform is not PLAIN:
            about.append(f"read as an export of {file.platform.title} (--from csv reads it as any other file)")
        if file.text.title:
            about.append(f"read as {file.text.title}")
        if file.answer.says_no:
            about.append(f"by its name, nobody in it is to be mailed ({file.answer})")
        if file.columns.left_out:
            about.append(f"left out: {_listed(file.columns.left_out)}")
        for text in about:
            tell(f"{file.name}: {text}")
    for caution in dict.fromkeys(file.platform.caution for file in files):
        if caution:
            tell(f"note: {caution}")
    if others:
        tell(f"not imported from the zip file: {_listed(others)}")


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join("".join(sign if sign.isprintable() else " " for sign in name) for name in names[:_NAMED]) + more
