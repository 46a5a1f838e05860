"""`newsletter doctor` as a whole: what it prints, what it asks, when it ends, and what `send` says of it later."""

from __future__ import annotations

import email
import json
import sys
from collections.abc import Iterator
from contextlib import closing
from email.header import decode_header, make_header
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from newsletter.cli.main import load_command
from newsletter.cli.session import Session
from newsletter.database.connection import open_database
from newsletter.doctor import domain_names
from newsletter.doctor import run as doctor_run
from newsletter.doctor.finding import GROUPS
from newsletter.doctor.last_run import FILE, last_run, remember, reminder
from newsletter.sending import database_guard
from newsletter.signed_links import link_secret
from newsletter.times import utc_now
from tests import ROOT
from tests.conftest import Run
from tests.doctor.zones import DOMAIN, right
from tests.support.account_server import Account, AccountServer
from tests.support.dns_server import Zone, ZoneServer, dns_server
from tests.support.mail_server import Script
from tests.support.provider_server import KEY
from tests.support.sending import add_readers, settings


def doctor(folder: Path, *options: str, stdin: bytes = b"") -> Result:
    with Session(str(folder / "newsletter.toml")) as session:
        return CliRunner().invoke(load_command("doctor"), options, obj=session, input=stdin)


def as_json(result: Result) -> dict[str, dict[str, str]]:
    """The results of `--json` by the names of their checks, each of which is there once."""
    found = json.loads(result.stdout)
    assert all(set(each) == {"check", "state", "message", "fix"} for each in found)
    assert len({each["check"] for each in found}) == len(found)
    return {each["check"]: each for each in found}


def make(folder: Path, more: str = "", url: str = "http://127.0.0.1:1") -> Path:
    """A publication whose pages are on this machine, so that nothing else is asked for them."""
    path = settings(folder, more, issue=True).path
    text = path.read_text().replace("https://news.example.com", url).replace("news@example.com", f"news@{DOMAIN}")
    path.write_text(text)
    return folder


@pytest.fixture
def zone() -> Zone:
    return right()


@pytest.fixture
def dns(zone: Zone, monkeypatch: pytest.MonkeyPatch) -> Iterator[ZoneServer]:
    with dns_server(zone) as server:
        monkeypatch.setenv("NEWSLETTER_DNS", server.address)
        yield server


@pytest.mark.usefixtures("dns")
def test_every_group_is_printed_with_its_evidence_and_what_to_do(tmp_path: Path) -> None:
    result = doctor(make(tmp_path, '[dkim]\nselector = "s1"\n'))

    lines = result.stdout.splitlines()
    groups = [line for line in lines if line and not line.startswith(" ")]
    assert groups == [group for group in GROUPS if group in groups]
    assert {"settings", "secrets", "database", "provider", "domain", "links"} <= {*groups}
    assert "  pass  Answers to news.example.com go to mx.example.com." in lines
    assert "  fail  http://127.0.0.1:1 cannot be reached: Connection refused." in lines
    assert lines[lines.index("  fail  http://127.0.0.1:1 cannot be reached: Connection refused.") + 1].startswith(
        "        -> "
    )
    assert "1 failed" in result.stderr
    assert result.exit_code == 1


@pytest.mark.usefixtures("dns")
def test_json_is_a_list_of_checks_and_the_exit_code_says_whether_one_failed(tmp_path: Path) -> None:
    found = as_json(result := doctor(make(tmp_path, '[dkim]\nselector = "s1"\n'), "--json"))

    assert {each["state"] for each in found.values()} <= {"pass", "warn", "fail", "skip"}
    assert [name for name, each in found.items() if each["state"] == "fail"] == ["links.page"]
    assert result.exit_code == 1


