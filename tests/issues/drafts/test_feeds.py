"""Feeds of every kind: whose words are a headline, which entries are stories, and what is said of the others."""

from __future__ import annotations

import json
from pathlib import Path
from time import process_time

import pytest

from newsletter.errors import NewsletterError
from newsletter.issues.drafts.sources import ReadSource, read_source
from newsletter.network import NetworkAccess
from tests.conftest import Run

SPACES = (
    "xmlns:media='http://search.yahoo.com/mrss/' xmlns:content='http://purl.org/rss/1.0/modules/content/'"
    " xmlns:dc='http://purl.org/dc/elements/1.1/'"
)
DIV = "<div xmlns='http://www.w3.org/1999/xhtml'>"


def rss(*items: str) -> str:
    return f"<rss version='2.0' {SPACES}><channel><title>Wire</title>{''.join(items)}</channel></rss>"


def item(inside: str) -> str:
    return rss(f"<item>{inside}</item>")


def atom(inside: str) -> str:
    return f"<feed xmlns='http://www.w3.org/2005/Atom' {SPACES}><title>Wire</title><entry>{inside}</entry></feed>"


def rdf(inside: str) -> str:
    return (
        "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns='http://purl.org/rss/1.0/'"
        f" {SPACES}><channel><title>Wire</title></channel><item>{inside}</item></rdf:RDF>"
    )


def read(folder: Path, content: str | bytes) -> ReadSource:
    (folder / "source").write_bytes(content.encode() if isinstance(content, str) else content)
    return read_source("source", NetworkAccess(), folder)


def titles(folder: Path, content: str) -> list[str]:
    return [story.title for story in read(folder, content).stories]


@pytest.mark.parametrize(
    ("feed", "title"),
    [
        (atom("<title>Using &lt;dialog&gt; without tears</title>"), "Using <dialog> without tears"),
        (atom("<title type='text'>Vec&lt;T&gt; and &amp;str</title>"), "Vec<T> and &str"),
        (atom("<title>A &lt;b&gt;word&lt;/b&gt; &amp;amp; more</title>"), "A <b>word</b> &amp; more"),
        (atom("<title>&lt;script&gt; tags explained</title>"), "<script> tags explained"),
        (atom("<title type='html'>Bold &lt;b&gt;news&lt;/b&gt; &amp;amp; more</title>"), "Bold news & more"),
        (atom("<title type='html'>Why &amp;lt;b&amp;gt; is bold</title>"), "Why <b> is bold"),
        (atom(f"<title type='xhtml'>{DIV}Less: <em>&lt;b&gt;</em></div></title>"), "Less: <b>"),
        (item("<title><![CDATA[Why <script> tags slow kites]]></title>"), "Why <script> tags slow kites"),
        (item("<title>Why &lt;script&gt; tags slow kites</title>"), "Why <script> tags slow kites"),
        (item("<title>Bread &amp;amp; butter</title>"), "Bread & butter"),
        (item("<title><![CDATA[<b>Bread</b> &amp; butter]]></title>"), "Bread & butter"),
        (item("<title>What &lt;b&gt; and &lt;i&gt; mean</title>"), "What <b> and <i> mean"),
        (item("<title>1 &lt; 2 and R&amp;notes</title>"), "1 < 2 and R&notes"),
        (rdf("<title>Vec&lt;T&gt; &amp;amp; more</title>"), "Vec<T> & more"),
        (rdf("<dc:title>Only here</dc:title>"), "Only here"),
        (json.dumps({"items": [{"title": "Using <dialog> &amp; more"}]}), "Using <dialog> &amp; more"),
    ],
)
def test_a_headline_keeps_every_word_that_its_author_wrote(tmp_path: Path, feed: str, title: str) -> None:
    assert titles(tmp_path, feed) == [title]


@pytest.mark.parametrize(
    "pictures",
    [
        "<media:title>A photo</media:title>",
        "<media:content><media:title>A photo</media:title><media:description>Seen</media:description></media:content>",
        "<media:group><media:content><media:title>A photo</media:title></media:content></media:group>",
        "<image><title>A photo</title></image>",
    ],
)
@pytest.mark.parametrize("is_first", [True, False])
def test_a_storys_own_headline_and_words_beat_those_of_its_picture(
    tmp_path: Path, pictures: str, is_first: bool
) -> None:
    own = "<title>The story</title><description>Its own words are here.</description>"

    (story,) = read(tmp_path, item(pictures + own if is_first else own + pictures)).stories

    assert (story.title, story.summary) == ("The story", "Its own words are here.")


@pytest.mark.parametrize(
    ("feed", "title"),
    [
        (item("<description>&lt;p&gt;The museum opens on Friday, at noon, they say.&lt;/p&gt;</description>"), ""),
        (item("<title/><content:encoded><![CDATA[<p>The museum opens on Friday, at noon, they say.</p> Free.]]>"
              "</content:encoded>"), ""),
        (item("<description>The museum opens on Friday, at noon, they say.</description>"
              "<media:content><media:title>A photo</media:title></media:content>"), ""),
        (atom("<title></title><content>The museum opens on Friday, at noon, they say. Free.</content>"), ""),
        (rdf("<description>The museum opens on Friday, at noon, they say. Free.</description>"), ""),
        (item("<media:content><media:title>A photo of a kite</media:title></media:content>"), "A photo of a kite"),
    ],
)  # fmt: skip
def test_an_entry_without_a_headline_is_named_by_its_first_sentence(tmp_path: Path, feed: str, title: str) -> None:
    assert titles(tmp_path, feed) == [title or "The museum opens on Friday, at noon, they say."]


