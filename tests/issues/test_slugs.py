"""Slugs: titles become file names and web addresses."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.issues.slugs import LONGEST, free_slug, slugify


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Hello", "hello"),
        ("Don't panic, Zoë!", "dont-panic-zoe"),
        ("Straße, Łódź & İstanbul", "strasse-lodz-istanbul"),
        ("A $100 camera — for 1½ days", "a-100-camera-for-112-days"),
        ("Привет, мир", "привет-мир"),
        ("नमस्ते दुनिया", "नमस्ते-दुनिया"),
        ("مرحبا بالعالم", "مرحبا-بالعالم"),
        ("❤️ love 👨‍👩‍👧", "love"),
        ("../../etc/passwd", "etc-passwd"),
        ("🎉", ""),
    ],
)
def test_a_title_becomes_a_slug_that_people_can_read(title: str, slug: str) -> None:
    assert slugify(title) == slug


def test_a_long_title_ends_at_a_word() -> None:
    slug = slugify("word " * 50)

    assert slug.endswith("word")
    assert len(slug) <= LONGEST


@given(st.text())
def test_any_title_becomes_a_file_name(title: str) -> None:
    slug = slugify(title)

    assert len(slug.encode("utf-8", "surrogatepass")) <= 240
    assert not re.search(r"[\s/\\.:?#%&\"'<>]|^-|-$|--", slug)
    assert not set(slug) & set(string.ascii_uppercase)


def test_a_slug_that_is_taken_gets_a_number() -> None:
    assert free_slug("hello", {"hello", "hello-2"}) == "hello-3"
