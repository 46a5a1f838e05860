"""`newsletter check --online` requests addresses gently, once a day, and only where that is safe."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest

from newsletter.checks.context.link_status import FILE, LinkState, Target, Verdict, remember, remembered
from newsletter.checks.link_probe import probe, probe_all
from newsletter.checks.run import check_issues, online_targets
from newsletter.config import load_publication
from newsletter.network import NetworkAccess
from tests.conftest import Run
from tests.support.ports import deaf_port
from tests.support.web_server import WebServer
from tests.support.writing import write

NOW = datetime(2025, 1, 17, 12, tzinfo=UTC)
PATIENT = NetworkAccess(private=True)
PNG = (200, "image/png", b"\x89PNG")
HTML = (200, "text/html", b"<p>Hello</p>")


@pytest.mark.parametrize(
    ("path", "state", "reason"),
    [
        ("/page", LinkState.GOOD, ""),
        ("/moved", LinkState.GOOD, ""),
        ("/head", LinkState.GOOD, ""),
        ("/endless", LinkState.GOOD, ""),
        ("/nowhere", LinkState.DEAD, "its server answers 404"),
        ("/broken", LinkState.DEAD, "its server answers 500"),
        ("/circle", LinkState.DEAD, "redirects more than 10 times"),
        ("/file", LinkState.DEAD, "leads to 'file:///etc/passwd', which is not a web address"),
        ("/forbidden", LinkState.REFUSED, "its server answers 403 to programs"),
        ("/busy", LinkState.REFUSED, "its server answers 429 to programs"),
        ("/linkedin", LinkState.REFUSED, "its server answers 999 to programs"),
        ("/slow", LinkState.SILENT, "no answer within 0.4 s"),
    ],
)
def test_what_a_server_does_becomes_a_verdict(path: str, state: LinkState, reason: str) -> None:
    pages = {
        "/page": HTML,
        "/head": HTML,
        "/moved": (301, "/page", b""),
        "/circle": (302, "/circle", b""),
        "/file": (302, "file:///etc/passwd", b""),
        "/broken": (500, "text/plain", b""),
        "/forbidden": (403, "text/plain", b""),
        "/busy": (429, "text/plain", b""),
        "/linkedin": (999, "text/plain", b""),
    }
    with WebServer(pages) as web:
        web.refuses_head.add("/head")

        network = replace(PATIENT, step=0.4) if state is LinkState.SILENT else PATIENT
        verdict = probe(network, Target(url=web.url + path))

    assert verdict == Verdict(state=state, reason=reason)


def test_what_is_no_picture_is_no_picture() -> None:
    with WebServer({"/a.png": PNG, "/b.png": HTML}) as web:
        good, bad = (probe(PATIENT, Target(url=web.url + path, is_picture=True)) for path in ("/a.png", "/b.png"))

    assert good.state is LinkState.GOOD
    assert bad == Verdict(state=LinkState.DEAD, reason="its server sends text/html, which is no picture")


def test_a_broken_encryption_and_a_closed_door_are_dead_links() -> None:
    with WebServer({"/page": HTML}) as web:
        broken = probe(PATIENT, Target(url=f"https://127.0.0.1:{web.port}/page"))
    with deaf_port() as closed:
        gone = probe(PATIENT, Target(url=f"http://127.0.0.1:{closed}/"))

    assert broken.state is gone.state is LinkState.DEAD
    assert broken.reason.startswith("no encrypted connection")
    assert "refused" in gone.reason


def test_no_private_address_is_asked_wherever_a_link_leads() -> None:
    with WebServer({"/page": HTML, "/inside": (302, "http://127.0.0.1:9/", b"")}) as web:
        outside = probe(NetworkAccess(), Target(url=f"{web.url}/page"))
        redirected = probe(NetworkAccess(own=web.url), Target(url=f"{web.url}/inside"))
        own = probe(NetworkAccess(own=web.url), Target(url=f"{web.url}/page"))

        assert web.asked == [("HEAD", "/inside"), ("HEAD", "/page")]
    assert "is a private address" in outside.reason
    assert "is a private address" in redirected.reason
    assert own.state is LinkState.GOOD


def test_a_host_gets_two_requests_at_a_time_and_hosts_are_asked_side_by_side() -> None:
    paths = [f"/{number}" for number in range(8)]
    done: list[None] = []
    with WebServer(dict.fromkeys(paths, HTML)) as first, WebServer(dict.fromkeys(paths, HTML)) as second:
        first.gate = second.gate = Barrier(4)  # two for each host: with fewer at a time, nobody is answered
        first.delay = second.delay = 0.05
        second_url = second.url.replace("127.0.0.1", "localhost")

        verdicts = probe_all(
            PATIENT,
            [Target(url=url + path) for url in (first.url, second_url) for path in paths],
            lambda: done.append(None),
        )

        assert first.most_at_once == second.most_at_once == 2
    assert len(done) == len(verdicts) == 16
    assert {verdict.state for verdict in verdicts.values()} == {LinkState.GOOD}


def test_a_silent_host_is_left_alone_after_two_tries() -> None:
    with WebServer() as web:
        web.delay = 60
        silent = [Target(url=f"{web.url}/{number}") for number in range(10)]

        verdicts = probe_all(replace(PATIENT, step=0.2), silent)

        left = {
            target.url for target, verdict in verdicts.items() if verdict.reason == "its host did not answer before"
        }
        assert not left & {web.url + path for _, path in web.asked}
    assert {verdict.state for verdict in verdicts.values()} == {LinkState.SILENT}
    assert (len(verdicts), len(left)) == (10, 6)


def test_good_answers_and_refusals_are_remembered_for_a_day_dead_links_never(tmp_path: Path) -> None:
    verdicts = {Target(url=f"https://example.com/{state}"): Verdict(state=state, reason="why") for state in LinkState}

    remember(tmp_path, verdicts, NOW)
    remember(tmp_path, {Target(url="https://example.com/new"): Verdict(state=LinkState.GOOD)}, NOW + timedelta(hours=2))

    def names(now: datetime) -> set[str]:
        return {target.url.rpartition("/")[2] for target in remembered(tmp_path, now)}

    assert names(NOW + timedelta(hours=3)) == {"good", "refused", "new"}
    assert names(NOW + timedelta(hours=25)) == {"new"}
    assert names(NOW + timedelta(days=3)) == set()
    assert names(NOW - timedelta(hours=1)) == set()


@pytest.mark.parametrize("content", ["", "{", "[1, {}, [2]]", '[{"url": 3}]', "[" * 100_000, '{"a": 1}'])
def test_a_broken_memory_is_an_empty_one(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).parent.mkdir()
    (tmp_path / FILE).write_text(content)

    assert remembered(tmp_path, NOW) == {}
    remember(tmp_path, {Target(url="https://example.com/"): Verdict(state=LinkState.GOOD)}, NOW)
    assert len(remembered(tmp_path, NOW)) == 1


def test_what_differs_per_reader_or_does_something_is_never_asked(publication_folder: Path) -> None:
    body = """
