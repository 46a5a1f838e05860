"""Files in every encoding that spreadsheets write."""

from __future__ import annotations

import pytest

from newsletter.errors import ConfigError, NewsletterError
from tests.support.readers import Readers

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-8", ""),
        ("utf-8-sig", ""),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16"),
        ("utf-16-be", "UTF-16"),
        ("utf-32", "UTF-32"),
        ("cp1252", "Windows-1252"),
    ],
)
def test_a_file_is_read_in_its_encoding_and_the_reader_is_told(readers: Readers, encoding: str, said: str) -> None:
    report = readers.read("email;first_name\nzoe@example.com;Zoë\nann@example.com;Ann\n".encode(encoding))

    assert (report.added, readers.find("zoe@example.com").fields) == (2, {"first_name": "Zoë"})
    assert readers.told == ([f"some.csv: read as {said}"] if said else [])


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        (
            "cp1251",
            "Анна Иванова Дмитрий Сергеевич Ольга Петрова Наталья Михаил Екатерина Александр Юрий Людмила Сергей",
        ),
        ("cp1252", "José Peña Zoë Müller François Lefèvre Björn Åsa Søren Ærø Renée Garçon Jürgen Größe Señor Niño"),
        ("shift_jis", "山田太郎 佐藤花子 鈴木一郎 高橋美咲 田中さくら 渡辺健太 伊藤直子 小林 加藤 吉田 山本 中村 松本"),
    ],
)
def test_files_with_enough_text_are_read_in_their_own_encoding(readers: Readers, encoding: str, names: str) -> None:
    people = names.split()
    text = "email,first_name\n" + "".join(f"r{n}@example.com,{name}\n" for n, name in enumerate(people))
    report = readers.read(text.encode(encoding))

    assert report.added == len(people)
    assert [reader.fields["first_name"] for reader in readers.all()] == people


def test_broken_rows_of_a_file_in_utf_8_are_refused_one_by_one(readers: Readers) -> None:
    readers.read(b"email,plan\n" + "é@x\n".encode() * 3 + b"a@example.com,Ren\xe9\nb@example.com,pro\n")

    assert readers.statuses() == {"b": "active"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"PK\x03\x04nonsense", "the zip file cannot be read"),
        (b"\x1f\x8b\x08\x00", "this is a gzip file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "this is no CSV file"),
        (b"\x00\x01\x02\xff" * 300, "this is no text"),
        ("email,a\n".encode("utf-16") + b"\x00\xd8\x00", "this begins as UTF-16 and is not"),
    ],
)
def test_a_file_that_is_no_text_is_refused(readers: Readers, text: bytes, message: str) -> None:
    with pytest.raises(NewsletterError, match=message):
        readers.read(text)


def test_western_letters_are_not_taken_for_those_of_dos(readers: Readers) -> None:
    rows = "".join(f"r{n}@example.com,Zoë Müller\n" for n in range(50))

    readers.read(f"email,first_name\n{rows}".encode("cp1252"))

    assert {reader.fields["first_name"] for reader in readers.all()} == {"Zoë Müller"}


@pytest.mark.parametrize("encoding", ["koi8-r", "windows-1253", "UTF-16-LE", "iso-2022-jp", "latin-1"])
def test_an_encoding_that_is_named_is_believed(readers: Readers, encoding: str) -> None:
    name = {"koi8-r": "Анна", "windows-1253": "Γιώργος", "iso-2022-jp": "太郎"}.get(encoding, "Zoë")

    readers.read(f"email,first_name\nr@example.com,{name}\n".encode(encoding), encoding=encoding)

    assert readers.find("r@example.com").fields == {"first_name": name}


def test_a_file_that_is_not_in_the_named_encoding_is_refused_as_a_whole(readers: Readers) -> None:
    with pytest.raises(NewsletterError, match="this is not SHIFT-JIS; name another --encoding, or none"):
        readers.read("email,name\nr@example.com,München\n".encode("latin-1"), encoding="shift_jis")


@pytest.mark.parametrize("name", ["base64", "klingon", "utf\0"])
def test_an_encoding_that_is_none_is_a_wrong_option(readers: Readers, name: str) -> None:
    with pytest.raises(ConfigError, match="is no encoding"):
        readers.read("email\n", encoding=name)
