"""Mail that comes back says who cannot be reached, and nothing that somebody made up."""

from __future__ import annotations

import json
import mailbox
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.campaigns.return_paths import delivery_reader, return_path_of
from newsletter.config import PublicationSettings
from newsletter.database.connection import open_database
from newsletter.events.bounces import read_bounce
from newsletter.providers.webhooks import ReportKind
from tests.conftest import Run
from tests.support.imap_server import ImapServer
from tests.support.mail_server import Script
from tests.support.sending import add_readers, settings, start_campaign

pytestmark = pytest.mark.usefixtures("each_database")

NOW = datetime(2025, 1, 18, tzinfo=UTC)
MAILBOX = "bounces@news.example.com"


@pytest.fixture(scope="module")
def publication(each_database: str, tmp_path_factory: pytest.TempPathFactory) -> PublicationSettings:
    folder = tmp_path_factory.mktemp("bounces")
    made = settings(folder, '[bounces]\nimap_password = "env:IMAP_PASSWORD"\n')
    database = open_database(made)
    add_readers(database, 9)
    with database.begin() as connection:
        start_campaign(connection)
    database.close()
    return made


@pytest.fixture
def run(newsletter: Run, publication: PublicationSettings, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("IMAP_PASSWORD", "secret")

    def bounces(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return newsletter(*arguments, cwd=publication.root, stdin=stdin)

    return bounces


def path(publication: PublicationSettings, reader: int = 1) -> str:
    return return_path_of(publication, MAILBOX)(f"1.{reader}")


def dsn(
    to: str, *, action: str = "failed", status: str = "5.1.1", words: str = "smtp; 550 5.1.1 user unknown"
) -> bytes:
    """Return a notification as RFC 3464 has it in its appendix."""
    return f"""From: Mail Delivery Subsystem <MAILER-DAEMON@mx.example.org>
To: {to}
Subject: Undelivered Mail Returned to Sender
Date: Fri, 17 Jan 2025 13:00:00 +0000
Message-ID: <dsn-{action}-{status}-{to}>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

This is the mail system.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org

Final-Recipient: rfc822; r1@example.com
Action: {action}
Status: {status}
Diagnostic-Code: {words}

--b
Content-Type: text/rfc822-headers

Subject: Hello
--b--
""".encode()


def arf(to: str, feedback: str = "abuse") -> bytes:
    """Return a report as RFC 5965 has it in its appendix."""
    return f"""From: <abusedesk@example.com>
To: <abuse@news.example.com>
Subject: FW: Hello
Date: Fri, 17 Jan 2025 13:00:00 +0000
Message-ID: <arf-{feedback}@example.com>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: text/plain

This is an email abuse report.

--b
Content-Type: message/feedback-report

Feedback-Type: {feedback}
User-Agent: SomeGenerator/1.0
Version: 1
Original-Mail-From: <{to}>

--b
Content-Type: message/rfc822

From: <news@example.com>
Subject: Hello

Hello
--b--
""".encode()


def kind(publication: PublicationSettings, raw: bytes) -> ReportKind | None:
    report = read_bounce(raw, delivery_reader(publication), NOW)
    if report:
        assert (report.delivery_id, report.at) == ("1.1", datetime(2025, 1, 17, 13, tzinfo=UTC))
    return report.kind if report else None


@pytest.mark.parametrize(
    ("action", "status", "words", "expected"),
    [
        ("failed", "5.1.1", "smtp; 550 5.1.1 user unknown", ReportKind.HARD_BOUNCE),
        ("failed", "5.1.2", "X-Postfix; Host or domain name not found", ReportKind.HARD_BOUNCE),
        ("failed", "5.0.0", "smtp; 550 No such user here", ReportKind.HARD_BOUNCE),
        ("failed", "5.2.2", "smtp; 552 5.2.2 mailbox full", ReportKind.SOFT_BOUNCE),
        ("failed", "4.4.1", "X-Postfix; connection timed out", ReportKind.SOFT_BOUNCE),
        ("failed", "5.7.1", "smtp; 550 5.7.1 blocked by policy", ReportKind.BLOCKED),
        ("failed", "5.7.26", "smtp; 550 5.7.26 unauthenticated email is not accepted", ReportKind.BLOCKED),
        ("delayed", "4.4.7", "smtp; 421 try later", ReportKind.DEFERRED),
        ("delivered", "2.0.0", "smtp; 250 ok", ReportKind.DELIVERED),
        ("relayed", "2.0.0", "smtp; 250 ok", None),
    ],
)
def test_a_notification_says_what_became_of_the_message(
    publication: PublicationSettings, action: str, status: str, words: str, expected: ReportKind | None
) -> None:
    assert kind(publication, dsn(path(publication), action=action, status=status, words=words)) is expected


@pytest.mark.parametrize(
    ("feedback", "expected"),
    [("abuse", ReportKind.COMPLAINED), ("opt-out", ReportKind.UNSUBSCRIBED), ("not-spam", None)],
)
def test_a_feedback_report_is_a_complaint(
    publication: PublicationSettings, feedback: str, expected: ReportKind | None
) -> None:
    assert kind(publication, arf(path(publication), feedback)) is expected


def test_a_server_that_keeps_to_no_standard_is_understood(publication: PublicationSettings) -> None:
    raw = f"""From: MAILER-DAEMON@mx.example.org
To: {path(publication)}
Subject: failure notice
Date: Fri, 17 Jan 2025 13:00:00 +0000

Hi. This is the qmail-send program at mx.example.org.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<r1@example.com>:
192.0.2.1 does not like recipient.
Remote host said: 550 5.1.1 unknown user
Giving up on 192.0.2.1.

--- Below this line is a copy of the message.
""".encode()
    assert kind(publication, raw) is ReportKind.HARD_BOUNCE


@pytest.mark.parametrize(
    "header", ["Auto-Submitted: auto-replied (vacation)", "Precedence: auto_reply", "X-Autoreply: yes"]
)
def test_an_automatic_reply_is_no_bounce(publication: PublicationSettings, header: str) -> None:
    raw = f"From: r1@example.com\nTo: {path(publication)}\nSubject: Away\n{header}\n\nI am away until Monday.\n"
    assert kind(publication, raw.encode()) is None


def test_a_bounce_of_exim_in_its_own_form_is_read_though_it_is_marked_as_a_reply(
    publication: PublicationSettings,
) -> None:
    raw = f"""From: Mail Delivery System <Mailer-Daemon@mx.example.org>
To: {path(publication)}
Subject: Mail delivery failed: returning message to sender
Date: Fri, 17 Jan 2025 13:00:00 +0000
Auto-Submitted: auto-replied
X-Failed-Recipients: r1@example.com

This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  r1@example.com
    SMTP error from remote mail server after RCPT TO:<r1@example.com>:
    host mx.example.com [192.0.2.1]: 550 5.1.1 unknown user

------ This is a copy of the message, including all the headers. ------

Subject: The news
"""
    assert kind(publication, raw.encode()) is ReportKind.HARD_BOUNCE


def test_a_return_path_that_nobody_signed_is_about_nobody(publication: PublicationSettings) -> None:
    own = path(publication)
    local, _, domain = own.partition("@")
    for forged in (
        MAILBOX,
        f"bounces+1.2{local[len('bounces+1.1') :]}@{domain}",
        f"{local[:-1]}{'a' if local[-1] != 'a' else 'b'}@{domain}",
        f"bounces+1.1@{domain}",
    ):
        assert read_bounce(dsn(forged), delivery_reader(publication), NOW) is None
    assert read_bounce(dsn(own.upper()), delivery_reader(publication), NOW) is not None


@given(raw=st.binary(max_size=600), cut=st.integers(0, 1_000))
def test_no_mail_is_an_error(publication: PublicationSettings, raw: bytes, cut: int) -> None:
    delivery_of = delivery_reader(publication)
    read_bounce(raw, delivery_of, NOW)
    read_bounce(dsn(path(publication))[:cut] + raw, delivery_of, NOW)


def suppressed(run: Run) -> dict[str, str]:
    return {row["email"]: row["reason"] for row in json.loads(run("suppressions", "list", "--json").stdout)}


def test_mails_are_read_from_a_file_an_mbox_and_standard_input(
    run: Run, publication: PublicationSettings, tmp_path: Path
) -> None:
    (tmp_path / "one.eml").write_bytes(dsn(path(publication, 2)))
    box = mailbox.mbox(tmp_path / "box")
    for reader in (3, 4):
        box.add(dsn(path(publication, reader)))
    box.add(b"From: a@example.com\nSubject: Hello\n\nNo bounce.\n")
    box.close()

    one = run("bounces", "read", str(tmp_path / "one.eml"), "--json")
    again = run("bounces", "read", str(tmp_path / "one.eml"), "--json")
    several = run("bounces", "read", str(tmp_path / "box"), "--json")
    piped = subprocess.run(
        [sys.executable, "-m", "newsletter", "bounces", "read", "-", "--json"],
        cwd=publication.root,
        input=arf(path(publication, 5)),
        capture_output=True,
        check=False,
    )

    assert json.loads(one.stdout) == {"mails": 1, "reports": 1, "new": 1}
    assert json.loads(again.stdout) == {"mails": 1, "reports": 1, "new": 0}
    assert json.loads(several.stdout) == {"mails": 3, "reports": 2, "new": 2}
    assert json.loads(piped.stdout) == {"mails": 1, "reports": 1, "new": 1}
    known = suppressed(run)
    assert {f"r{n}@example.com": known.get(f"r{n}@example.com") for n in (2, 3, 4, 5)} == {
        "r2@example.com": "bounced",
        "r3@example.com": "bounced",
        "r4@example.com": "bounced",
        "r5@example.com": "complained",
    }


def test_unread_mails_of_a_mailbox_are_applied_and_marked_as_read(run: Run, publication: PublicationSettings) -> None:
    mails = [dsn(path(publication, 6)), b"From: a@example.com\n\nHello\n", dsn(path(publication, 7))]
    with ImapServer(mails) as server:
        server.read.add(3)
        first = run("bounces", "read", server.url, "--json")
        again = run("bounces", "read", server.url, "--json")

        assert server.read == {1, 2, 3}
    assert json.loads(first.stdout) == {"mails": 2, "reports": 1, "new": 1}
    assert json.loads(again.stdout) == {"mails": 0, "reports": 0, "new": 0}
    assert "r6@example.com" in suppressed(run)
    assert "r7@example.com" not in suppressed(run)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "there is nothing to read"),
        (["nowhere.eml"], 2, "there is no such file"),
        (["imaps://imap.example.com/INBOX"], 2, "is not the address of a mailbox"),
        (["imaps://[/INBOX"], 2, "is not the address of a mailbox"),
        (["imap://u@imap.example.com/"], 2, "unencrypted"),
        (["imaps://u:p@imap.example.com/"], 2, "can be seen by everybody"),
        (["imap://u@127.0.0.1:1/"], 1, "no connection to the mailbox"),
        (["-", "--watch"], 2, "--watch is for mailboxes"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_sentence(run: Run, arguments: list[str], code: int, words: str) -> None:
    read = run("bounces", "read", *arguments)

    assert (read.returncode, words in read.stderr) == (code, True), read.stderr


def test_a_wrong_password_is_said(run: Run) -> None:
    with ImapServer([], password="another") as server:
        read = run("bounces", "read", server.url)

    assert read.returncode == 1
    assert "the password is wrong" in read.stderr


@pytest.mark.sqlite
def test_every_message_leaves_with_a_return_path_of_its_own_and_its_bounce_is_known(
    newsletter: Run, tmp_path: Path
) -> None:
    folder = tmp_path / "news"
    with Script({}) as server:
        smtp = f'host = "127.0.0.1"\nport = {server.port}\nsecurity = "none"\nreturn_path = "{MAILBOX}"\n'
        made = settings(folder, f'[send]\nprovider = "smtp"\n[providers.smtp]\n{smtp}', issue=True)
        database = open_database(made)
        add_readers(database, 3)
        database.close()
        sent = newsletter("send", "hello", "--yes", cwd=folder)
        heard = [re.match(r"MAIL FROM:<([^>]*)>", command) for command in server.heard]
    senders = sorted(match[1] for match in heard if match)

    assert sent.returncode == 0, sent.stderr
    assert senders == sorted(return_path_of(made, MAILBOX)(f"1.{reader}") for reader in (1, 2, 3))
    (tmp_path / "bounce.eml").write_bytes(dsn(senders[0]))
    assert newsletter("bounces", "read", str(tmp_path / "bounce.eml"), cwd=folder).returncode == 0
    listed = json.loads(newsletter("suppressions", "list", "--json", cwd=folder).stdout)
    assert [(row["email"], row["reason"]) for row in listed] == [("r1@example.com", "bounced")]
