"""CSV files as people's programs write them, and bounds on those that nobody's would."""

from __future__ import annotations

import csv
import io
import re
import time
from contextlib import closing
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.errors import NewsletterError
from newsletter.subscribers.csv import DELIMITERS, LONGEST_LINE, MOST_COLUMNS, CsvFile
from newsletter.subscribers.files.header_places import title_places
from newsletter.subscribers.importers.text_files import open_text
from tests.support.readers import Readers

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.mark.parametrize(
    "text",
    [
        '"email";"first_name"\n"ann@example.com";"Ann; Lee"\n',
        '"email"\t"first_name"\n"ann@example.com"\t"Ann; Lee"\n',
        "email;first_name\nann@example.com;'Ann; Lee'\n".replace("'", '"'),
        'email,first_name\rann@example.com,"Ann; Lee"\r',
        'email,first_name\rann@example.com,"Ann; Lee"',
        'email, "first_name"\nann@example.com, "Ann; Lee"\n',
        'email,"First\nName"\nann@example.com,Ann; Lee\n',
        'email,"First\r\nName",_x\r\nann@example.com,Ann; Lee,\r\n',
        "email,first_name,,\nann@example.com,Ann; Lee,,\n",
        "email,first_name\nann@example.com,Ann; Lee,,,\n",
        "email,first_name,last_name,plan\nann@example.com,Ann; Lee\n",
        'sep=;\nemail;first_name\nann@example.com;"Ann; Lee"\n',
        "\u200bemail\u200b,\ufefffirst\u00a0name\nann@exa\u200bmple.com\u200b,\u00a0Ann; Lee\u200e\n",
        "E-mail,First Name\nann@example.com,Ann; Lee\n",
        "Email Address,firstname\nann@example.com,Ann; Lee\n",
        "FNAME,email_address\nAnn; Lee,ann@example.com\n",
    ],
)
def test_files_are_read_as_programs_write_them(readers: Readers, text: str) -> None:
    report = readers.read(text)

    assert (report.added, report.refused) == (1, 0), readers.reasons()
    assert readers.find("ann@example.com").fields == {"first_name": "Ann; Lee"}


@pytest.mark.parametrize("sign", [",", ";", "\t", "\r"])
def test_a_cell_that_is_too_many_is_refused_where_it_is_not_empty(readers: Readers, sign: str) -> None:
    end, sign = ("\r", ",") if sign == "\r" else ("\n", sign)
    rows = [f"email{sign}plan", f"a@example.com{sign}pro{sign}{sign}x", f"b@example.com{sign}pro{sign}{sign}"]
    report = readers.read(end.join([*rows, ""]))

    assert (report.added, readers.reasons()) == (1, [(2, "has 4 cells, the header has 2")])


@pytest.mark.parametrize(
    ("cell", "tags"),
    [
        ('"""VIP"",""Blog readers"""', ("Blog readers", "VIP")),
        ('"""VIP"", ""Ann, Lee"""', ("Ann, Lee", "VIP")),
        ('"[""vip"",""press""]"', ("press", "vip")),
        ('"[{""id"": 1, ""name"": ""vip""}]"', ("vip",)),
        ("[]", ()),
        ('"pro, early bird"', ("early bird", "pro")),
        ('"5"" disk,[x"', ('5" disk', "[x")),
    ],
)
def test_tags_arrive_without_the_quotes_and_brackets_around_them(
    readers: Readers, cell: str, tags: tuple[str, ...]
) -> None:
    readers.read(f"email,tags\na@example.com,{cell}\n")

    assert readers.find("a@example.com").tags == tags


@pytest.mark.parametrize("cell", ['"""VIP"" x,y"', '"[""vip"", 1]"', "[vip]", '"[""\\ud800""]"'])
def test_tags_that_cannot_be_read_are_refused(readers: Readers, cell: str) -> None:
    assert readers.read(f"email,tags\na@example.com,{cell}\n").refused == 1


@pytest.mark.parametrize(
    ("cell", "language"), [("fr_CA", "fr-CA"), ("en_US.UTF-8", "en-US"), ("pt-BR", "pt-BR"), ("de", "de")]
)
def test_a_language_may_be_written_as_unix_writes_it(readers: Readers, cell: str, language: str) -> None:
    readers.read(f"email,language\na@example.com,{cell}\n")

    assert readers.find("a@example.com").fields == {"language": language}


def test_the_name_of_a_language_is_not_taken_for_its_code(readers: Readers) -> None:
    readers.read("email,language\na@example.com,English\n")

    assert readers.reasons() == [(2, 'language "English" is not one; write it as en or pt-BR')]


def test_all_columns_that_cannot_be_fields_are_named_at_once(readers: Readers) -> None:
    header = "Email,Emails opened (6mo),Emails received (6mo),1st visit,What do you like?"
    with pytest.raises(NewsletterError) as refused:
        readers.read(f"{header}\nann@example.com,3,20,2020,birds\n")

    said = str(refused.value)
    for title, error in zip(header.split(",")[1:], refused.value.each, strict=True):
        assert error.place == f"some.csv:1:{header.index(title) + 1}"
        assert "cannot be a field" in error.message
        assert f"--ignore '{title}'" in said
    assert "A column whose name begins with _ is skipped" in said
    assert "--map 'What do you like?=what_do_you_like'" in said


TITLES = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cn"), exclude_characters="\x00\r\ufeff"), max_size=8
)