[Read](https://example.com/read), [yours]({{ web_url }}), [you](https://example.com/{{ email }}),
[leave]({{ unsubscribe_url }}), [leave too](https://example.com/unsubscribe/abc), [write](mailto:a@example.com),
[router](http://192.168.0.1/), [here](http://localhost/x), [social](https://www.social.example/us).

:::image src=https://example.com/a.png alt="A"
:::
"""
    with (publication_folder / "newsletter.toml").open("a") as settings:
        settings.write('[check]\nskip_hosts = ["social.example"]\n')
    path = write(publication_folder, f"---\nsubject: Hello\n---\n{body}")

    addresses = online_targets(load_publication(publication_folder / "newsletter.toml"), [path])

    assert addresses == [
        Target(url="https://example.com/read"),
        Target(url="https://example.com/a.png", is_picture=True),
    ]


def served(folder: Path, url: str, body: str) -> Path:
    """An issue of a publication whose pages are at `url`."""
    settings = folder / "newsletter.toml"
    settings.write_text(settings.read_text().replace("https://news.example.com", url))
    return write(folder, f"---\nsubject: Hello to all readers\n---\n{body}\n")


def test_check_online_points_at_the_line_of_a_dead_link(newsletter: Run, publication_folder: Path) -> None:
    with WebServer({"/there": HTML, "/login": (403, "text/plain", b"")}) as web:
        served(
            publication_folder,
            web.url,
            f"The [one]({web.url}/there).\n\nThe [two]({web.url}/gone) and [three]({web.url}/login).",
        )

        first = newsletter("check", "--online", "--select", "NL403", "--json", cwd=publication_folder)
        count = len(web.asked)
        second = newsletter("check", "--online", "--select", "NL403", "--json", cwd=publication_folder)

        offline = newsletter("check", "--select", "NL403", "--json", cwd=publication_folder)
        assert [path for _, path in web.asked[count:]] == ["/gone", "/gone"]
        assert len(web.asked) == count + 2

    problems = [(p["rule"], p["severity"], p["line"], p["column"]) for p in json.loads(first.stdout)]
    assert problems == [("NL403", "error", 6, 11), ("NL403", "warning", 6, 11 + len(f"{web.url}/gone) and [three]("))]
    assert first.returncode == second.returncode == 1
    assert json.loads(second.stdout) == json.loads(first.stdout)
    assert (offline.returncode, offline.stdout.strip()) == (0, "[]")


def test_an_answer_to_a_dead_link_in_the_file_silences_it(publication_folder: Path) -> None:
    path = served(
        publication_folder,
        "https://news.example.com",
        "<!-- nl-ignore NL403: it opens tomorrow -->\nSee [the page](https://example.com/page) tomorrow.",
    )
    publication = load_publication(publication_folder / "newsletter.toml")
    dead = {Target(url="https://example.com/page"): Verdict(state=LinkState.DEAD, reason="its server answers 404")}

    (online,) = check_issues(publication, [path], verdicts=dead)
    (offline,) = check_issues(publication, [path])

    assert not {"NL403", "NL015"} & {problem.rule for problem in (*online.problems, *offline.problems)}
