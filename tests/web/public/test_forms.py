"""Form tokens: they prove that a form is ours and this one, and that it is not too old."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from newsletter.web.public.forms import LIFE, FormTokens

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TOKENS = FormTokens(b"key", clock=lambda: NOW)


@given(st.integers(min_value=0, max_value=3_600_000))
def test_a_token_says_how_long_ago_it_was_made_to_the_millisecond(milliseconds: int) -> None:
    age = timedelta(milliseconds=milliseconds)

    assert TOKENS.age(TOKENS.token("parting word"), "parting word", NOW + age) == age


def test_a_token_may_be_used_more_than_once_for_an_hour() -> None:
    token = TOKENS.token("subscribe")

    assert TOKENS.age(token, "subscribe", NOW + LIFE) == LIFE
    assert TOKENS.age(token, "subscribe", NOW + LIFE) == LIFE
    assert TOKENS.age(token, "subscribe", NOW + LIFE + timedelta(seconds=1)) is None


@given(st.text(max_size=80))
def test_a_text_we_did_not_sign_is_no_token(text: str) -> None:
    assert TOKENS.age(text, "subscribe", NOW) is None


def test_tokens_of_another_form_or_publication_are_invalid() -> None:
    assert TOKENS.age(TOKENS.token("preferences"), "subscribe", NOW) is None
    assert TOKENS.age(FormTokens(b"other").token("subscribe"), "subscribe", NOW) is None
    assert TOKENS.age(TOKENS.token("subscribe"), "subscribe", NOW - timedelta(minutes=1)) is None