@settings(max_examples=200, deadline=None)
@given(
    titles=st.lists(TITLES, min_size=2, max_size=6).filter(lambda titles: titles[0].strip(" ,;\t\r\n") != ""),
    delimiter=st.sampled_from(DELIMITERS),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    before=st.sampled_from(["", "\n", "sep=;\r\n", "\ufeff"]),
)
def test_each_title_of_a_header_is_found_where_an_editor_shows_it(
    titles: list[str], delimiter: str, quoting: Literal[0, 1], before: str
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator="\n")
    writer.writerow(titles)
    header, begin = text.getvalue(), len(before.encode()) if before != "\ufeff" else 0
    file = io.BytesIO((before + header).encode())
    file.seek(3)

    places = title_places(file, "utf-8", delimiter, (begin, len(file.getvalue())))

    assert file.tell() == 3
    lines = re.split(r"(?<=\n)", (before + header).removeprefix("\ufeff"))
    assert len(places) == len(titles)
    for title, place in zip(titles, places, strict=True):
        shown = "".join([lines[place.line - 1][place.column - 1 :], *lines[place.line :]])
        assert shown.lstrip(" ").startswith((title.lstrip(" "), '"' + title.replace('"', '""')))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("email,First Name,firstname,FNAME,first_name", 'two columns are named "first_name"'),
        ("email,first_name,plan,Plan", 'two columns are named "Plan"'),
        ("Email Address,E-mail", "has the address column twice"),
    ],
)
def test_two_columns_for_one_field_are_named(readers: Readers, header: str, message: str) -> None:
    if "twice" in message:
        # Only one can be the address: the other is a field, as ever.
        readers.read(f"{header}\na@example.com,b@example.com\n")
        assert readers.find("a@example.com").fields == {"e_mail": "b@example.com"}
        return
    with pytest.raises(NewsletterError) as refused:
        readers.read(f"{header}\na@example.com,A,B,C,D\n")
    assert message in refused.value.message


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("Courriel,Nom\nann@example.com,Ann\n", "Addresses stand in another column: --map Courriel=email"),
        ("ann@example.com,Ann\nbob@example.com,Bob\n", "The first row is a reader"),
    ],
)
def test_a_file_without_a_column_of_addresses_says_what_to_do(readers: Readers, text: str, hint: str) -> None:
    with pytest.raises(NewsletterError, match='no column is named "email"') as refused:
        readers.read(text)

    assert hint in refused.value.hint


def test_a_header_of_far_too_many_columns_is_an_error_at_once(readers: Readers) -> None:
    started = time.process_time()
    with pytest.raises(NewsletterError, match=f"100,001 columns; at most {MOST_COLUMNS:,}"):
        readers.read("email" + "".join(f",c{n}" for n in range(100_000)) + "\na@example.com\n")

    assert time.process_time() - started < 2


def test_a_row_of_many_lines_is_bounded_and_costs_no_good_one(readers: Readers) -> None:
    lines = "\n".join(f'a{n}@example.com,"' + "x" * 50_000 + '","' for n in range(60))
    report = readers.read(f"email,plan,x\n{lines}\nb@example.com,pro,\n")

    assert report.added == 1
    assert len(lines) > LONGEST_LINE
    assert readers.statuses() == {"b": "active"}


@pytest.mark.parametrize("half", [b"\xed\xa0\xbd", b"\xed\xb1\x8b"], ids=["first", "second"])
def test_half_a_character_is_refused(readers: Readers, half: bytes) -> None:
    report = readers.read(b"email,plan,city\na@example.com,\xc3\xa9,\nb@example.com," + half + b",\n")

    assert (report.added, readers.reasons()[0][0]) == (1, 3)
    assert "not UTF-8" in readers.reasons()[0][1]


def test_a_file_whose_only_fault_is_half_a_character_is_not_taken_for_another_encoding(readers: Readers) -> None:
    report = readers.read(b"email,plan\na@example.com,\xed\xa0\x80\nb@example.com,pro\n")

    assert (report.added, readers.told) == (1, [])


CELLS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp")), max_size=8)
ROWS = st.lists(st.tuples(CELLS.map(str.strip), CELLS.map(str.strip)), min_size=1, max_size=5)


@settings(max_examples=300, deadline=None)
@given(
    rows=ROWS,
    delimiter=st.sampled_from(DELIMITERS),
    ending=st.sampled_from(["\n", "\r\n", "\r"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    breaks=st.booleans(),
)
def test_what_any_program_writes_as_csv_is_read_as_it_was(
    rows: list[tuple[str, str]], delimiter: str, ending: str, quoting: Literal[0, 1], encoding: str, breaks: bool
) -> None:
    inside = "\n" if breaks and ending != "\r" else " "
    written = [
        ("email", f"First{inside}Name", "note"),
        *((f"r{n}@example.com", a, f"x{inside}{b}") for n, (a, b) in enumerate(rows)),
    ]
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=delimiter, lineterminator=ending, quoting=quoting).writerows(written)

    text = open_text(io.BytesIO(stream.getvalue().encode(encoding)))
    with closing(text.file):
        file = CsvFile(text.file, encoding=text.encoding, fits=lambda header: "email" in header)
        read = list(file)

    assert (file.delimiter, file.header) == (delimiter, ["email", "first_name", "note"])
    assert [record.problem for record in read] == [""] * len(rows)
    assert [tuple(record.cells) for record in read] == written[1:]
