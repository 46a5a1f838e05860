"""Signed links: tokens open the pages they were made for, and no others."""

from __future__ import annotations

import hmac
import re
import stat
import threading
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import ConfigError
from newsletter.signed_links import SECRET_FILE, Claims, Keyed, Links, Purpose, link_secret, new_keys
from tests.support.sending import settings as publication_settings

IDS = st.integers(min_value=0, max_value=2**63 - 1)
KEYS = st.text(alphabet="AZaz09-_", max_size=8)
NAMES = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60)


@pytest.fixture(scope="module")
def links(tmp_path_factory: pytest.TempPathFactory) -> Links:
    return Links(publication_settings(tmp_path_factory.mktemp("links")))


@given(subscriber=IDS, campaign=IDS, name=NAMES, purpose=st.sampled_from(Purpose), key=KEYS)
def test_a_token_says_what_it_was_made_for(
    links: Links, subscriber: int, campaign: int, name: str, purpose: Purpose, key: str
) -> None:
    token = links.token(purpose, subscriber, campaign, name, key)

    assert links.read(token, purpose) == Claims(subscriber_id=subscriber, campaign_id=campaign, list=name, key=key)
    assert token == links.token(purpose, subscriber, campaign, name, key)


@given(readers=st.lists(st.tuples(IDS, KEYS), max_size=5), name=NAMES)
def test_many_readers_tokens_are_those_that_each_has_alone(
    links: Links, readers: list[tuple[int, str]], name: str
) -> None:
    alone = [links.token(Purpose.READER, subscriber, 7, name, key) for subscriber, key in readers]

    assert links.tokens(Purpose.READER, readers, 7, name) == alone


def test_every_new_reader_gets_another_key(links: Links) -> None:
    keys = new_keys(10_000)

    assert len(set(keys)) == 10_000
    assert all(re.fullmatch(r"[\w-]{8}", key, re.ASCII) for key in keys)


def test_links_that_were_mailed_once_open_for_ever(tmp_path: Path) -> None:
    publication = publication_settings(tmp_path)
    (tmp_path / SECRET_FILE).parent.mkdir()
    (tmp_path / SECRET_FILE).write_text("an old secret, which is thirty-two characters\n")

    claims = Links(publication).read("Suzd0bclE7D6JGYhXS2fADWcif33GHGvifNR-Wk", Purpose.READER)

    assert claims == Claims(subscriber_id=12345, campaign_id=7, list="daily")


@given(text=st.text(max_size=80))
def test_a_text_that_is_no_token_opens_nothing(links: Links, text: str) -> None:
    assert links.read(text, Purpose.READER) is None


@given(subscriber=IDS, at=st.integers(min_value=0), to=st.sampled_from("Aa0-_zZ9"))
def test_a_token_changed_in_one_place_opens_nothing(links: Links, subscriber: int, at: int, to: str) -> None:
    token = links.token(Purpose.READER, subscriber, 7, "daily")
    at %= len(token)
    changed = token[:at] + to + token[at + 1 :]

    assert (links.read(changed, Purpose.READER) is None) == (changed != token)


@given(subscriber=IDS, cut=st.integers(min_value=1, max_value=200))
def test_a_truncated_token_opens_nothing(links: Links, subscriber: int, cut: int) -> None:
    token = links.token(Purpose.READER, subscriber, 7, "daily")

    assert links.read(token[:-cut], Purpose.READER) is None


def test_a_token_for_one_purpose_does_not_serve_another(links: Links) -> None:
    assert links.read(links.token(Purpose.CONFIRM, 1, 2, "daily"), Purpose.READER) is None


def test_neighbours_have_tokens_that_look_unrelated(links: Links) -> None:
    tokens = [links.token(Purpose.READER, number, 1, "daily") for number in range(200)]

    assert len({token[:8] for token in tokens}) == 200
    assert max(Counter(token[-4:] for token in tokens).values()) <= 2


def test_another_publication_s_token_opens_nothing(links: Links, tmp_path: Path) -> None:
    second = Links(publication_settings(tmp_path / "second"))

    assert links.read(second.token(Purpose.READER, 1, 2, "daily"), Purpose.READER) is None


def test_links_lead_to_the_publication(links: Links) -> None:
    assert links.unsubscribe_url("t") == "https://news.example.com/unsubscribe/t"
    assert links.preferences_url("t") == "https://news.example.com/preferences/t"
    assert links.web_url("hello") == "https://news.example.com/issues/hello"


def test_the_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    publication = publication_settings(tmp_path)

    first = link_secret(publication)

    assert link_secret(publication) == first
    assert stat.S_IMODE((tmp_path / SECRET_FILE).stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / ".newsletter").iterdir()] == ["secret"]


def test_several_who_make_the_secret_at_once_get_the_same(tmp_path: Path) -> None:
    publication = publication_settings(tmp_path)
    made: list[str] = []
    threads = [threading.Thread(target=lambda: made.append(link_secret(publication))) for _ in range(16)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(made) == 16
    assert len(set(made)) == 1


LONG = "a long and secret text that nobody guesses"


@pytest.mark.parametrize("text", ["short", "x" * 31, " " * 20 + "x" * 31 + " " * 20])
@pytest.mark.parametrize("is_file", [False, True])
def test_a_secret_that_could_be_guessed_is_refused_with_the_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, is_file: bool
) -> None:
    publication = publication_settings(tmp_path, '[environment]\nsecret = "env:LINK_SECRET"\n')
    (tmp_path / "kept").write_text(text)
    name, value = ("LINK_SECRET_FILE", str(tmp_path / "kept")) if is_file else ("LINK_SECRET", text)
    monkeypatch.setenv(name, value)

    with pytest.raises(ConfigError, match=r"LINK_SECRET has \d+ characters and could be guessed") as refused:
        link_secret(publication)

    assert "newsletter.toml:" in str(refused.value)
    assert "token_urlsafe" in str(refused.value)
    assert text.strip() not in str(refused.value)


def test_a_secret_from_the_environment_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publication = publication_settings(tmp_path, '[environment]\nsecret = "env:LINK_SECRET"\n')
    monkeypatch.setenv("LINK_SECRET", LONG)

    assert link_secret(publication) == LONG
    assert not (tmp_path / ".newsletter").exists()


def test_an_empty_secret_is_an_error_and_not_a_new_secret(tmp_path: Path) -> None:
    publication = publication_settings(tmp_path)
    (tmp_path / ".newsletter").mkdir()
    (tmp_path / SECRET_FILE).write_text("\n")

    with pytest.raises(ConfigError, match="is empty"):
        link_secret(publication)


@given(key=st.binary(max_size=200), message=st.binary(max_size=500))
def test_our_hmac_is_the_standard_library_s(key: bytes, message: bytes) -> None:
    assert Keyed(key).digest(message) == hmac.digest(key, message, "sha256")