def test_offline_nobody_is_asked(tmp_path: Path, dns: ZoneServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVIDER_KEY", KEY)
    with AccountServer("postmark") as server:
        result = doctor(make(tmp_path, server.toml), "--offline", "--json")

        assert server.asked == dns.asked == []
    found = as_json(result)
    assert {name for name, each in found.items() if "--offline" in each["message"]} == {
        "provider",
        "domain",
        "links",
        "webhooks",
    }
    assert result.exit_code == 0


@pytest.mark.usefixtures("dns")
def test_no_secret_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {"PROVIDER_KEY": KEY, "HOOK": "hook-token-123456", "SIGNING": "s" * 40, "PASS": "p@ss-word-9"}
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    with AccountServer("postmark", Account(hooks=(f"https://x/webhooks/postmark/{secrets['HOOK']}",))) as server:
        more = 'webhook_token = "env:HOOK"\nwebhook_password = "env:PASS"\n[environment]\nsecret = "env:SIGNING"\n'
        results = [doctor(make(tmp_path, server.toml + more), *options) for options in ([], ["--json"])]

    for result in results:
        assert not [name for name, value in secrets.items() if value in result.output]
        assert "secrets.SIGNING" in results[1].stdout


@pytest.mark.usefixtures("dns")
def test_a_key_that_the_provider_repeats_in_its_refusal_is_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVIDER_KEY", "wrong-key-778899")
    with AccountServer("sparkpost") as server:
        words = {"errors": [{"message": "The key wrong-key-778899 is not known"}]}
        monkeypatch.setattr(server, "read", lambda _target, _headers: (401, words))
        result = doctor(make(tmp_path, server.toml), "--json")

    assert "The key *** is not known" in as_json(result)["provider.sparkpost.key"]["message"]
    assert "wrong-key-778899" not in result.output


@pytest.mark.usefixtures("dns")
def test_without_the_packages_of_the_extra_the_doctor_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for cached in (domain_names.organisational_domain, domain_names._list):
        cached.cache_clear()
    monkeypatch.setitem(sys.modules, "publicsuffixlist", None)

    found = as_json(doctor(make(tmp_path), "--json"))

    assert found["domain.packages"]["state"] == "warn"
    assert found["domain.packages"]["fix"] == "Install it: pip install '.[doctor]'"


@pytest.mark.usefixtures("dns")
def test_a_provider_s_account_the_domain_and_the_webhook_are_looked_at_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVIDER_KEY", KEY)
    monkeypatch.setenv("HOOK", "t")
    with AccountServer("sendgrid", Account(hooks=("http://127.0.0.1:1/webhooks/sendgrid/t",))) as server:
        found = as_json(doctor(make(tmp_path, server.toml + 'webhook_token = "env:HOOK"\n'), "--json"))

    assert found["provider.sendgrid.key"]["state"] == "pass"
    assert found["domain.dkim"]["state"] == "warn"  # the account tells s1 and s2, and s2 is missing
    assert "s2._domainkey" in found["domain.dkim"]["message"]
    assert found["webhooks.sendgrid.registered"]["state"] == "pass"
    assert found["webhooks.sendgrid.secret"]["state"] == "fail"
    assert found["provider.clock"]["state"] == "pass"


@pytest.mark.parametrize(
    ("toml", "words"),
    [("[publication\n", "not TOML"), ("[publication]\nname = 3\n", "newsletter.toml"), (None, "no such file")],
)
def test_settings_that_cannot_be_read_are_a_failed_check(toml: str | None, words: str, tmp_path: Path) -> None:
    if toml is not None:
        (tmp_path / "newsletter.toml").write_text(toml)

    result = doctor(tmp_path, "--json")

    found = as_json(result)
    assert (found["settings.file"]["state"], result.exit_code) == ("fail", 1)
    assert words in found["settings.file"]["message"]
    assert {each["state"] for name, each in found.items() if name != "settings.file"} == {"skip"}


def test_a_missing_secret_fails_and_is_named(tmp_path: Path) -> None:
    toml = '[send]\nprovider = "postmark"\n[providers.postmark]\ntoken = "env:NOT_SET"\n'

    found = as_json(doctor(make(tmp_path, toml), "--offline", "--json"))

    assert found["secrets.NOT_SET"]["state"] == "fail"
    assert "NOT_SET is not set ([providers.postmark] token names it)." in found["secrets.NOT_SET"]["message"]


def test_a_secret_that_nothing_uses_is_no_fault(tmp_path: Path) -> None:
    found = as_json(doctor(make(tmp_path, '[providers.postmark]\ntoken = "env:NOT_SET"\n'), "--offline", "--json"))

    assert found["secrets.NOT_SET"]["state"] == "skip"


def test_a_database_that_was_copied_here_fails(tmp_path: Path) -> None:
    folder = make(tmp_path)
    publication = Session(str(folder / "newsletter.toml")).publication
    database = open_database(publication)
    add_readers(database, 2)
    with database.begin() as connection:
        database_guard.adopt(connection, "another machine", utc_now())
    database.close()

    found = as_json(doctor(folder, "--offline", "--json"))

    assert found["database.host"]["state"] == "fail"
    assert "newsletter adopt" in found["database.host"]["fix"]
    assert "It has 2 readers" in found["database.schema"]["message"]


def test_no_database_and_no_secret_are_made(tmp_path: Path) -> None:
    doctor(make(tmp_path), "--offline")

    assert {path.name for path in tmp_path.iterdir()} == {"newsletter.toml", "issues", ".newsletter"}
    assert [path.name for path in (tmp_path / ".newsletter").iterdir()] == ["doctor.json"]


def test_the_doctor_ends_in_time_whatever_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVIDER_KEY", KEY)
    silent = {f"{DOMAIN} SILENT": "", f"_dmarc.{DOMAIN} SILENT": ""}
    with AccountServer("postmark") as server, dns_server(silent) as names:
        monkeypatch.setenv("NEWSLETTER_DNS", names.address)
        with server.lock:  # which every answer needs
            session = Session(str(make(tmp_path, server.toml) / "newsletter.toml"))
            results = doctor_run.examine(session.publication, seconds=0.5)

    unfinished = {result.check for result in results if result.check.endswith(".time")}
    assert {"provider.time", "domain.time", "webhooks.time"} <= unfinished
    assert {result.group for result in results} >= {"settings", "secrets", "database", "provider", "domain", "links"}


def test_all_limits_together_stay_under_a_minute() -> None:
    assert doctor_run.ALL_SECONDS < 60
    assert doctor_run.ACCOUNT_SECONDS < doctor_run.ALL_SECONDS


@pytest.mark.usefixtures("dns")
def test_a_probe_goes_the_way_of_a_test_and_carries_our_headers(tmp_path: Path) -> None:
    found = as_json(doctor(make(tmp_path), "--probe", "me@example.com", "--json"))

    (path,) = (tmp_path / "outbox" / "other").iterdir()
    text = path.read_text()
    assert found["probe.sent"]["state"] == "pass"
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in text
    assert "[TEST] News: newsletter doctor" in str(
        make_header(decode_header(email.message_from_string(text)["Subject"]))
    )
    assert "newsletter doctor --read FILE" in text.replace("=\n", "")


@pytest.mark.usefixtures("dns")
def test_a_probe_that_is_refused_fails_with_the_server_s_words(tmp_path: Path) -> None:
    with Script({"MAIL": "550 5.7.1 sender rejected"}) as server:
        toml = f'[send]\nprovider = "smtp"\n[providers.smtp]\nhost = "localhost"\nport = {server.port}\n'
        toml += 'security = "none"\n'
        result = doctor(make(tmp_path, toml), "--probe", "me@example.com", "--json")

    found = as_json(result)
    assert found["probe.sent"]["state"] == "fail"
    assert "sender rejected" in found["probe.sent"]["message"]
    assert not server.messages


@pytest.mark.usefixtures("dns")
def test_a_sent_probe_can_be_read_again(tmp_path: Path) -> None:
    folder = make(tmp_path)
    link_secret(Session(str(folder / "newsletter.toml")).publication)
    doctor(folder, "--probe", "me@example.com")
    (path,) = (tmp_path / "outbox" / "other").iterdir()

    from_file = doctor(folder, "--read", str(path), "--json")
    from_stdin = doctor(folder, "--read", "-", "--json", stdin=path.read_bytes())

    found = as_json(from_file)
    assert found == as_json(from_stdin)
    assert found["read.list_unsubscribe"]["state"] == found["read.one_click"]["state"] == "pass"
    assert found["read.signature"]["state"] == "fail"  # files are not signed
    assert from_file.exit_code == 1


@pytest.mark.parametrize(
    "options", [["--offline", "--probe", "a@example.com"], ["--probe", "nobody"], ["--read", "gone.eml"]]
)
def test_options_that_do_not_go_together_are_refused(options: list[str], tmp_path: Path) -> None:
    assert doctor(make(tmp_path), *options).exit_code == 2
    assert not (tmp_path / FILE).exists()


def test_send_and_schedule_warn_after_a_doctor_that_failed(tmp_path: Path, newsletter: Run) -> None:
    folder = make(tmp_path / "news", '[environment]\nsecret = "env:NOT_SET"\n')
    assert newsletter("doctor", "--offline", cwd=folder).returncode == 1
    make(folder)  # without that setting
    with closing(open_database(Session(str(folder / "newsletter.toml")).publication)) as database:
        add_readers(database, 1)

    sent = newsletter("send", "hello", "--dry-run", cwd=folder)
    scheduled = newsletter("schedule", "hello", "--at", "2099-01-01 07:00", "--yes", cwd=folder)

    for result in (sent, scheduled):
        assert "newsletter: warning: the last doctor found a check failing (secrets.NOT_SET" in result.stderr
    assert sent.returncode == scheduled.returncode == 0


def test_a_change_of_newsletter_toml_after_the_doctor_is_warned_of(tmp_path: Path) -> None:
    folder = make(tmp_path)
    doctor(folder, "--offline")
    before = reminder(Session(str(folder / "newsletter.toml")).publication)
    make(folder, '[fields]\nplan = "text"\n')
    after = reminder(Session(str(folder / "newsletter.toml")).publication)

    assert before == ""
    assert "newsletter.toml was changed since the last doctor" in after


def test_a_file_that_was_only_touched_is_no_change(tmp_path: Path) -> None:
    folder = make(tmp_path)
    doctor(folder, "--offline")
    (folder / "newsletter.toml").touch()

    assert reminder(Session(str(folder / "newsletter.toml")).publication) == ""


def test_a_doctor_without_network_takes_back_no_failure_that_it_did_not_look_at(tmp_path: Path) -> None:
    publication = Session(str(make(tmp_path) / "newsletter.toml")).publication
    remember(publication, utc_now(), failed=["domain.spf", "secrets.KEY"], skipped=[], is_whole=True)
    remember(publication, utc_now(), failed=[], skipped=["provider", "domain"], is_whole=False)

    run = last_run(publication)

    assert run
    assert run.failed == ("domain.spf",)


def test_without_a_doctor_nothing_is_said(tmp_path: Path) -> None:
    assert reminder(Session(str(make(tmp_path) / "newsletter.toml")).publication) == ""


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"at": 3}'])
def test_a_damaged_memory_is_as_good_as_none(content: bytes, tmp_path: Path) -> None:
    publication = Session(str(make(tmp_path) / "newsletter.toml")).publication
    (tmp_path / ".newsletter").mkdir()
    (tmp_path / FILE).write_bytes(content)

    assert reminder(publication) == ""


