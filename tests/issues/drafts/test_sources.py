"""The sources of drafts: feeds, pages and texts, whole or broken, friendly or hostile."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import NewsletterError
from newsletter.issues.drafts.sources import MOST_BYTES, ReadSource, decoded, read_source
from newsletter.issues.drafts.story import Story, first_sentence, link_key, link_of
from newsletter.network import NetworkAccess
from tests.conftest import Run
from tests.support.web_server import WebServer

HERE = NetworkAccess()
ATOM = """<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://wire.example.com/news/">
  <title>Example Wire</title>
  <entry>
    <title type="html">Bread &amp;amp; butter</title>
    <link href="bread"/>
    <author><name>Ada</name></author>
    <updated>2025-01-17T10:00:00+01:00</updated>
    <summary type="html">
      &lt;p&gt;It is baked at &lt;b&gt;night&lt;/b&gt;.&lt;/p&gt;&lt;p&gt;Nobody sleeps in this whole town.&lt;/p&gt;
    </summary>
  </entry>
</feed>"""
PAGE = """<!doctype html><html><head><title>A pier for everyone | Example Wire</title>
<meta property="og:title" content="A pier for everyone"><meta property="og:site_name" content="Example Wire">
<meta name="author" content="Ada Example"><meta property="article:published_time" content="2025-01-16">
<meta name="description" content="The pier has a ramp now, and a bench at its end. More inside.">
<script>document.write("A lie")</script></head><body><nav>Menu</nav><article><h1>A pier for everyone</h1>
<p>The pier has a ramp now. It took two winters to build and half of a third one, people say.</p>
<p>At its end stands a bench, from which the lighthouse can be seen on clear days.</p></article></body></html>"""


HOME = b"<html><head><link rel=alternate type='application/rss+xml' href='https://example.com/f.xml'></head><body>"


def rss(*items: str, head: str = "") -> str:
    return f"{head}<rss version='2.0'><channel><title>Wire</title>{''.join(items)}</channel></rss>"


def read(folder: Path, content: str | bytes, name: str = "source") -> ReadSource:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return read_source(name, HERE, folder)


def one(folder: Path, content: str | bytes) -> Story:
    (story,) = read(folder, content).stories
    return story


def test_an_atom_entry_is_a_story_with_its_link_author_date_and_sentence(tmp_path: Path) -> None:
    assert one(tmp_path, ATOM) == Story(
        title="Bread & butter",
        url="https://wire.example.com/news/bread",
        source="Example Wire",
        author="Ada",
        published=datetime(2025, 1, 17, 9, tzinfo=UTC),
        summary="It is baked at night. Nobody sleeps in this whole town.",
    )


def test_a_json_feed_is_read_by_its_specification(tmp_path: Path) -> None:
    tide = {
        "id": "1",
        "url": "/tide",
        "title": "High tide",
        "content_html": "<p>The tide was very high on Thursday.</p>",
        "date_published": "2025-01-17T10:00:00Z",
        "authors": [{"name": "Ada"}],
    }
    note = "A note without a title is named by its first sentence."
    untitled = {"id": "https://wire.example.com/untitled", "content_text": f"{note} And so on."}
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "Example Wire",
        "home_page_url": "https://wire.example.com/",
        "items": [tide, untitled, {"id": 3, "url": ["odd"], "title": {"odd": True}}, "odd"],
    }

    first, second = read(tmp_path, json.dumps(feed)).stories

    assert first == Story(
        title="High tide",
        url="https://wire.example.com/tide",
        source="Example Wire",
        author="Ada",
        published=datetime(2025, 1, 17, 10, tzinfo=UTC),
        summary="The tide was very high on Thursday.",
    )
    assert second.title == note


def test_an_article_page_is_a_story_in_its_own_words(tmp_path: Path) -> None:
    story = one(tmp_path, PAGE)

    assert (story.title, story.source, story.author) == ("A pier for everyone", "Example Wire", "Ada Example")
    assert story.published == datetime(2025, 1, 16, tzinfo=UTC)
    assert story.summary == "The pier has a ramp now, and a bench at its end."


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [
        ("utf-8", ""),
        ("utf-8-sig", ""),
        ("utf-8", "iso-8859-1"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("shift_jis", "Shift_JIS"),
        ("euc-jp", "EUC-JP"),
        ("iso-2022-jp", "ISO-2022-JP"),
    ],
)
def test_a_feed_may_be_in_any_encoding_and_say_another(tmp_path: Path, encoding: str, declared: str) -> None:
    head = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""

    assert (
        one(tmp_path, rss("<item><title>港のパン屋</title></item>", head=head).encode(encoding)).title == "港のパン屋"
    )


def test_old_windows_text_keeps_its_quotes_and_accents(tmp_path: Path) -> None:
    content = rss("<item><title>caf\u00e9 \u2019n\u2019 th\u00e9 &eacute;</title></item>").encode("cp1252")

    assert one(tmp_path, content).title == "café ’n’ thé é"


@pytest.mark.parametrize(
    "broken",
    [
        "<rss><channel><title>W</title><item><title>Bread</title><link>https://example.com/b",
        "<rss><channel><item><title>Bread</title><link>https://example.com/b</link></channel>",
        "<rss><item><title>Bread</title><link>https://example.com/b</link><description>a < b & c &bogus;</item></rss>",
        "\n\n <!-- hello --> <?xml version='1.0'?><rss><item><title>Bread</title><link>https://example.com/b</link></item>",
        "<rss><channel><item><title>Bread</title>\x00\x01<link>https://example.com/b</link></item></channel></rss>",
    ],
)
def test_a_broken_feed_gives_what_can_be_read(tmp_path: Path, broken: str) -> None:
    story = one(tmp_path, broken)

    assert (story.title, story.url) == ("Bread", "https://example.com/b")


@pytest.mark.parametrize(
    "link",
    [
        *("javascript:alert(1)", "JaVa\tScript:alert(1)", "data:text/html,x", "file:///etc/passwd", "http://", "//"),
        *("http://localhost/x", "http://127.0.0.1/", "http://[::1]/", "http://192.168.1.1/x"),
        *("http://169.254.169.254/latest", "https://printer.local/", "https://exa mple.com/"),
    ],
)
def test_a_link_that_is_no_public_web_address_is_gone(tmp_path: Path, link: str) -> None:
    story = one(tmp_path, rss(f"<item><title>Bread</title><link>{link}</link></item>"))

    assert (story.title, story.url) == ("Bread", "")


def test_scripts_pictures_and_comments_of_a_source_are_gone(tmp_path: Path) -> None:
    markup = """<script>bad()</script><img src="https://t.example/p.gif" width="1"><style>x{}</style><!-- c -->
        <p onclick="x">Good <a href="javascript:x">words</a> only, and enough of them.</p><iframe src="x">no</iframe>"""
    story = one(tmp_path, rss(f"<item><title>Bread</title><description><![CDATA[{markup}]]></description></item>"))

    assert story.summary == "Good words only, and enough of them."


BOMB = "<!DOCTYPE r [" + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10 if n else "A" * 100}">' for n in range(12)) + "]>"


@pytest.mark.parametrize(
    "hostile",
    [
        rss("<item><title>Bread&a11;</title></item>", head=BOMB),
        rss(
            "<item><title>Bread" + "&a;" * 50_000 + "</title></item>",
            head=f'<!DOCTYPE r [<!ENTITY a "{"A" * 90_000}">]>',
        ),
        rss("<item><title>Bread&x;</title></item>", head='<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
        rss("<item><title>Bread</title></item>" * 30_000),
        rss("<item><title>Bread</title><description>" + "&lt;a " * 500_000 + "</description></item>"),
        rss("<item><title>Bread</title></item>", "<item>" * 200_000),
        "<!--" * 100 + rss() + "-->" + rss("<item><title>Bread</title></item>"),
    ],
    ids=["laughs", "quadratic", "outside", "many", "long", "deep", "comments"],
)
def test_a_hostile_feed_costs_seconds_at_most_and_tells_nothing_of_this_machine(tmp_path: Path, hostile: str) -> None:
    began = process_time()

    stories = read(tmp_path, hostile).stories

    assert process_time() - began < 10
    assert 1 <= len(stories) <= 300
    assert {story.title for story in stories} == {"Bread"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "there is nothing in it"),
        (b" \n", "there is nothing in it"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "neither a feed, nor a page, nor text"),
        (b"%PDF-1.7", "neither a feed, nor a page, nor text"),
        (b"Hello", "no article is in this text"),
        (b'{"items": ' + b"[" * 300_000, "this feed is no JSON"),
        (b'{"items": 3}', "it has no items"),
        (b"<html><body><div>" + b"<p>" * 5_000, "no article is on this page"),
        (HOME, "Its feed may be what you want: https://example.com/f.xml"),
        (b"x" * (MOST_BYTES + 1), "the file is over 5 MB"),
        (b"A town votes\n\n" + b"- a point\n" * 500_000, "the text has 500,003 lines"),
        (b"<html><body><p " + b" ".join(b"a%d=x" % n for n in range(40_000)) + b">", "no article is on this page"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_clear_error(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(NewsletterError) as refused:
        read(tmp_path, content)

    assert message in str(refused.value)
    assert str(refused.value).startswith("source: ")


WORDS = st.text(max_size=300) | st.text("<>&;rssitemtl/!-[]{}\"' \n")


@given(content=st.binary(max_size=300) | WORDS.map(str.encode))
def test_any_bytes_are_stories_or_one_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    stories: list[Story] = []

    with suppress(NewsletterError):
        stories = read(tmp_path_factory.getbasetemp(), content).stories

    assert all(story.title == " ".join(story.title.split()) for story in stories)


@given(
    content=st.binary(max_size=50),
    charset=st.sampled_from(["", "rot13", "idna", "unicode_escape", "utf-8", "x", "cp037"]),
)
def test_any_bytes_are_text_whatever_their_server_says(content: bytes, charset: str) -> None:
    text, guessed = decoded(content, charset)

    assert isinstance(text, str)
    assert isinstance(guessed, str)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Dr. Ada of the U.S. Army went home early. Then she slept.", "Dr. Ada of the U.S. Army went home early."),
        ("Yes. It rained all day in the whole county. And then?", "Yes. It rained all day in the whole county."),
        (
            "Prices rose by 3.5 percent in one year, they say. More.",
            "Prices rose by 3.5 percent in one year, they say.",
        ),
        ("An excerpt that stops in the middle of […]", "An excerpt that stops in the middle of…"),
        ("A short one. The post A short one appeared first on Wire.", "A short one."),
        ("今日は雨が降りました。" * 9, "今日は雨が降りました。" * 4),
        ("word " * 200, ("word " * 60)[:298].rsplit(" ", 1)[0] + "…"),
    ],
)
def test_a_summary_is_one_sentence(text: str, sentence: str) -> None:
    assert first_sentence(text) == sentence


def test_an_address_has_one_key_however_it_is_spelled() -> None:
    spellings = [
        "http://www.example.com/a/?b=1&a=2",
        "https://example.com/a?a=2&b=1&utm_source=x#top",
        "https://EXAMPLE.com:443/a?fbclid=1&a=2&b=1",
    ]

    assert len({link_key(link_of(spelling)) for spelling in spellings}) == 1
    assert link_key("https://example.com/a") != link_key("https://example.com/b")


def test_a_private_feed_links_to_its_own_host_and_to_no_other_private_one() -> None:
    home = "http://127.0.0.1:8000/feed.xml"

    assert link_of("/story?utm_source=x", home) == "http://127.0.0.1:8000/story"
    assert link_of("http://127.0.0.1:8000/story") == ""
    assert link_of("http://192.168.0.1/story", home) == ""
    assert link_of("http://localhost/story", "https://example.com/feed.xml") == ""
    assert link_of("//", "") == ""


def test_a_feed_on_the_web_is_drafted_when_its_host_is_allowed(newsletter: Run, publication_folder: Path) -> None:
    item = "<item><title>From the web</title><link>https://example.com/1</link></item>"
    with WebServer({"/feed": (302, "/feed.xml", b""), "/feed.xml": (200, "text/xml", rss(item).encode())}) as web:
        (publication_folder / "newsletter.toml").write_text(
            (publication_folder / "newsletter.toml").read_text().replace("https://news.example.com", web.url)
        )
        drafted = newsletter("draft", "--from", f"{web.url}/feed", cwd=publication_folder)
        refused = newsletter(
            "draft", "--from", f"{web.url.replace('127.0.0.1', 'localhost')}/feed", cwd=publication_folder
        )
        missing = newsletter("draft", "--from", f"{web.url}/gone", cwd=publication_folder)

        assert web.asked == [("GET", "/feed"), ("GET", "/feed.xml"), ("GET", "/gone")]
    assert drafted.stdout.endswith("-from-the-web.md\n")
    assert (refused.returncode, missing.returncode) == (1, 1)
    assert "localhost is a private address" in refused.stderr
    assert missing.stderr == f"newsletter: error: {web.url}/gone: the server answers 404\n  Look at it in a browser.\n"