def test_a_word_like_script_hides_nothing_of_a_description(tmp_path: Path) -> None:
    (story,) = read(
        tmp_path, item("<title>T</title><description>Why &lt;script&gt; tags slow kites.</description>")
    ).stories

    assert story.summary == "Why <script> tags slow kites."


def test_entries_that_give_no_story_are_counted_and_said(newsletter: Run, publication_folder: Path) -> None:
    named = "".join(f"<item><title>Story {n}</title><link>https://example.com/{n}</link></item>" for n in range(305))
    nameless = "<item><link>https://example.com/x</link></item>" * 2
    (publication_folder / "feed.xml").write_text(rss(nameless, named))
    (publication_folder / "feed.json").write_text(json.dumps({"items": [{"url": "https://example.com/y"}, 3]}))

    done = newsletter("draft", "--from", "feed.xml", "--from", "feed.json", cwd=publication_folder)
    nothing = newsletter("draft", "--from", "feed.json", cwd=publication_folder)

    assert (
        "10 stories; left out: 288 over the limit, 4 without a headline, 7 behind the first 300 of a feed"
        in done.stderr
    )
    assert nothing.stderr.splitlines()[0].endswith("nothing new was found: 2 without a headline")


CHANGES = "<item><title>Version {0}</title><link>https://engine.example.com/changes#v{0}</link></item>"


def test_parts_of_one_page_are_stories_of_their_own_today_and_tomorrow(
    newsletter: Run, publication_folder: Path
) -> None:
    (publication_folder / "today.xml").write_text(rss(CHANGES.format("3.2"), CHANGES.format("3.1")))
    (publication_folder / "tomorrow.xml").write_text(rss(*map(CHANGES.format, ("3.3", "3.2", "3.1"))))

    today, tomorrow = (
        newsletter("draft", "--from", name, "--json", cwd=publication_folder) for name in ("today.xml", "tomorrow.xml")
    )

    assert [story["title"] for story in json.loads(today.stdout)["stories"]] == ["Version 3.2", "Version 3.1"]
    assert [story["title"] for story in json.loads(tomorrow.stdout)["stories"]] == ["Version 3.3"]
    assert "left out: 2 known already" in tomorrow.stderr


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("windows-1251", "Новости о воздушных змеях, ветер усилится завтра"),
        ("koi8-r", "Новости о воздушных змеях, ветер усилится завтра"),
        ("shift_jis", "港のパン屋は夜に焼く"),
        ("euc-kr", "새로운 연 박물관이 문을 엽니다"),
        ("windows-1253", "Τα νέα των χαρταετών"),
        ("windows-1256", "أخبار الطائرات الورقية غدا"),
        ("windows-1252", "Drakmuseet öppnar på fredag, vädret blir bättre än väntat"),
        ("windows-1250", "Muzeum draků otevře v pátek, příliš žluťoučký kůň"),
    ],
)
def test_an_encoding_that_is_not_declared_is_recognised_and_said(
    newsletter: Run, publication_folder: Path, encoding: str, words: str
) -> None:
    feed = item(f"<title>{words}</title><link>https://example.com/1</link>").encode(encoding)
    (publication_folder / "feed.xml").write_bytes(feed)

    done = newsletter("draft", "--from", "feed.xml", "--json", cwd=publication_folder)

    assert json.loads(done.stdout)["stories"][0]["title"] == words
    assert f"warning: feed.xml: its encoding is not declared or not true; it was read as {encoding}\n" in done.stderr


def test_one_broken_byte_does_not_spoil_the_other_letters(tmp_path: Path) -> None:
    feed = item("<title>Ein schöner Tag für Drachen über Köln, Jülich und Düren: Äpfel, Öl</title>").encode()

    source = read(tmp_path, feed.replace("Öl".encode(), b"\xc3l"))

    assert source.stories[0].title.startswith("Ein schöner Tag für Drachen über Köln, Jülich und Düren: Äpfel")
    assert source.encoding == "utf-8"


MANY = " ".join(f"a{n}='x'" for n in range(40_000))


@pytest.mark.parametrize(
    "feed",
    [
        item(f"<guid {MANY}>1</guid><title>Bread</title>"),
        f"<rss {MANY}><channel><item><title>Bread</title></item></channel></rss>",
        atom(f"<title type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml' {MANY}>Bread</div></title>"),
    ],
)
def test_an_element_of_endless_attributes_is_one_error_at_once(tmp_path: Path, feed: str) -> None:
    began = process_time()

    with pytest.raises(NewsletterError, match=r"^source: an element has 40,000 attributes \(line 2\)"):
        read(tmp_path, "<?xml version='1.0'?>\n" + feed)

    assert process_time() - began < 5