@pytest.mark.usefixtures("dns")
def test_two_providers_are_looked_at_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVIDER_KEY", KEY)
    with AccountServer("postmark") as one, AccountServer("resend") as two:
        own = [server.toml.split("\n", 3)[3] for server in (one, two)]
        toml = '[send]\nprovider = ["postmark", "resend"]\n' + "".join(own)
        found = as_json(doctor(make(tmp_path, toml), "--json"))

    assert found["provider.postmark.key"]["state"] == found["provider.resend.key"]["state"] == "pass"
    assert {"domain.dkim", "domain.dkim.2"} <= set(found)


def test_a_mistake_of_the_doctor_s_own_is_never_taken_for_health(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsletter.doctor.settings.settings_results", lambda _publication: 1 / 0)
    session = Session(str(make(tmp_path) / "newsletter.toml"))

    with pytest.raises(ZeroDivisionError):
        doctor_run.examine(session.publication, is_offline=True)


@pytest.mark.usefixtures("dns")
def test_the_documentation_has_every_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVIDER_KEY", KEY)
    monkeypatch.setenv("HOOK", "t")
    page = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
    with AccountServer("resend") as server:
        folder = make(tmp_path, server.toml + 'webhook_token = "env:HOOK"\nwebhook_secret = "env:HOOK"\n')
        open_database(Session(str(folder / "newsletter.toml")).publication).close()
        found = as_json(doctor(folder, "--json"))

    names = {name.replace("resend", "NAME").replace("PROVIDER_KEY", "NAME").replace("HOOK", "NAME") for name in found}
    assert {"domain.spf_return_path", "database.disk", "webhooks.NAME.registered"} <= names
    assert not [name for name in names if f"`{name}`" not in page and f"`.{name.rpartition('.')[2]}`" not in page]
