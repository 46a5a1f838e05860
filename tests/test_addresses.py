"""Addresses: parse, compare, mask."""

from __future__ import annotations

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st

from newsletter.addresses import address_key, mask, parse_address

LETTERS = st.text("abzAZ019.-_+'!#$%&*/=?^`{|}~@ ſKİé", min_size=0, max_size=70)
ROLES = st.sampled_from(["INFO", "PostMaster", "news", "Ftp", "informal"])
ENDS = st.sampled_from(
    ["com", "COM", "test", "local", "invalid", "localhost", "arpa", "onion", "example", "c", "x1", "123", "xn--p1ai"]
)
LABELS = st.sampled_from(["mail", "a--b", "xn--bcher-kva", "-a", "a-", "x" * 63, "x" * 64, "", "1", "Ex"]) | LETTERS


@given(
    local=ROLES | LETTERS | st.sampled_from(["x" * 64, "x" * 65]),
    labels=st.lists(LABELS, min_size=0, max_size=5),
    end=ENDS | LETTERS,
)
@example(local="a" * 64, labels=["b" * 63] * 3, end="com")
@example(local="a", labels=["b" * 63] * 4, end="com")
def test_the_fast_path_takes_nothing_that_email_validator_refuses(local: str, labels: list[str], end: str) -> None:
    text = f"{local}@{'.'.join([*labels, end])}"
    try:
        valid = validate_email(text.strip(), check_deliverability=False, allow_smtputf8=False, test_environment=True)
    except EmailNotValidError:
        with pytest.raises(ValueError, match="is not an email address"):
            parse_address(text)
    else:
        assert parse_address(text) == (valid.ascii_email or valid.normalized)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("Ada.Lovelace@Example.COM", "Ada.Lovelace@example.com"),
        ("POSTMASTER@example.com", "postmaster@example.com"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        (" ada+news@mail.example.co.uk ", "ada+news@mail.example.co.uk"),
    ],
)
def test_an_address_keeps_its_spelling_but_for_the_domain(text: str, address: str) -> None:
    assert parse_address(text) == address


def test_addresses_are_compared_whatever_their_case() -> None:
    assert address_key(" Ada@Example.com") == address_key("ada@example.com")


def test_logs_show_one_letter_of_an_address() -> None:
    assert mask("ada@example.com") == "a***@example.com"
