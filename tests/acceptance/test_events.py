"""A whole life: an issue goes out, bounces and a complaint come back, and everything knows."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest
import requests

from tests.conftest import Run
from tests.support.provider_server import KEY, Postmark
from tests.support.sending import settings
from tests.web.public.serving import serve

ISSUE = """---
subject: "{subject}"
preheader: "What readers see in the inbox after the subject."
date: 2025-01-1{day}
---
Good morning.
"""


def test_bounces_and_a_complaint_come_back_and_the_next_issue_knows(
    newsletter: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVIDER_KEY", KEY)
    folder = tmp_path / "news"

    def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return newsletter(*arguments, cwd=folder, stdin=stdin)

    with Postmark() as provider:
        settings(folder, f'{provider.toml}webhook_token = "env:PROVIDER_KEY"\n')
        (folder / "issues").mkdir()
        for day, subject in ((7, "The first issue of them"), (8, "The second issue of them")):
            text = ISSUE.format(subject=subject, day=day)
            (folder / "issues" / f"2025-01-1{day}-day-{day}.md").write_text(text, encoding="utf-8")
        for name in ("ada", "bob", "cy"):
            assert run("subscribers", "add", f"{name}@example.com").returncode == 0
        sent = run("send", "day-7", "--yes")
        assert sent.returncode == 0, sent.stderr
        by_address = {message["To"]: message["Metadata"] for message in provider.messages}

        with serve(folder, environment={"PROVIDER_KEY": KEY}) as server:
            for record in (
                {"RecordType": "Delivery", "Recipient": "cy@example.com", "DeliveredAt": "2025-01-17T13:00:00Z"},
                {"RecordType": "Bounce", "Type": "HardBounce", "Email": "ada@example.com", "Details": "550 5.1.1"},
                {"RecordType": "SpamComplaint", "Email": "bob@example.com"},
            ):
                address = record.get("Email") or record["Recipient"]
                body = {"BouncedAt": "2025-01-17T13:00:00Z", "MessageID": address, "Metadata": by_address[address]}
                answer = requests.post(f"{server.url}/webhooks/postmark/{KEY}", json={**body, **record})
                assert answer.status_code == 200
            deadline = time.monotonic() + 30
            while len(json.loads(run("suppressions", "list", "--json").stdout)) < 2:
                assert time.monotonic() < deadline

        status = json.loads(run("status", "day-7", "--json").stdout)
        assert {kind: number for kind, number in status["events"].items() if number} == {
            "delivered": 1,
            "bounced": 1,
            "complained": 1,
        }
        why = run("why", "ada@example.com", "day-7").stdout
        assert "bounced (hard): 550 5.1.1" in why
        assert "Not mailed any more" in why
        shown = json.loads(run("subscribers", "show", "bob@example.com", "--json").stdout)
        assert (shown["lists"], shown["suppressed"]["reason"]) == ({"daily": "unsubscribed"}, "complained")

        assert run("send", "day-8", "--yes").returncode == 0
        second = [message["To"] for message in provider.messages[3:]]
        assert second == ["cy@example.com"]
