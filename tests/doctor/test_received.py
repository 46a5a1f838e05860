"""A copy that arrived: signed for real, with what mailbox providers write into it."""

from __future__ import annotations

from pathlib import Path

import dkim
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.config import PublicationSettings
from newsletter.doctor.authentication_results import read_results
from newsletter.doctor.dns import dns_client
from newsletter.doctor.finding import CheckResult
from newsletter.doctor.received import received_results
from newsletter.errors import NewsletterError
from newsletter.signed_links import Links, Purpose, link_secret
from tests.doctor.keys import private_pem, public_key
from tests.support.dns_server import dns_server
from tests.support.sending import settings

ZONE = {
    "s1._domainkey.example.com TXT": f"v=DKIM1; k=rsa; p={public_key(1024)}",
    "_dmarc.example.com TXT": "v=DMARC1; p=none",
}
SIGNED = "from to subject date list-unsubscribe list-unsubscribe-post"
GMAIL = (
    "Authentication-Results: mx.google.com;\r\n"
    "       dkim=pass header.i=@example.com header.s=s1 header.b=AbC (a comment; with (a nested) semicolon);\r\n"
    "       spf=pass (google.com: domain of bounces@example.com designates 192.0.2.1 as permitted sender)"
    " smtp.mailfrom=bounces@example.com;\r\n"
    "       dmarc=pass (p=NONE sp=NONE dis=NONE) header.from=example.com\r\n"
)


@pytest.fixture
def publication(tmp_path: Path) -> PublicationSettings:
    made = settings(tmp_path)
    link_secret(made)
    return made


def message(publication: PublicationSettings, **changes: str) -> str:
    """A message of the publication as it leaves; `changes` are headers by their names with `_`, empty: left out."""
    link = Links(publication).unsubscribe_url(Links(publication).token(Purpose.READER, 1, 0, "daily"))
    headers = {
        "From": "News <news@example.com>",
        "To": "me@example.net",
        "Subject": "[TEST] News",
        "Date": "Fri, 17 Jan 2025 12:00:00 +0000",
        "List-Unsubscribe": f"<{link}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        **{name.replace("_", "-"): value for name, value in changes.items()},
    }
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value) + "\r\nHello.\r\n"


def arrived(text: str, covered: str = SIGNED, domain: str = "example.com", results: str = GMAIL) -> bytes:
    """The message signed and with what the receiving server wrote on top."""
    raw = text.encode()
    names = [name.encode() for name in covered.split() if name.encode() + b":" in raw.lower()]
    signature: bytes = dkim.sign(raw, b"s1", domain.encode(), private_pem(1024).encode(), include_headers=names)
    return results.encode() + signature + raw


def judged(publication: PublicationSettings, raw: bytes, monkeypatch: pytest.MonkeyPatch) -> dict[str, CheckResult]:
    """The results by the last part of the check's name."""
    with dns_server(ZONE) as server:
        monkeypatch.setenv("NEWSLETTER_DNS", server.address)
        results = received_results(publication, raw, dns_client())
    return {result.check.partition(".")[2]: result for result in results}


def states(results: dict[str, CheckResult]) -> dict[str, str]:
    return {name: str(result.state) for name, result in results.items() if result.state != "pass"}


