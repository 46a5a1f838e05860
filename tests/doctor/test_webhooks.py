"""Whether bounces and complaints come back."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.doctor.finding import CheckResult
from newsletter.doctor.webhooks import webhook_results
from newsletter.providers import find_provider
from tests.support.sending import settings

TOKEN = "a-token-that-nobody-may-see"
POSTMARK = '[send]\nprovider = "postmark"\n[providers.postmark]\ntoken = "env:T"\n'
RESEND = '[send]\nprovider = "resend"\n[providers.resend]\napi_key = "env:T"\n'
HOOK = 'webhook_token = "env:HOOK"\n'
OURS = "https://news.example.com/webhooks/postmark/"


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", TOKEN)


def results(folder: Path, toml: str, registered: tuple[str, ...] | None = (OURS + TOKEN,)) -> dict[str, CheckResult]:
    """The results by the last part of the check's name; none has the token."""
    publication = settings(folder, toml)
    found = [*webhook_results(publication, find_provider(publication), registered, "")]
    assert TOKEN not in str(found)
    return {result.check.rpartition(".")[2]: result for result in found}


def test_a_webhook_that_is_set_and_called_passes(tmp_path: Path) -> None:
    found = results(tmp_path, POSTMARK + HOOK)

    assert {name: str(result.state) for name, result in found.items()} == {"token": "pass", "registered": "pass"}


def test_without_a_token_nobody_hears_of_bounces(tmp_path: Path) -> None:
    found = results(tmp_path, POSTMARK)

    assert (found["token"].state, len(found)) == ("warn", 1)
    assert "dead addresses are mailed for ever" in found["token"].message


def test_where_readers_leave_by_the_provider_s_own_link_a_token_is_needed(tmp_path: Path) -> None:
    toml = '[send]\nprovider = "mailjet"\n[providers.mailjet]\napi_key = "env:T"\napi_secret = "env:T"\n'

    assert results(tmp_path, toml)["token"].state == "fail"


def test_a_provider_that_signs_needs_its_key(tmp_path: Path) -> None:
    missing = results(tmp_path, RESEND + HOOK)
    given = results(tmp_path, RESEND + HOOK + 'webhook_secret = "env:S"\n')

    assert (missing["secret"].state, given["secret"].state) == ("fail", "pass")


@pytest.mark.parametrize(
    ("registered", "state", "words"),
    [
        ((), "fail", "does not call"),
        (("https://other.example.com/hook",), "fail", "does not call"),
        ((OURS + "another",), "fail", "with another token"),
        ((f"https://user:pass@news.example.com/webhooks/postmark/{TOKEN}",), "pass", "calls"),
        (("https://x.example.com/", OURS + TOKEN), "pass", "calls"),
        (None, "skip", "does not tell"),
    ],
)
def test_the_address_that_the_provider_calls_is_compared_with_ours(
    registered: tuple[str, ...] | None, state: str, words: str, tmp_path: Path
) -> None:
    found = results(tmp_path, POSTMARK + HOOK, registered)

    assert found["registered"].state == state
    assert words in found["registered"].message


def test_amazon_tells_topics(tmp_path: Path) -> None:
    toml = (
        '[send]\nprovider = "ses"\n[providers.ses]\naccess_key_id = "env:T"\nsecret_access_key = "env:T"\n'
        'region = "eu-central-1"\nconfiguration_set = "n"\ntopic_arn = "arn:aws:sns:eu-central-1:1:news"\n'
    )

    right = results(tmp_path, toml + HOOK, ("arn:aws:sns:eu-central-1:1:news",))
    other = results(tmp_path, toml + HOOK, ("arn:aws:sns:eu-central-1:1:other",))

    assert (right["registered"].state, other["registered"].state) == ("pass", "fail")


def test_a_mail_server_without_a_return_path_is_warned_of(tmp_path: Path) -> None:
    smtp = '[send]\nprovider = "smtp"\n[providers.smtp]\nhost = "mail.example.com"\n'

    without, given = results(tmp_path, smtp), results(tmp_path, smtp + 'return_path = "bounces@example.com"\n')

    assert (without["return_path"].state, given["return_path"].state) == ("warn", "pass")
