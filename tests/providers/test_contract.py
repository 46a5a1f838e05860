"""The contract of providers: every provider in PROVIDERS passes these tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from newsletter.config import PublicationSettings
from newsletter.errors import ConfigError
from newsletter.messages.mailing import Mailing
from newsletter.providers import PROVIDERS, dispatch, find_provider, read_settings, smtp_connections
from newsletter.providers.base import Answer, Batch, Outcome, Provider, Response
from tests.providers.test_postmark import ENVELOPE, recipient
from tests.support.api_servers import API_SERVERS
from tests.support.mail_server import Script
from tests.support.provider_server import KEY, ProviderServer
from tests.support.provider_server import SERVERS as FIRST_SERVERS
from tests.support.sending import MESSAGE, settings

NAMES = sorted(PROVIDERS)
SERVERS = {**FIRST_SERVERS, **API_SERVERS}


def publication(folder: Path, name: str, url: str = "http://127.0.0.1:1", more: str = "") -> PublicationSettings:
    keys = f'base_url = "{url}"\n{SERVERS[name].settings}' if name in SERVERS else ""
    if name == "smtp":
        keys = f'host = "127.0.0.1"\nport = {url.rpartition(":")[2]}\nsecurity = "none"\n'
    return settings(folder, f'[send]\nprovider = "{name}"\n[providers.{name}]\n{keys}{more}')


@contextmanager
def served(name: str) -> Iterator[str]:
    """Start a server that answers like the provider called `name`; its address is the value."""
    if name == "smtp":
        with Script({}) as script:
            yield f"smtp://127.0.0.1:{script.port}"
            smtp_connections.close_idle()
    else:
        with SERVERS.get(name, ProviderServer)() as server:
            yield server.url


@pytest.fixture(params=NAMES)
def provider(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Provider:
    monkeypatch.setenv("PROVIDER_KEY", KEY)
    return find_provider(publication(tmp_path, request.param))


def batch(size: int) -> Batch:
    people = tuple(recipient(number, f"Reader {number}") for number in range(1, size + 1))
    return Batch(mailing=Mailing(MESSAGE, ENVELOPE), recipients=people, key="k", label="1-hello")


def hand_over(folder: Path, provider: Provider, size: int, url: str) -> Answer:
    loaded = read_settings(publication(folder, provider.name, url), provider)
    return dispatch.hand_over(dispatch.prepare(provider, batch(size), loaded))


def test_a_record_names_itself_and_its_limits(provider: Provider) -> None:
    assert PROVIDERS[provider.name].endswith(f":{provider.name.upper()}")
    assert provider.batch_size > 0
    assert provider.dedupe_ttl is None or provider.dedupe_ttl > timedelta(0)


def test_it_speaks_http_or_sends_by_itself_and_never_both(provider: Provider) -> None:
    assert (provider.send is None) == (provider.request is not None) == (provider.outcomes is not None)


def test_a_whole_batch_is_accepted_with_one_result_each(provider: Provider, tmp_path: Path) -> None:
    with served(provider.name) as url:
        answer = hand_over(tmp_path, provider, provider.batch_size, url)

    assert [result.outcome for result in answer.results] == [Outcome.ACCEPTED] * provider.batch_size
    assert all(result.provider_id for result in answer.results)


def test_an_unknown_key_is_refused_with_its_line_and_the_nearest(provider: Provider, tmp_path: Path) -> None:
    known = provider.settings[0].name
    with pytest.raises(ConfigError, match=rf'newsletter.toml:\d+: \[providers.{provider.name}\].*"{known}x"') as caught:
        find_provider(publication(tmp_path, provider.name, more=f'{known}x = "y"\n'))

    assert f'Did you mean "{known}"' in str(caught.value)


def test_a_key_that_is_no_text_is_refused(provider: Provider, tmp_path: Path) -> None:
    last = next(setting.name for setting in reversed(provider.settings))
    with pytest.raises(ConfigError, match=f"{last} = 7: write text in quotes"):
        find_provider(settings(tmp_path, f"[providers.{provider.name}]\n{last} = 7\n"), provider.name)


def test_a_required_key_is_asked_for(provider: Provider, tmp_path: Path) -> None:
    required = [setting.name for setting in provider.settings if setting.default is None]
    if not required:
        assert find_provider(settings(tmp_path), provider.name) is provider
        return
    with pytest.raises(ConfigError, match=f'"{required[0]}" is missing'):
        find_provider(settings(tmp_path), provider.name)


def test_http_answers_of_every_status_give_one_result_each(provider: Provider) -> None:
    if provider.outcomes is None:
        return
    for status in (200, 201, 202, 301, 400, 401, 403, 404, 408, 413, 422, 429, 500, 502, 503, 504):
        for body in (b"", b"<html></html>", b"[]", b"{}", b"null", b"\xff\xfe"):
            answer = provider.outcomes(Response(status=status, headers={}, body=body), batch(3))
            assert len(answer.results) == 3
            assert Outcome.ACCEPTED not in {result.outcome for result in answer.results}


def test_a_secret_is_read_only_when_sending_needs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROVIDER_KEY", raising=False)
    news = publication(tmp_path, "postmark", more='webhook_secret = "env:NOT_SET"\n')
    provider = find_provider(news)

    with pytest.raises(ConfigError, match="PROVIDER_KEY is not set"):
        read_settings(news, provider)
    monkeypatch.setenv("PROVIDER_KEY", KEY)
    assert read_settings(news, provider)["token"] == KEY


@pytest.mark.parametrize("secret", ["two\nlines", "ключ"])
def test_a_secret_that_no_header_can_carry_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    monkeypatch.setenv("PROVIDER_KEY", secret)
    news = publication(tmp_path, "postmark")

    with pytest.raises(ConfigError, match=r"\[providers.postmark\] token"):
        read_settings(news, find_provider(news))


def test_a_key_never_travels_unencrypted_to_another_machine(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not an https:// address"):
        publication(tmp_path, "postmark", url="http://api.example.com")


def test_an_unknown_provider_gets_the_nearest_with_the_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        find_provider(settings(tmp_path, '[send]\nprovider = "postmrk"\n'))

    assert "newsletter.toml:11: " in str(caught.value)
    assert 'Did you mean "postmark"? Providers: brevo, mailersend, mailgun, mailjet, outbox,' in str(caught.value)
