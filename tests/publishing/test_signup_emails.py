"""Greetings: the emails to somebody who joins, in every language, and welcome issues, which are no campaign's."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from msgspec import structs

from newsletter.checks.rules.size import CLIPPED
from newsletter.config import load_publication
from newsletter.errors import IssueError, NewsletterError
from newsletter.issues.summaries import is_welcome
from newsletter.messages.mailing import Mailing, envelope
from newsletter.messages.types import CompiledMessage
from newsletter.publishing.signup_emails import EVERY, compile_signup_emails
from newsletter.rendering.build import sample_recipient
from newsletter.subscribers.welcomes import Welcome
from tests.conftest import Run
from tests.subscribers.test_signups import NOW

FRONT = "subject: Welcome\ndate: 2025-01-17\nkind: welcome"


def write(folder: Path, name: str, front: str, body: str = "Good to have you.") -> Path:
    (folder / "issues").mkdir(exist_ok=True)
    path = folder / "issues" / f"{name}.md"
    path.write_text(f"---\n{front}\n---\n{body}\n", encoding="utf-8")
    return path


def compiled(folder: Path) -> dict[tuple[str, str], CompiledMessage]:
    return dict(compile_signup_emails(load_publication(folder / "newsletter.toml")).messages)


@pytest.mark.parametrize("code", ["ar", "de", "en", "es", "fr"])
def test_a_confirmation_is_an_email_like_an_issue_with_one_way_to_say_yes(publication_folder: Path, code: str) -> None:
    message = compiled(publication_folder)["confirmation", code]

    assert f'lang="{code}"' in message.html
    assert f'dir="{"rtl" if code == "ar" else "ltr"}"' in message.html
    assert "prefers-color-scheme: dark" in message.html
    assert message.tags == ("{{ lists_asked }}", "{{ confirm_url }}", "{{ email }}")
    assert message.open(message.text).count("{{ confirm_url }}") == 1
    assert len(message.html) < CLIPPED / 2


def test_a_confirmation_escapes_what_it_is_given(publication_folder: Path) -> None:
    publication = load_publication(publication_folder / "newsletter.toml")
    message = compiled(publication_folder)["confirmation", "en"]
    sample = sample_recipient(publication, "confirmation")
    fields = {**sample.fields, "confirm_url": "https://x.example/a?b=1&c=<", "lists_asked": "<b>Daily</b>"}
    recipient = structs.replace(sample, fields=fields)

    html = Mailing(message, envelope(publication, "daily", NOW, "key")).message(recipient).html

    assert "&lt;b&gt;Daily&lt;/b&gt;" in html
    assert "<b>Daily" not in html


def test_a_welcome_with_starter_text_greets_nobody(publication_folder: Path) -> None:
    write(publication_folder, "welcome", FRONT, "Good to have you. What happened, in a sentence or two.")

    with pytest.raises(IssueError, match="starter"):
        compile_signup_emails(load_publication(publication_folder / "newsletter.toml"))


def test_a_welcome_is_found_by_what_it_says_and_sent_when_it_says(publication_folder: Path) -> None:
    write(publication_folder, "welcome", FRONT)
    write(publication_folder, "later", f"{FRONT}\nafter: 2d")
    write(publication_folder, "2025-01-17-hello", "subject: Hello")

    found = compile_signup_emails(load_publication(publication_folder / "newsletter.toml"))

    first = Welcome(slug="welcome", list="daily", after=timedelta(0))
    assert found.welcomes == (first, Welcome(slug="later", list="daily", after=timedelta(days=2)))
    assert found.messages["welcome", EVERY].subject == "Welcome"
    assert not any(name == "hello" for name, _language in found.messages)


def test_a_welcome_has_no_page_no_date_and_a_way_to_leave(publication_folder: Path) -> None:
    write(publication_folder, "welcome", FRONT)

    message = compiled(publication_folder)["welcome", EVERY]

    text = message.open(message.html) + message.open(message.text)
    assert "View in browser" not in text
    assert "January 17" not in text
    assert "{{ unsubscribe_url }}" in text


def test_a_welcome_is_never_sent_as_a_campaign(publication_folder: Path, newsletter: Run) -> None:
    write(publication_folder, "welcome", FRONT)
    newsletter("subscribers", "add", "ada@example.com", cwd=publication_folder)

    for command in ("send", "schedule"):
        done = newsletter(command, "welcome", "--yes", cwd=publication_folder)
        assert done.returncode == 1
        assert '"welcome" is a welcome and cannot be sent as a campaign' in done.stderr


@pytest.mark.parametrize(
    ("front", "said"),
    [
        ("subject: W\ndate: 2025-01-17\nkind: welcom", 'there is no kind "welcom"'),
        ("subject: W\ndate: 2025-01-17\nafter: 2d", "this is no welcome"),
        (f"{FRONT}\nafter: soon", '"soon" is not a duration'),
    ],
)
def test_what_is_wrong_with_a_kind_is_told_with_its_line(publication_folder: Path, front: str, said: str) -> None:
    write(publication_folder, "welcome", front)

    with pytest.raises(IssueError, match=said):
        _build(publication_folder)


def _build(folder: Path) -> None:
    from newsletter.rendering.build import build_issue

    build_issue(load_publication(folder / "newsletter.toml"), folder / "issues" / "welcome.md")


def test_a_file_that_cannot_be_read_is_no_welcome(tmp_path: Path) -> None:
    (tmp_path / "binary.md").write_bytes(b"\xff\xfe---")

    assert not is_welcome(tmp_path / "binary.md")
    assert not is_welcome(tmp_path / "nowhere.md")


def test_a_template_of_the_publication_that_is_wrong_is_told_with_its_line(publication_folder: Path) -> None:
    folder = publication_folder / "templates" / "emails"
    folder.mkdir(parents=True)
    (folder / "confirmation.mjml").write_text("{% if %}", encoding="utf-8")

    with pytest.raises(NewsletterError, match=r"templates/emails/confirmation\.mjml:1"):
        compiled(publication_folder)
