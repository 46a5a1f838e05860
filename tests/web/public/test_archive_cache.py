"""The archive as readers and robots get it: from a real server, with issues that were sent."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import feedparser
import pytest
import requests
from click.testing import CliRunner

from newsletter.cli.main import cli
from tests import ROOT
from tests.web.public.serving import Served, make_publication, serve

FRONT = "---\nsubject: {}\npreheader: What {} says\n{}---\n\n{}\n"
SVG = "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"


def run(folder: Path, *arguments: str) -> str:
    """Run a command in this process: starting another takes longer than the command."""
    done = CliRunner().invoke(cli, ["--config", str(folder / "newsletter.toml"), *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def write(folder: Path, name: str, front: str = "", body: str = "Good morning, everybody.") -> None:
    (folder / "issues").mkdir(exist_ok=True)
    slug = name[11:]
    (folder / "issues" / f"{name}.md").write_text(FRONT.format(slug.title(), slug, front, body), encoding="utf-8")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = make_publication(tmp_path_factory.mktemp("archive") / "news")
    shutil.copytree(ROOT / "images", folder / "images")
    (folder / "images" / "drawing.svg").write_text(SVG, encoding="utf-8")
    (folder / "images" / ".hidden.png").write_bytes((folder / "images" / "chips.png").read_bytes())
    (folder / "images" / "secret.png").write_text("not a picture", encoding="utf-8")
    (folder / "images" / "out.png").symlink_to("/etc/passwd")
    write(folder, "2025-01-15-first")
    write(folder, "2025-01-16-second", body=':::image src=images/chips.png alt="A chip" /\n\nHello {{ first_name }}.')
    write(folder, "2025-01-17-third")
    write(folder, "2025-01-18-private", front="archive: false\n")
    write(folder, "2025-01-19-draft")
    write(folder, "2099-01-20-waiting")
    run(folder, "subscribers", "add", "ada@example.com")
    for slug in ("first", "second", "third", "private"):
        run(folder, "send", slug, "--yes")
    run(folder, "schedule", "waiting", "--at", "2099-01-20 07:00", "--yes")
    with serve(folder) as running:
        yield running


def get(served: Served, path: str, **headers: str) -> requests.Response:
    shown = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.get(served.url + path, headers=shown, timeout=60, allow_redirects=False)


def test_the_list_shows_what_was_sent_newest_first_and_nothing_else(served: Served) -> None:
    page = get(served, "/issues/").text

    assert re.findall(r'<h2 dir="auto"><a href="/issues/(\w+)">', page) == ["third", "second", "first"]
    assert "What second says" in page
    assert '<form class="panel" action="/subscribe"' in page


@pytest.mark.parametrize("slug", ["draft", "waiting", "private", "nothing", "%2e%2e%2fnewsletter.toml", "a" * 5000])
def test_drafts_and_unarchived_issues_are_not_in_the_archive(served: Served, slug: str) -> None:
    assert get(served, f"/issues/{slug}").status_code == 404
    assert slug not in get(served, "/feed.xml").text + get(served, "/sitemap.xml").text


def test_an_issues_page_has_its_neighbours_and_a_form_with_a_fresh_token(served: Served) -> None:
    page = get(served, "/issues/second").text

    assert re.search(r'<a rel="prev" href="/issues/first">.*First', page)
    assert re.search(r'<a rel="next" href="/issues/third">.*Third', page)
    assert re.search(
        r'<form action="/subscribe[^"]*"[^>]*><input type="hidden" name="token" value="subscribe[\w.-]+">', page
    )
    assert 'name="topic" value="" tabindex="-1"' in page
    assert "\x02" not in page


def test_its_pictures_come_from_this_server_and_its_canonical_address_is_the_publications(served: Served) -> None:
    page = get(served, "/issues/second").text

    assert 'src="/images/chips.png"' in page
    assert '<link rel="canonical" href="https://news.example.com/issues/second">' in page
    assert "/unsubscribe/" not in page
    assert "Hello ." in page


def test_an_issues_page_may_style_itself_and_run_nothing(served: Served) -> None:
    policy = get(served, "/issues/second").headers["content-security-policy"]

    assert "default-src 'none'" in policy
    assert "style-src 'self' 'unsafe-inline'" in policy
    assert "script-src" not in policy


def test_editing_the_file_changes_nothing_that_was_sent(served: Served) -> None:
    before = get(served, "/issues/first").text
    write(served.folder, "2025-01-15-first", body="Something else entirely.")

    assert get(served, "/issues/first").text.replace("\n", "")[:200] == before.replace("\n", "")[:200]
    assert "Something else" not in get(served, "/issues/first").text


@pytest.mark.parametrize(
    "path", ["/issues/", "/issues/first", "/feed.xml", "/sitemap.xml", "/robots.txt", "/images/chips.png"]
)
def test_a_browser_that_has_the_page_gets_304_and_a_head_has_no_body(served: Served, path: str) -> None:
    first = get(served, path)

    again = get(served, path, If_None_Match=f'"other", {first.headers["etag"]}')
    head = requests.head(served.url + path, timeout=60)

    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert (head.status_code, head.content) == (200, b"")
    assert "public" in first.headers["cache-control"]


def test_the_feed_is_valid_and_whole(served: Served) -> None:
    answer = get(served, "/feed.xml")
    feed = feedparser.parse(answer.content)

    assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
    assert not feed.bozo
    assert [entry.title for entry in feed.entries] == ["Third", "Second", "First"]
    assert "Good morning, everybody." in feed.entries[0].content[0].value


@pytest.mark.parametrize("path", ["/feed.xml", "/images/chips.png"])
def test_a_client_that_knows_only_the_date_gets_304_as_well(served: Served, path: str) -> None:
    modified = get(served, path).headers["last-modified"]

    assert get(served, path, If_Modified_Since=modified).status_code == 304
    assert get(served, path, If_Modified_Since=modified, If_None_Match='"older"').status_code == 200
    assert get(served, path, If_Modified_Since="Thu, 01 Jan 1970 00:00:00 GMT").status_code == 200


def test_the_feed_is_compressed_for_clients_that_accept_it(served: Served) -> None:
    packed, plain = get(served, "/feed.xml", Accept_Encoding="gzip, br"), get(served, "/feed.xml", Accept_Encoding="br")

    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content  # the library unpacks it
    assert packed.headers["etag"] != plain.headers["etag"]
    assert packed.headers["vary"] == "Accept-Encoding"


def test_robots_txt_names_the_sitemap_and_excludes_readers_links(served: Served) -> None:
    rules = get(served, "/robots.txt").text
    places = [found.text for found in ElementTree.fromstring(get(served, "/sitemap.xml").content).iter() if found.text]

    assert "Sitemap: https://news.example.com/sitemap.xml" in rules
    assert "Disallow: /unsubscribe/" in rules
    assert "https://news.example.com/issues/third" in places


@pytest.mark.parametrize(
    "path",
    [
        "newsletter.toml",
        "../newsletter.toml",
        "..%2fnewsletter.toml",
        "%2e%2e/newsletter.toml",
        "..%5cnewsletter.toml",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "images/../../newsletter.toml",
        ".hidden.png",
        "images/.hidden.png",
        "../.newsletter/secret",
        ".newsletter/secret",
        "newsletter.db",
        "secret.png",
        "out.png",
        "chips.png%00",
        "chips.png/",
        "",
        ".",
        "images",
    ],
)
def test_no_other_file_is_served_as_a_picture(served: Served, path: str) -> None:
    session = requests.Session()
    request = requests.Request("GET", served.url).prepare()
    request.url = f"{served.url}/images/{path}"  # as it stands: nobody tidies the path up

    answer = session.send(request, timeout=60, allow_redirects=False)

    assert answer.status_code == 404
    assert "[publication]" not in answer.text


def test_a_picture_is_kept_for_long_and_a_drawing_runs_nothing(served: Served) -> None:
    picture, drawing = get(served, "/images/chips.png"), get(served, "/images/drawing.svg")

    assert picture.content == (ROOT / "images" / "chips.png").read_bytes()
    assert picture.headers["content-type"] == "image/png"
    assert picture.headers["cache-control"] == "public, max-age=604800"
    assert drawing.headers["content-type"] == "image/svg+xml"
    assert "default-src 'none'" in drawing.headers["content-security-policy"]
    assert "sandbox" in drawing.headers["content-security-policy"]


def test_a_replaced_picture_is_served_as_it_is_now(served: Served) -> None:
    file = served.folder / "images" / "circles.png"
    before = get(served, "/images/circles.png")
    file.write_bytes((ROOT / "images" / "network.png").read_bytes())

    after = get(served, "/images/circles.png", If_None_Match=before.headers["etag"])

    assert (after.status_code, after.content) == (200, file.read_bytes())


def test_addresses_with_and_without_a_slash_lead_to_the_right_ones(served: Served) -> None:
    assert get(served, "/issues").headers["location"] == "/issues/"
    assert get(served, "/issues/first/").headers["location"] == "/issues/first"
    assert get(served, "/issues/page/1").headers["location"] == "/issues/"
    assert get(served, "/issues/page/2").status_code == 404
    assert get(served, "/issues/%2f%2fevil.example/").status_code == 404


def test_the_front_page_shows_the_latest(served: Served) -> None:
    assert '<a href="/issues/third" dir="auto">Third</a>' in get(served, "/").text


def test_the_form_of_an_issue_signs_up_for_its_list_in_one_press(served: Served) -> None:
    form = get(served, "/issues/second").text.partition("<form")[2].partition("</form>")[0]
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form))
    time.sleep(2.1)  # a person takes longer than [signup] min_time

    sent = {**fields, "email": "eve@example.com", "topic": ""}
    answer = requests.post(f"{served.url}/subscribe", data=sent, headers={"Accept": "application/json"}, timeout=60)

    assert fields["page"] == "https://news.example.com/issues/second"
    assert fields["list"] == "daily"
    assert answer.json() == {"status": "asked", "email": "eve@example.com"}
