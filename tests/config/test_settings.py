"""newsletter.toml: its settings, and the place of each mistake in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.config import PublicationSettings, find_config, load_publication, secret
from newsletter.config.errors import locate
from newsletter.errors import ConfigError

SMALL = """[publication]
name = "Daily Inference"
url = "https://news.example.com"
from = "Daily Inference <daily@news.example.com>"
[lists.daily]
title = "Daily"
"""


def load(folder: Path, text: str) -> PublicationSettings:
    path = folder / "newsletter.toml"
    path.write_text(text, encoding="utf-8")
    return load_publication(path)


def test_a_small_file_is_enough_and_everything_else_has_a_default(tmp_path: Path) -> None:
    publication = load(tmp_path, SMALL)
    config = publication.config
    assert (publication.default_list, config.send.provider, config.database.url) == (
        "daily",
        "outbox",
        "sqlite:///newsletter.db",
    )
    assert config.signup.heading == "Join our daily newsletter"
    assert config.publication.sender.address == "daily@news.example.com"
    assert str(config.publication.timezone) == "UTC"


@pytest.mark.parametrize(
    ("added", "line", "words"),
    [
        ("[send]\nrat = '50/s'", 8, 'no setting is named "rat"\n  Did you mean "rate"?'),
        ("[send]\nrate = 50", 8, "50 is not text; put it in quotes"),
        ("[send]\nrate = '50'", 8, "write 50/s, 1000/m or 50000/d"),
        ("[send]\nmax_lateness = '2 hours'", 8, "write 30s, 15m, 2h or 1d"),
        ("[send]\non_unknown = 'guess'", 8, "write one of hold, resend, assume-sent"),
        ("[send]\nprovider = ['resend', 'postmark', 'resend']", 7, 'the provider "resend" is there twice'),
        ("[send]\nlease = '30s'", 7, "a call may take 70 s, 60s of them for the answer"),
        ("[send]\ntimeout = '2m'", 7, "write more than 130s"),
        ("[send]\ntimeout = 'off'", 7, "needs a second to answer"),
        ("[sned]\nrate = '50/s'", 7, 'Did you mean "send"?'),
        ("[lists.weekly]\n", 7, '[lists.weekly] "title" is missing'),
        ("[lists.weekly]\ntitle = 'W'\ndefault = 'yes'", 9, "default = 'yes': write true or false"),
        ("[theme]\naccent = 'red'", 8, "write one as #0F5BD3"),
        ("[theme.social]\nMastodon = 'me@example.com'", 8, "is not an https:// address"),
        ("[fields]\nplan = 'words'", 8, "plan = 'words': write one of text, number"),
        ("[sponsors.acme]\nnmae = 'Acme'", 8, 'Did you mean "name"?'),
        ("[send\nrate = '50/s'", 7, "not TOML"),
        ("[lists.'a b>']\ntitle = 'x'", 7, "no list can be named"),
        ("[send]\nrate = '50/s'\nrate = '60/s'", 9, "not TOML"),
    ],
)
def test_a_wrong_setting_is_named_with_its_line(tmp_path: Path, added: str, line: int, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, SMALL + added)
    assert f"newsletter.toml:{line}:" in str(caught.value) + ":"
    assert words in str(caught.value)
    assert caught.value.exit_code == 2


WRONG = """[publication]
name = "Daily Inference"
url = "http://news.example.com"
from = "Daily Inference <daily@news.example.com>"
langage = "en"
[lists.daily]
titel = "Daily"
[lists.weekly]
title = 7
[send]
rat = "50/s"
lease = "a minute"
provider = "postmrk"
[providers.mailgun]
domian = "news.example.com"
base_url = "ftp://example.com"
[database]
url = "mysql://localhost/news"
"""


def test_everything_that_is_wrong_with_the_settings_is_said_at_once(tmp_path: Path) -> None:
    text = WRONG.replace("http://news", "https://news")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)

    said = [(int(error.place.rpartition(":")[2]), error.message) for error in caught.value.each]
    assert said == [
        (5, '[publication] no setting is named "langage"'),
        (6, '[lists.daily] "title" is missing'),
        (7, '[lists.daily] no setting is named "titel"'),
        (9, "[lists.weekly] title = 7: write text in quotes"),
        (11, '[send] no setting is named "rat"'),
        (12, '[send] lease: "a minute" is not a duration; write 30s, 15m, 2h or 1d'),
        (13, 'no provider is named "postmrk"'),
        (15, '[providers.mailgun] no setting is named "domian"'),
        (16, '[providers.mailgun] base_url = "ftp://example.com" is not an https:// address'),
        (18, '[database] url: no database is named "mysql"'),
    ]
    assert 'Did you mean "rate"?' in str(caught.value)


def test_a_setting_that_every_publication_needs_hides_no_other_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, WRONG)

    said = str(caught.value)
    for words in ("is not an https:// address", 'named "langage"', 'named "titel"', 'named "rat"', "lease: "):
        assert words in said
    assert '"url" is missing' not in said  # it is there, and wrong


def test_all_settings_that_a_table_lacks_are_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(
            tmp_path,
            '[publication]\n[[webhooks]]\n[[webhooks]]\nurl = "https://a.example.com"\n[[webhooks]]\nevnts = []\n',
        )

    said = [(int(error.place.rpartition(":")[2]), error.message) for error in caught.value.each]
    assert [line for line, _message in said] == [1, 1, 1, 2, 2, 3, 5, 5, 6]
    assert {message.partition('"')[2] for line, message in said if line == 1} == {
        'name" is missing',
        'url" is missing',
        'from" is missing',
    }


def test_of_many_mistakes_the_first_ten_are_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, SMALL + "".join(f"[wrong{number}]\n" for number in range(60)))

    assert len(caught.value.each) == 10


def test_mistakes_in_a_list_of_tables_keep_their_lines_after_one_was_left_out(tmp_path: Path) -> None:
    entry = '[[webhooks]]\nurl = "https://{0}.example.com"\nsecret = "env:HOOK"\n{1}\n'
    entries = [("a", "a = 1"), ("b", "events = 5"), ("c", ""), ("d", 'events = ["x"]'), ("e", "e = 1")]
    text = SMALL + "[[webhooks]]\n" + "".join(entry.format(*each) for each in entries)
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)

    lines = text.splitlines()
    said = [lines[int(error.place.rpartition(":")[2]) - 1] for error in caught.value.each]
    assert said == ["[[webhooks]]", "[[webhooks]]", "a = 1", "events = 5", 'events = ["x"]', "e = 1"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('url = "https://news.example.com"', 'url = "http://news.example.com"', "is not an https:// address"),
        ('url = "https://news.example.com"', 'url = "news.example.com"', "is not an https:// address"),
        ('from = "Daily Inference <daily@news.example.com>"', 'from = "Daily Inference"', "is not an address"),
        ('from = "Daily Inference <daily@news.example.com>"', 'from = "x <daily@nowhere>"', "is not an email address"),
        ('name = "Daily Inference"\n', "", '"name" is missing'),
        ("[lists.daily]\ntitle = \"Daily\"\n", "", "no list of readers"),
    ],
)  # fmt: skip
def test_what_every_publication_needs_is_checked(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, SMALL.replace(old, new))
    assert words in str(caught.value)


@pytest.mark.parametrize("url", ["http://localhost:8000", "http://127.0.0.1", "http://[::1]:8080"])
def test_an_address_on_this_machine_needs_no_tls(tmp_path: Path, url: str) -> None:
    assert load(tmp_path, SMALL.replace("https://news.example.com", url)).config.publication.url == url


@pytest.mark.parametrize("host", ["http://localhost.example.com", "http://127.0.0.1.example.com", "http://10.0.0.1"])
def test_an_address_elsewhere_that_looks_like_it_does(tmp_path: Path, host: str) -> None:
    with pytest.raises(ConfigError):
        load(tmp_path, SMALL.replace("https://news.example.com", host))


def test_two_default_lists_are_one_too_many(tmp_path: Path) -> None:
    text = SMALL + "default = true\n[lists.weekly]\ntitle = 'W'\ndefault = true\n"
    with pytest.raises(ConfigError, match="two default lists: daily, weekly") as caught:
        load(tmp_path, text)
    assert caught.value.place.endswith(":10")


def test_a_file_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="newsletter init"):
        load_publication(tmp_path / "newsletter.toml")


def test_the_file_is_the_named_one_else_the_environments_else_this_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NEWSLETTER_CONFIG", raising=False)
    assert find_config() == tmp_path / "newsletter.toml"
    monkeypatch.setenv("NEWSLETTER_CONFIG", "/etc/news.toml")
    assert find_config() == Path("/etc/news.toml")
    assert find_config("other.toml") == tmp_path / "other.toml"


def test_a_secret_comes_from_the_environment_or_a_file_it_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NL_TEST_TOKEN", "s3cret")
    assert secret("env:NL_TEST_TOKEN", key="[providers.postmark] token") == "s3cret"
    monkeypatch.delenv("NL_TEST_TOKEN")
    (tmp_path / "token").write_text("from a file\n")
    monkeypatch.setenv("NL_TEST_TOKEN_FILE", str(tmp_path / "token"))
    assert secret("env:NL_TEST_TOKEN", key="[providers.postmark] token") == "from a file"


def test_a_secret_in_the_file_is_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError) as caught:
        secret("s3cret", key="[providers.postmark] token")
    assert "s3cret" not in str(caught.value)
    monkeypatch.delenv("NL_TEST_TOKEN", raising=False)
    with pytest.raises(ConfigError, match="NL_TEST_TOKEN is not set"):
        secret("env:NL_TEST_TOKEN", key="[providers.postmark] token")


def test_the_line_of_a_setting_is_found_however_it_is_written() -> None:
    text = (
        "a = 1\n[send]  # how\n# rate = 'x'\nrate = '1/s'\n[lists.daily]\ntitle = 'D'\n[theme]\nsocial.Mastodon = 'x'\n"
    )
    assert locate(text, ["send", "rate"]) == 4
    assert locate(text, ["lists", "daily", "title"]) == 6
    assert locate(text, ["theme", "social", "Mastodon"]) == 8
    assert locate(text, ["send", "patience"]) == 2
    assert locate(text, ["nowhere"]) == 1
