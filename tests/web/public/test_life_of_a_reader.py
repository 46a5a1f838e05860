"""A reader's whole way in Chromium: sign up on a phone, confirm, read, choose, leave by the header, return."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Literal

import pytest
import requests
from playwright.sync_api import Browser

from tests.web.public.leaving import People
from tests.web.public.serving import Mail, Served, make_publication, path_in, serve, text_of

ISSUE = "---\nsubject: Hello\n---\n\nGood morning {{ first_name }}, we flew to Mars.\n"
QUICK = '[signup]\nmin_time = "0s"\nper_network = "off"'
WORDS = {
    "en": {"join": "Join now", "confirm": "Yes, send it to me", "save": "Save"},
    "ar": {"join": "اشترك الآن", "confirm": "نعم، أرسلوه إليّ", "save": "حفظ"},
}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    folder = make_publication(tmp_path / "news", QUICK)
    (folder / "issues").mkdir()
    (folder / "issues" / "2025-01-17-hello.md").write_text(ISSUE, encoding="utf-8")
    with serve(folder) as running:
        yield running


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("ar", "dark")])
def test_a_reader_signs_up_confirms_reads_chooses_leaves_and_returns(
    served: Served, browser: Browser, language: str, scheme: Literal["light", "dark"]
) -> None:
    words, people = WORDS[language], People(served.folder)
    phone = browser.new_context(viewport={"width": 375, "height": 700}, locale=language, color_scheme=scheme)
    page = phone.new_page()

    page.goto(f"{served.url}/subscribe")
    page.locator("#email").fill("ada@example.com")
    page.locator("#name").fill("Ada Lovelace")
    page.get_by_role("button", name=words["join"]).click()
    page.goto(served.url + path_in(Mail(served.folder).to("ada@example.com")[0], "confirm"))
    assert people.find("ada@example.com").status == "pending"
    page.get_by_role("button", name=words["confirm"]).click()
    assert people.find("ada@example.com").lists == {"daily": "active"}

    letter = sent(served)
    assert "Good morning Ada, we flew" in text_of(letter)
    page.goto(f"{served.url}/issues/hello")
    assert page.get_by_text("Good morning").is_visible()

    page.goto(served.url + path_in(letter, "preferences"))
    page.get_by_label("Weekly Inference").check()
    page.get_by_role("button", name=words["save"], exact=True).click()
    assert people.find("ada@example.com").lists == {"daily": "active", "weekly": "active"}
    assert page.locator("html").get_attribute("lang") == language

    leave = path_in(letter, "unsubscribe")
    assert leave in letter["List-Unsubscribe"]
    assert requests.post(served.url + leave, "List-Unsubscribe=One-Click", timeout=60).status_code == 200
    assert people.find("ada@example.com").lists == {"daily": "unsubscribed", "weekly": "active"}

    page.goto(served.url + path_in(letter, "preferences"))
    page.get_by_label("Daily Inference").check()
    page.get_by_role("button", name=words["save"], exact=True).click()
    assert people.find("ada@example.com").lists == {"daily": "active", "weekly": "active"}

    requests.post(served.url + leave, "List-Unsubscribe=One-Click", timeout=60)
    page.goto(f"{served.url}/")
    page.locator("#email").fill("ada@example.com")
    page.get_by_role("button", name=words["join"]).click()
    page.goto(served.url + path_in(Mail(served.folder).to("ada@example.com", 2)[1], "confirm"))
    page.get_by_role("button", name=words["confirm"]).click()
    assert people.find("ada@example.com").lists == {"daily": "active", "weekly": "active"}
    phone.close()
    people.database.close()


def sent(served: Served) -> EmailMessage:
    """Send the issue with the command, and return the only message of its campaign."""
    command = [sys.executable, "-m", "newsletter", "send", "hello", "--yes"]
    subprocess.run(command, cwd=served.folder, check=True, capture_output=True)
    [file] = served.folder.glob("outbox/1-hello/*.eml")
    return message_from_bytes(file.read_bytes(), policy=policy.default)
