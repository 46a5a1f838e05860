"""People's mail programs count; programs that look at every message by themselves do not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from newsletter.campaigns.engagement import betrayed, is_burst, is_immediate

SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36"
)
OUTLOOK = "Mozilla/4.0 (compatible; ms-office; MSOffice 16)"
THUNDERBIRD = "Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Thunderbird/115.10.1"
CUBOT = "Mozilla/5.0 (Linux; Android 9; CUBOT X19 Build) AppleWebKit/537.36 (KHTML, like Gecko) Mobile"


@pytest.mark.parametrize("agent", [SAFARI, CHROME, OUTLOOK, THUNDERBIRD, CUBOT])
def test_peoples_programs_pass(agent: str) -> None:
    assert betrayed({"user-agent": agent}) == ""


@pytest.mark.parametrize(
    ("agent", "what"),
    [
        ("Mozilla/5.0", "proxy apple"),
        ("Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)", "proxy gmail"),
        (f"{CHROME.replace('124.0.0.0', '42.0.2311.135')} Edge/12.246 Mozilla/5.0", "proxy gmail"),
        ("YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html", "proxy yahoo"),
        ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "program"),
        ("Mozilla/5.0 (compatible; Barracuda Sentinel)", "program"),
        ("python-requests/2.32", "program"),
        ("curl/8.5.0", "program"),
        (CHROME.replace("Chrome", "HeadlessChrome"), "program"),
        ("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "program"),
        ("", "nameless"),
    ],
)
def test_programs_that_look_at_everything_are_told_apart(agent: str, what: str) -> None:
    assert betrayed({"user-agent": agent}) == what


@pytest.mark.parametrize(
    "header", [{"purpose": "prefetch"}, {"sec-purpose": "prefetch;prerender"}, {"x-moz": "prefetch"}]
)
def test_what_a_browser_fetches_ahead_is_not_read_yet(header: dict[str, str]) -> None:
    assert betrayed({"user-agent": CHROME, **header}) == "prefetch"


def test_nobody_reads_within_seconds_of_the_hand_over() -> None:
    assert is_immediate(timedelta(seconds=3))
    assert not is_immediate(timedelta(minutes=1))


def test_three_links_at_once_are_a_scanners_or_all_of_two() -> None:
    assert is_burst({1, 2, 3}, 20)
    assert is_burst({1, 2}, 2)
    assert not is_burst({1, 2}, 20)
    assert not is_burst({1}, 1)
