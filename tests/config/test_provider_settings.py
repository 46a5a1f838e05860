"""The settings of providers and of the database are checked whatever the command, and import no provider."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from newsletter.config.provider_settings import PROVIDER_SETTINGS
from newsletter.errors import ConfigError
from newsletter.providers import PROVIDERS
from tests.config.test_settings import SMALL, load
from tests.conftest import Run

WRONG = {
    '[send]\nprovider = "postmrk"\n': '8: no provider is named "postmrk"\n  Did you mean "postmark"?',
    '[providers.mailgum]\ndomain = "example.com"\n': '7: [providers.mailgum] no provider is named "mailgum"',
    '[providers.smtp]\nhots = "mail"\n': '8: [providers.smtp] no setting is named "hots"\n  Did you mean "host"?',
    "[providers.smtp]\nport = 70000\n": "8: [providers.smtp] port = 70000: write a number up to 65535",
    '[providers.mailgun]\n[send]\nprovider = "mailgun"\n': '7: [providers.mailgun] "api_key" is missing',
    '[send]\nprovider = ["outbox", "smtp"]\n': '8: [providers.smtp] "host" is missing',
    '[database]\nurl = "mysql://root@127.0.0.1/news"\n': '8: [database] url: no database is named "mysql"',
    '[database]\nurl = "sqlite://"\n': "8: [database] url: a database in memory would forget every reader",
    '[database]\nurl = "news.db"\n': "8: [database] url is not a database's address",
}


def test_the_table_of_keys_is_that_of_the_providers() -> None:
    assert list(PROVIDER_SETTINGS) == list(PROVIDERS)


@pytest.mark.parametrize(("toml", "words"), WRONG.items(), ids=lambda value: value.strip().splitlines()[-1])
def test_a_wrong_provider_key_or_database_is_refused_at_its_line(tmp_path: Path, toml: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, SMALL + toml)

    assert f"newsletter.toml:{words}" in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("command", ["build hello", "check", "new Hello", "subscribers list", "campaigns", "status 1"])
def test_every_command_refuses_an_unknown_provider(newsletter: Run, publication_folder: Path, command: str) -> None:
    path = publication_folder / "newsletter.toml"
    path.write_text(path.read_text(encoding="utf-8") + '\n[providers.postmrk]\ntoken = "env:KEY"\n', encoding="utf-8")

    result = newsletter(*command.split(), cwd=publication_folder)

    assert result.returncode == 2
    assert 'no provider is named "postmrk"' in result.stderr


def test_reading_the_settings_imports_no_provider_and_no_database(tmp_path: Path) -> None:
    (tmp_path / "newsletter.toml").write_text(SMALL, encoding="utf-8")
    code = (
        "import sys; from pathlib import Path; from newsletter.config import load_publication;"
        "load_publication(Path(sys.argv[1]));"
        "sys.exit(any(name in sys.modules for name in ('newsletter.providers', 'requests', 'sqlalchemy')))"
    )

    assert subprocess.run([sys.executable, "-c", code, tmp_path / "newsletter.toml"], check=False).returncode == 0
