"""A secret that could be guessed stops whatever would sign links with it, before anything is done."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Run
from tests.support.sending import settings


@pytest.mark.parametrize(
    "command",
    [
        ("send", "hello", "--yes", "--allow", "NL201"),
        ("schedule", "hello", "--at", "2030-01-01 07:00", "--yes", "--allow", "NL201"),
        ("serve", "--port", "0"),
        ("test", "hello", "--to", "ada@example.com"),
    ],
)
def test_a_short_secret_is_refused_and_no_campaign_is_made(
    tmp_path: Path, newsletter: Run, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    folder = settings(tmp_path, '[environment]\nsecret = "env:LINK_SECRET"\n', issue=True).root
    monkeypatch.setenv("LINK_SECRET", "guess me")
    folder.joinpath("readers.csv").write_text("email\nada@example.com\n")
    newsletter("subscribers", "import", "readers.csv", cwd=folder)

    refused = newsletter(*command, cwd=folder)

    assert refused.returncode == 2
    assert "newsletter.toml:" in refused.stderr
    assert "the secret in LINK_SECRET has 8 characters" in refused.stderr
    assert newsletter("campaigns", "--json", cwd=folder).stdout.strip() == "[]"
