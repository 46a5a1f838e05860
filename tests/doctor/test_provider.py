"""The provider's account, asked on servers that answer as the providers document it."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from newsletter.config import PublicationSettings, load_publication
from newsletter.doctor.finding import CheckResult
from newsletter.doctor.provider import AccountAnswers, ProviderJudgement, ask_account, clock_offset, clock_result
from newsletter.doctor.sending_domain import sending_domain
from newsletter.providers import find_provider, read_settings
from newsletter.providers.accounts import ACCOUNTS, account_check
from newsletter.providers.accounts.account import KeyRefusedError, NoAnswerError, NoRightError
from newsletter.providers.base import Response
from tests.support.account_server import ANSWERS, DOMAIN, Account, AccountServer
from tests.support.provider_server import KEY
from tests.support.sending import settings


def publication_of(folder: Path, server: AccountServer) -> PublicationSettings:
    path = settings(folder, server.toml).path
    path.write_text(path.read_text().replace("news@example.com", f"news@{DOMAIN}"))
    return load_publication(path)


def asked(
    folder: Path, server: AccountServer, readers: int | None = 1000
) -> tuple[AccountAnswers, dict[str, CheckResult]]:
    """The answers of an account, and the results by the last part of the check's name."""
    publication = publication_of(folder, server)
    provider, check = find_provider(publication), account_check(server.dialect)
    assert check
    answers = ask_account(check, read_settings(publication, provider), DOMAIN)
    judged = ProviderJudgement(provider=provider, check=check, answers=answers, domain=DOMAIN, readers=readers)
    return answers, {result.check.rpartition(".")[2]: result for result in judged.results()}


@pytest.fixture(autouse=True)
def right_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVIDER_KEY", KEY)


def test_every_provider_with_an_account_is_asked() -> None:
    assert set(ACCOUNTS) == set(ANSWERS)
    for name in ACCOUNTS:
        check = account_check(name)
        assert check
        assert check.records
        assert all(question.page.startswith("https://") for question in check.questions)


@pytest.mark.parametrize("name", ACCOUNTS)
def test_an_account_in_which_all_is_well_passes(name: str, tmp_path: Path) -> None:
    with AccountServer(name, Account(hooks=("https://news.example.com/webhooks/x",))) as server:
        answers, results = asked(tmp_path, server)

    assert {result.state for result in results.values()} <= {"pass", "skip"}
    assert results["key"].state == "pass"
    assert answers.facts.webhooks == ("https://news.example.com/webhooks/x",)
    assert not answers.unread
    assert answers.clock_off is not None
    assert abs(answers.clock_off) < timedelta(hours=1)


