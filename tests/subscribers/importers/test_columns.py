"""Columns that are ours by another name: any case, spaces, hyphens, underscores and marks around it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import NewsletterError
from newsletter.subscribers.csv import column_name
from tests.support.readers import Readers

SPACES = (" ", "  ", "-", "_", "\u00a0", "\u2011", " - ")


@given(
    words=st.sampled_from(["first name", "last name", "time zone", "email address"]),
    space=st.sampled_from(SPACES),
    case=st.sampled_from([str.upper, str.lower, str.title]),
    around=st.sampled_from([("", ""), ("\ufeff", ""), (" ", ": "), ("", " *"), ("'", "")]),
)
def test_a_columns_name_does_not_depend_on_how_it_is_written(
    words: str, space: str, case: type[str], around: tuple[str, str]
) -> None:
    title = around[0] + case(words).replace(" ", space) + around[1]

    assert column_name(title).lstrip("'") == words.replace(" ", "_")


@pytest.mark.parametrize(
    "header",
    [
        "Email Address,First name,Last name,Time zone,Lists,Language",
        "\ufeffE-mail,FIRST-NAME,last_name,TIME_ZONE,LISTS,Lang",
        "email_address,FirstName,LastName,TimeZone,List,Locale",
        "EMAIL:,First\u00a0Name *,Surname,tz,Mailing list,Sprache",
        "E\u2011Mail,Vorname,Nachname,Zeitzone,lists,language",
    ],
)
def test_headers_of_other_programs_are_our_columns(readers: Readers, header: str) -> None:
    readers.read(f"{header}\nada@example.com,Ada,Lovelace,Europe/Berlin,weekly,de\n")

    reader = readers.find("ada@example.com")
    assert reader.fields == {
        "first_name": "Ada",
        "last_name": "Lovelace",
        "timezone": "Europe/Berlin",
        "language": "de",
    }
    assert {name: str(status) for name, status in reader.lists.items()} == {"weekly": "active"}


def test_a_column_of_time_zones_that_are_none_is_not_made_a_field_without_a_word(readers: Readers) -> None:
    with pytest.raises(NewsletterError, match='"Time zone" names no time zones: "Pacific Time"') as refused:
        readers.read("email,Time zone\nada@example.com,Pacific Time\n")

    assert "--map 'Time zone=time_zone'" in refused.value.hint
    assert readers.read("email,Time zone\nada@example.com,Pacific Time\n", maps=["Time zone=region"]).added == 1


@pytest.mark.parametrize("column", ["Locale", "List", "tz"])
def test_a_column_that_only_sounds_like_ours_stays_a_field(readers: Readers, column: str) -> None:
    readers.read(f"email,{column}\nada@example.com,Northern Europe\n")

    assert readers.find("ada@example.com").fields == {column.lower(): "Northern Europe"}


def test_columns_without_an_address_are_listed_as_the_file_writes_them(readers: Readers) -> None:
    with pytest.raises(NewsletterError, match=r"columns: Mail, Opt in\?, Fav. colour") as refused:
        readers.read("Mail,Opt in?,Fav. colour\nada@example.com,yes,red\n")

    assert "--map Mail=email" in refused.value.hint


@pytest.mark.parametrize(
    "title",
    [
        "Full Name",
        "Fullname",
        "Vor- und Nachname",
        "Nom complet",
        "Nombre completo",
        "Nome e cognome",
        "Volledige naam",
    ],
)
def test_a_column_of_full_names_greets_readers_by_their_first(readers: Readers, title: str) -> None:
    readers.read(f"email,{title}\nada@example.com,Ada King Lovelace\n")

    assert readers.find("ada@example.com").fields == {"first_name": "Ada", "last_name": "King Lovelace"}


def test_first_names_of_their_own_beat_a_column_of_full_names(readers: Readers) -> None:
    readers.read("email,Vorname,Vor- und Nachname\nada@example.com,Ada,Augusta Lovelace\n")

    assert readers.find("ada@example.com").fields == {"first_name": "Ada", "last_name": "Lovelace"}


@pytest.mark.parametrize(
    ("written", "first", "last"),
    [
        ("Lovelace, Ada", "Ada", "Lovelace"),
        ("van der Berg, Jan Willem", "Jan Willem", "van der Berg"),
        ("Ada Lovelace, PhD", "Ada", "Lovelace, PhD"),
        ("Lovelace, Jr.", "Lovelace,", "Jr."),
        ("Lovelace,", "Lovelace,", ""),
    ],
)
def test_a_family_name_before_a_comma_is_not_greeted(readers: Readers, written: str, first: str, last: str) -> None:
    readers.read(f'email,Full name\nada@example.com,"{written}"\n')

    fields = readers.find("ada@example.com").fields
    assert (fields.get("first_name", ""), fields.get("last_name", "")) == (first, last)


def test_a_column_of_our_own_name_beats_one_that_sounds_like_it(readers: Readers) -> None:
    readers.read("email,timezone,Time zone\nada@example.com,Europe/Berlin,Asia/Tokyo\n")

    assert readers.find("ada@example.com").fields == {"timezone": "Europe/Berlin", "time_zone": "Asia/Tokyo"}
