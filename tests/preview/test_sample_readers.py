from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from newsletter.database.connection import existing_database
from newsletter.errors import NewsletterError
from newsletter.preview.sample_readers import find_reader, sample_readers, search_readers
from newsletter.rendering.build import SAMPLE_TOKEN
from tests.support.readers import Readers

CSV = (
    "email,first_name,last_name,Plan,score\n"
    "ada@example.com,Ada,Lovelace,pro,7\n"
    "zoe@example.com,Zoë,,free,\n"
    "100%@example.com,,,,\n"
)


@pytest.fixture
def readers(publication_folder: Path) -> Iterator[Readers]:
    made = Readers.of(publication_folder)
    made.read(CSV)
    yield made
    made.database.close()


def test_the_samples_are_a_stranger_somebody_of_whom_all_is_known_and_the_worst(readers: Readers) -> None:
    samples = sample_readers(readers.publication)

    assert [reader.key for reader in samples][:2] == ["sample", "known"]
    assert {"worst:markup", "worst:braces", "worst:break", "worst:emoji"} <= {reader.key for reader in samples}
    assert set(samples[1].fields) == {"first_name", "last_name", "name", "score", "joined", "beta", "Plan"}
    assert len({reader.key for reader in samples}) == len(samples)


def test_somebody_known_has_what_a_segment_asks_for(readers: Readers) -> None:
    toml = readers.publication.path
    toml.write_text(toml.read_text() + '[segments.pro]\nPlan = "pro"\n')

    assert find_reader(Readers.of(toml.parent).publication, None, "known").fields["Plan"] == "pro"


def test_a_real_reader_is_shown_with_all_that_is_known_and_with_links_that_are_nobodys(readers: Readers) -> None:
    with readers.database.read() as connection:
        ada = find_reader(readers.publication, connection, "subscriber:ADA@example.com")

    recipient = ada.recipient(readers.publication, "hello")

    assert (recipient.email, recipient.name) == ("ada@example.com", "Ada Lovelace")
    assert (recipient.fields["Plan"], recipient.fields["score"]) == ("pro", 7)
    assert str(recipient.fields["unsubscribe_url"]).endswith(f"/unsubscribe/{SAMPLE_TOKEN}")
    assert not (readers.publication.root / ".newsletter").exists(), "looking makes no secret"


def test_typed_fields_are_held_against_their_kinds(readers: Readers) -> None:
    typed = find_reader(readers.publication, None, "fields:first_name=Zo%C3%AB&score=3&beta=yes&Plan=")

    assert dict(typed.fields) == {"first_name": "Zoë", "name": "Zoë", "score": 3, "beta": True}
    assert typed.label == "first_name Zoë, score 3, beta True"


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("nobody", 'no sample reader is named "nobody"'),
        ("worst:markups", 'Did you mean "worst:markup"?'),
        ("subscriber:eve@example.com", "no reader has the address eve@example.com"),
        ("subscriber:", "no reader has the address (empty)"),
        ("fields:scor=3", 'Did you mean "score"?'),
        ("fields:score=many", 'score "many" is not a number'),
        ("fields:unsubscribe_url=x", 'there is no field "unsubscribe_url"'),
    ],
)
def test_a_reader_that_there_is_not_is_refused_in_words(readers: Readers, key: str, words: str) -> None:
    with readers.database.read() as connection, pytest.raises(NewsletterError) as refused:
        find_reader(readers.publication, connection, key)

    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("ADA", ["ada@example.com"]),
        ("love example", ["ada@example.com"]),
        ("0%", ["100%@example.com"]),
        ("_", []),
        ("eve", []),
        ("", ["ada@example.com", "zoe@example.com", "100%@example.com"]),
    ],
)
def test_readers_are_found_by_parts_of_address_and_name(readers: Readers, text: str, addresses: list[str]) -> None:
    with readers.database.read() as connection:
        assert [reader.email for reader in search_readers(connection, text)] == addresses


def test_who_only_looks_makes_no_database(publication_folder: Path) -> None:
    publication = Readers.of(publication_folder).publication
    (publication_folder / "newsletter.db").rename(publication_folder / "elsewhere.db")

    assert existing_database(publication) is None
    assert not (publication_folder / "newsletter.db").exists()