@pytest.mark.parametrize("name", ACCOUNTS)
def test_a_wrong_key_fails_with_the_provider_s_words_and_no_more_is_asked(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVIDER_KEY", "wrong-and-secret")
    with AccountServer(name) as server:
        _, results = asked(tmp_path, server)

    assert results["key"].state == "fail"
    assert "refuses the key: 40" in results["key"].message
    assert len(server.asked) == len(results) == 1
    assert not any("wrong-and-secret" in f"{result.message}{result.fix}" for result in results.values())


@pytest.mark.parametrize("name", ["postmark", "mailgun", "ses", "sendgrid", "brevo", "mailersend", "sparkpost"])
def test_a_sandbox_fails(name: str, tmp_path: Path) -> None:
    with AccountServer(name, Account(is_sandbox=True)) as server:
        _, results = asked(tmp_path, server)

    assert results["account"].state == "fail"
    assert "Readers would get nothing" in results["account"].message


@pytest.mark.parametrize("name", ["mailgun", "ses", "sendgrid", "brevo", "mailersend", "sparkpost"])
def test_a_used_up_quota_fails(name: str, tmp_path: Path) -> None:
    with AccountServer(name, Account(left=0)) as server:
        _, results = asked(tmp_path, server)

    assert results["quota"].state == "fail"
    assert "is used up" in results["quota"].message


@pytest.mark.parametrize("name", ["mailgun", "ses", "sendgrid", "brevo", "sparkpost"])
def test_a_quota_below_the_number_of_readers_is_warned_of(name: str, tmp_path: Path) -> None:
    with AccountServer(name, Account(left=500)) as server:
        _, results = asked(tmp_path, server, readers=1000)

    assert results["quota"].state == "warn"
    assert "500 messages may still be sent" in results["quota"].message
    assert "1,000 active readers" in results["quota"].message


@pytest.mark.parametrize("name", sorted({*ACCOUNTS} - {"postmark"}))
def test_a_domain_that_is_not_verified_fails_with_the_records_to_publish(name: str, tmp_path: Path) -> None:
    with AccountServer(name, Account(is_verified=False)) as server:
        _, results = asked(tmp_path, server)

    check = account_check(name)
    assert check
    assert (results["domain"].state, results["domain"].fix) == ("fail", check.records)


@pytest.mark.parametrize("name", sorted({*ACCOUNTS} - {"postmark", "mailjet", "brevo"}))
def test_a_key_that_may_only_send_is_no_fault(name: str, tmp_path: Path) -> None:
    with AccountServer(name, Account(may_only_send=True)) as server:
        _, results = asked(tmp_path, server)

    assert results["key"].state == "pass"
    assert results["domain"].state == "skip"
    assert "may not ask" in results["domain"].message


@pytest.mark.parametrize(
    ("name", "selector", "bounces"),
    [
        ("resend", "resend", f"send.{DOMAIN}"),
        ("mailgun", "k1", DOMAIN),
        ("ses", "t1", ""),
        ("sendgrid", "s1", f"em1.{DOMAIN}"),
        ("brevo", "mail", ""),
        ("mailjet", "mailjet", ""),
        ("mailersend", "mlsend2", f"mta.{DOMAIN}"),
        ("sparkpost", "scph0125", ""),
    ],
)
def test_the_account_tells_where_its_dkim_keys_stand_and_where_bounces_go(
    name: str, selector: str, bounces: str, tmp_path: Path
) -> None:
    with AccountServer(name) as server:
        answers, _ = asked(tmp_path, server)
        publication = publication_of(tmp_path, server)
        domain = sending_domain(publication, find_provider(publication), answers.facts)

    assert domain.dkim_names[0].rstrip(".") == f"{selector}._domainkey.{DOMAIN}"
    assert domain.return_path == bounces
    assert domain.are_names_told


def test_a_provider_that_is_down_is_told_apart_from_a_wrong_key(tmp_path: Path) -> None:
    with AccountServer("postmark") as server:
        server.down = True
        _, results = asked(tmp_path, server)

    assert results["key"].state == "warn"
    assert "503" in results["key"].message


def test_a_base_url_where_something_else_answers_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with AccountServer("postmark") as server:
        monkeypatch.setattr(server, "read", lambda _target, _headers: (404, b"<html>Not here</html>"))
        _, results = asked(tmp_path, server)

    assert (results["key"].state, results["key"].fix) == ("fail", "Look at base_url under [providers.postmark].")


def test_a_provider_that_cannot_be_reached_fails_and_says_so(tmp_path: Path) -> None:
    with AccountServer("postmark") as server:
        toml = server.toml
    publication = settings(tmp_path, toml)
    check = account_check("postmark")
    assert check

    answers = ask_account(check, read_settings(publication, find_provider(publication)), DOMAIN)

    assert "no connection" in answers.silent


@pytest.mark.parametrize(
    "body", [b"", b"<html>Welcome</html>", b"[]", b"null", b'{"data": 3}', b"\xff" * 100, b"[" * 100_000]
)
@pytest.mark.parametrize("name", ACCOUNTS)
def test_an_answer_that_is_not_the_documented_one_is_no_traceback(name: str, body: bytes, tmp_path: Path) -> None:
    check = account_check(name)
    assert check
    with AccountServer(name) as server:
        known = read_settings(publication := publication_of(tmp_path, server), find_provider(publication))
    for status in (200, 401, 403, 404, 422, 500):
        for question in check.questions:
            with suppress(KeyRefusedError, NoRightError, NoAnswerError):
                question.facts(Response(status=status, headers={}, body=body), known, DOMAIN)


@pytest.mark.parametrize(("seconds", "state"), [(0, "pass"), (-30, "pass"), (90, "warn"), (-90, "warn"), (400, "fail")])
def test_a_clock_that_is_off_is_warned_of_and_fails_beyond_five_minutes(seconds: int, state: str) -> None:
    now = datetime(2025, 1, 17, 12, tzinfo=UTC)
    response = Response(status=200, headers={"date": "Fri, 17 Jan 2025 12:00:00 GMT"}, body=b"")

    offset = clock_offset(response, now + timedelta(seconds=seconds))

    assert offset is not None
    assert clock_result("provider.clock", offset, "Postmark").state == state