def test_a_copy_that_is_right_passes_everything(
    publication: PublicationSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = judged(publication, arrived(message(publication)), monkeypatch)

    assert states(found) == {}
    assert found["authentication"].message == (
        "mx.google.com took it for genuine: dkim pass (example.com), spf pass (example.com), dmarc pass (example.com)."
    )


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_copy_that_was_saved_with_other_line_ends_still_holds(
    end: str, publication: PublicationSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = arrived(message(publication)).replace(b"\r\n", end.encode())

    assert states(judged(publication, raw, monkeypatch)) == {}


def test_a_signature_that_leaves_the_unsubscribe_headers_out_fails(
    publication: PublicationSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = judged(publication, arrived(message(publication), "from to subject list-unsubscribe"), monkeypatch)

    assert states(found) == {"coverage": "fail"}
    assert "does not cover list-unsubscribe-post" in found["coverage"].message


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"List_Unsubscribe": "<https://provider.example.net/u/1>"}, {"list_unsubscribe": "fail"}),
        ({"List_Unsubscribe": "<mailto:leave@provider.example.net>"}, {"list_unsubscribe": "fail"}),
        ({"List_Unsubscribe": ""}, {"list_unsubscribe": "fail", "coverage": "fail"}),
        ({"List_Unsubscribe_Post": ""}, {"one_click": "fail", "coverage": "fail"}),
        ({"List_Unsubscribe_Post": "yes"}, {"one_click": "fail"}),
    ],
)
def test_unsubscribe_headers_that_are_not_ours_fail(
    changes: dict[str, str], expected: dict[str, str], publication: PublicationSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = judged(publication, arrived(message(publication, **changes)), monkeypatch)

    assert states(found) == expected


def test_a_link_that_was_signed_with_another_secret_fails(
    publication: PublicationSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = arrived(message(publication))
    other = settings(tmp_path / "other")
    link_secret(other)

    assert states(judged(other, raw, monkeypatch)) == {"list_unsubscribe": "fail"}


def test_a_changed_body_breaks_the_signature(publication: PublicationSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = arrived(message(publication)).replace(b"Hello.", b"Hello, and an advertisement.")

    assert states(judged(publication, raw, monkeypatch)) == {"signature": "fail"}


def test_a_copy_that_failed_dmarc_fails(publication: PublicationSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = (
        "Authentication-Results: mx.example.net; spf=pass smtp.mailfrom=b@provider.example.org;\r\n"
        " dkim=pass header.d=provider.example.org; dmarc=fail header.from=example.com\r\n"
    )
    raw = arrived(message(publication), domain="provider.example.org", results=verdict)

    found = states(judged(publication, raw, monkeypatch))

    assert (found["authentication"], found["alignment"]) == ("fail", "fail")
    assert found["coverage"] == "warn"  # covered, but by a signature that is not the sender's


def test_outlook_s_verdict_is_read_though_it_names_no_server(
    publication: PublicationSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict = (
        "Authentication-Results: spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=example.com;\r\n"
        " dkim=pass (signature was verified) header.d=example.com;dmarc=pass action=none\r\n"
        " header.from=example.com;compauth=pass reason=100\r\n"
    )

    found = judged(publication, arrived(message(publication), results=verdict), monkeypatch)

    assert states(found) == {}
    assert found["authentication"].message.startswith("The receiving server took it for genuine: spf pass")


def test_what_stands_below_the_first_verdict_is_not_believed(
    publication: PublicationSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = "Authentication-Results: mx.example.net; spf=fail smtp.mailfrom=b@example.com; dmarc=fail\r\n"

    found = judged(publication, arrived(message(publication), results=first + GMAIL), monkeypatch)

    assert found["authentication"].state == "fail"
    assert found["alignment"].state == "fail"


def test_a_copy_without_a_verdict_says_where_to_get_one(
    publication: PublicationSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = judged(publication, arrived(message(publication), results=""), monkeypatch)

    assert states(found) == {"authentication": "skip", "alignment": "warn"}
    assert "Gmail" in found["authentication"].fix


def test_a_message_of_somebody_else_fails(publication: PublicationSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    found = judged(publication, arrived(message(publication, From="x@other.example.net")), monkeypatch)

    assert found["from"].state == "fail"


def test_a_message_without_a_signature_fails(publication: PublicationSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    found = judged(publication, message(publication).encode(), monkeypatch)

    assert (found["signature"].state, found["coverage"].state) == ("fail", "skip")


def test_offline_the_signature_is_not_verified(publication: PublicationSettings) -> None:
    results = {result.check: result for result in received_results(publication, arrived(message(publication)), None)}

    assert results["read.signature"].state == "skip"
    assert results["read.coverage"].state == "pass"


@pytest.mark.parametrize("raw", [b"", b"\x00\x01\x02", b"PK\x03\x04" + b"\xff" * 100, b"just words", b"\r\n\r\n"])
def test_a_file_that_is_no_message_is_one_clear_error(raw: bytes, publication: PublicationSettings) -> None:
    with pytest.raises(NewsletterError, match="not an email"):
        received_results(publication, raw, None)


@given(st.text(max_size=300))
def test_any_authentication_results_can_be_read(text: str) -> None:
    server, results = read_results(text)

    assert isinstance(server, str)
    assert all(found.method and found.result for found in results)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["spf", "dkim", "dmarc"]),
            st.sampled_from(["pass", "fail", "none"]),
            st.text('abc();\\"', max_size=10),
        ),
        max_size=5,
    )
)
def test_comments_hide_nothing_and_add_nothing(parts: list[tuple[str, str, str]]) -> None:
    def comment(words: str) -> str:
        return "(" + "".join(f"\\{letter}" if letter in '()\\"' else letter for letter in words) + ")"

    text = "mx.example.net; " + "; ".join(f"{kind}={result} {comment(words)}" for kind, result, words in parts)

    assert [(found.method, found.result) for found in read_results(text)[1]] == [part[:2] for part in parts]


def test_headers_from_strange_senders_do_not_break_the_reading(
    publication: PublicationSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    strange = b"DKIM-Signature: nonsense\r\nDKIM-Signature: d=; h=\r\nList-Unsubscribe: =?x?q?y?=\r\n"

    found = judged(publication, strange + message(publication, List_Unsubscribe="").encode(), monkeypatch)

    assert found["signature"].state == "fail"
