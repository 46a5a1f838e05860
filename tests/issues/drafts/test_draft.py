"""`newsletter draft`: sources become an issue file that builds, with every sentence marked for review."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it.token import Token

from newsletter.checks.run import check_issue
from newsletter.config import load_publication
from newsletter.issues.drafts.draft import issue_text
from newsletter.issues.drafts.story import LONGEST_NAME, Section, Story, first_sentence, link_of, one_line
from newsletter.issues.issue import Block
from newsletter.rendering.build import Built, build_issue
from tests.conftest import Run
from tests.support.writing import message_for

ITEM = "<item><title>{}</title><link>{}</link><description>{}</description><pubDate>{}</pubDate></item>"
JANUARY = "Fri, 17 Jan 2025 {:02}:00:00 GMT"

PAGE = """×
A harbour town votes for longer market days, and the bakers are worried
Written by Ada Example
Published on January 16, 2025
Join our daily newsletter for everything between the pier and the station
Join Now

The council of Exampleton has voted to open the market on three more days, while bakers warn: nobody bakes all night.

What was decided: From March the stalls may open from Tuesday to Sunday.

  • The rule is a trial and ends after a year
  • Stalls that sell hot food need a second permit

Who voted how: The decision was closer than it had looked.

  • Nine members were for it, seven against
  • The mayor did not vote

The bakers: Three bakeries share one oven, and its nights are full.

  • A second oven costs more than a year's rent
  • Two apprentices are wanted

The fishers: They had asked for longer days since the storm.

  • Boats come back later than they used to

The visitors: Most of them come at the weekend in any case.

  • The ferry runs six times on Sundays

What comes next: The council wants to count before it decides again.

  • Every stall will write down its sales
  • A first report is due in June
Why the market stays open on Sundays

Recent News

The lighthouse gets a new lamp after forty years

It shines as far as the old one, and needs a tenth of the power.

Ferry tickets will be sold on the pier again

The office by the station closes, but its clerk moves along.

A choir looks for basses

Anyone who can hold a note may come on Thursdays.
"""


def feed(folder: Path, *items: str, name: str = "feed.xml", title: str = "Example Wire") -> Path:
    path = folder / name
    channel = f"<title>{title}</title><link>https://wire.example.com/</link>{''.join(items)}"
    path.write_text(f"<rss version='2.0'><channel>{channel}</channel></rss>", encoding="utf-8")
    return path


def rules_of(folder: Path, name: str) -> set[str]:
    publication = load_publication(folder / "newsletter.toml")
    return {problem.rule for problem in check_issue(publication, folder / name) if problem.path == name}


def test_a_feed_becomes_an_article_and_news_and_check_asks_only_for_review(
    newsletter: Run, publication_folder: Path
) -> None:
    description = "It was last painted in 1987, the city says. More follows."
    feed(
        publication_folder,
        ITEM.format("A bridge closes for two weeks", "/bridge?utm_source=rss", description, JANUARY.format(7)),
        ITEM.format(
            "The new library opens its doors", "/library", "Readers waited four years for this day.", JANUARY.format(9)
        ),
        ITEM.format("Rain is expected on the coast", "/rain", "", JANUARY.format(8)),
    )

    done = newsletter("draft", "--from", "feed.xml", "--date", "2025-01-18", cwd=publication_folder)

    assert done.returncode == 0, done.stderr
    assert done.stdout == "issues/2025-01-18-the-new-library-opens-its-doors.md\n"
    text = (publication_folder / done.stdout.strip()).read_text(encoding="utf-8")
    assert ':::article title="The new library opens its doors" url=https://wire.example.com/library' in text
    assert 'source="Example Wire"\n“Readers waited four years for this day.” (January 17) <!-- review -->\n:::' in text
    assert (
        "- [A bridge closes for two weeks](https://wire.example.com/bridge)"
        " “It was last painted in 1987, the city says.” (Example Wire, January 17) <!-- review -->"
    ) in text
    assert "- [Rain is expected on the coast](https://wire.example.com/rain) (Example Wire, January 17)" in text
    assert newsletter("build", "--", done.stdout.strip(), cwd=publication_folder).returncode == 0
    assert rules_of(publication_folder, done.stdout.strip()) == {"NL016"}


def test_the_text_of_a_page_becomes_a_whole_issue(newsletter: Run, publication_folder: Path) -> None:
    (publication_folder / "page.txt").write_text(PAGE, encoding="utf-8")

    done = newsletter("draft", "--from", "page.txt", "--date", "2025-01-18", cwd=publication_folder)

    path = publication_folder / done.stdout.strip()
    built = build_issue(load_publication(publication_folder / "newsletter.toml"), path)
    _, article, news = (piece for piece in built.issue.content if isinstance(piece, Block))
    assert built.issue.subject == "A harbour town votes for longer market days, and the bakers are worried"
    assert article.fields["title"] == built.issue.subject
    assert article.fields["source"] == "Why the market stays open on Sundays"
    assert article.fields["author"] == "Ada Example"
    assert sum(token.type == "bullet_list_open" for token in article.body) == 6
    assert sum(token.type == "list_item_open" for token in article.body) == 10
    assert sum(token.type == "list_item_open" for token in news.body) == 3
    shown = message_for(built).text
    for words in ("What was decided: From March", "What comes next: The council", "The lighthouse gets a new lamp"):
        assert words in shown
    assert "Join Now" not in shown
    assert rules_of(publication_folder, done.stdout.strip()) == {"NL016"}


def test_what_earlier_issues_link_to_is_left_out_however_it_is_spelled(
    newsletter: Run, publication_folder: Path
) -> None:
    (publication_folder / "issues").mkdir()
    (publication_folder / "issues" / "2025-01-16-before.md").write_text(
        "---\nsubject: Before\n---\n[one](https://www.example.org/one/?b=2&a=1) and [two](http://example.org/two).\n"
    )
    feed(
        publication_folder,
        ITEM.format("One", "https://example.org/one?a=1&amp;b=2&amp;utm_medium=feed", "", ""),
        ITEM.format("Two", "https://example.org/two#top", "", ""),
        ITEM.format("Three", "https://example.org/three", "", ""),
        ITEM.format("Three again", "https://example.org/three/", "", ""),
    )

    done = newsletter("draft", "--from", "feed.xml", "--json", cwd=publication_folder)

    assert [story["title"] for story in json.loads(done.stdout)["stories"]] == ["Three"]
    assert "1 story; left out: 3 known already" in done.stderr


def test_nothing_new_is_one_clear_error_and_writes_nothing(newsletter: Run, publication_folder: Path) -> None:
    feed(publication_folder, ITEM.format("Old", "/old", "", "Fri, 17 Jan 2020 10:00:00 GMT"))

    done = newsletter("draft", "--from", "feed.xml", "--since", "2d", cwd=publication_folder)

    assert done.returncode == 1
    assert done.stderr == "newsletter: error: feed.xml: nothing new was found: 1 too old\n"
    assert not (publication_folder / "issues").exists()


def test_no_file_is_ever_overwritten(newsletter: Run, publication_folder: Path) -> None:
    feed(publication_folder, ITEM.format("A story without a link", "", "It is told twice.", ""))

    first, second = (newsletter("draft", "--from", "feed.xml", cwd=publication_folder) for _ in range(2))

    assert first.stdout != second.stdout
    assert len(list((publication_folder / "issues").iterdir())) == 2


def test_sources_limit_and_since_come_from_the_settings(newsletter: Run, publication_folder: Path) -> None:
    first = feed(
        publication_folder, ITEM.format("First", "/1", "", JANUARY.format(8)), ITEM.format("Undated", "/0", "", "")
    )
    feed(publication_folder, ITEM.format("Second", "/2", "", JANUARY.format(9)), name="other.xml")
    with (publication_folder / "newsletter.toml").open("a") as file:
        file.write(f'[draft]\nfrom = ["{first}", "other.xml"]\nlimit = 2\n')

    done = newsletter("draft", "--since", "2025-01-17", "--json", cwd=publication_folder)

    assert [story["title"] for story in json.loads(done.stdout)["stories"]] == ["Second", "First"]
    assert "left out: 1 over the limit" in done.stderr


@pytest.mark.parametrize(("limit", "words"), [("0", "write at least 1"), ("101", "write at most 100")])
def test_a_limit_that_is_none_is_refused_at_its_line(
    newsletter: Run, publication_folder: Path, limit: str, words: str
) -> None:
    with (publication_folder / "newsletter.toml").open("a") as file:
        file.write(f"[draft]\nlimit = {limit}\n")

    done = newsletter("draft", cwd=publication_folder)

    assert done.returncode == 2
    assert done.stderr == f"newsletter: error: newsletter.toml:11: [draft] limit = {limit}: {words}\n"


def test_files_of_options_are_where_you_are_and_files_of_settings_beside_them(
    newsletter: Run, publication_folder: Path, tmp_path: Path
) -> None:
    feed(tmp_path, ITEM.format("Here", "/here", "", ""), name="here.xml")
    feed(publication_folder, ITEM.format("There", "/there", "", ""), name="there.xml")
    with (publication_folder / "newsletter.toml").open("a") as file:
        file.write('[draft]\nfrom = ["there.xml"]\n')
    config = ("--config", str(publication_folder / "newsletter.toml"), "draft", "--json")

    here, there = newsletter(*config, "--from", "here.xml"), newsletter(*config)

    assert json.loads(here.stdout)["stories"][0]["title"] == "Here"
    assert json.loads(there.stdout)["stories"][0]["title"] == "There"


def test_a_source_that_cannot_be_read_costs_the_others_nothing(newsletter: Run, publication_folder: Path) -> None:
    feed(publication_folder, ITEM.format("Still here", "/1", "", ""))

    done = newsletter("draft", "--from", "gone.xml", "feed.xml", cwd=publication_folder)

    assert done.returncode == 0
    assert "warning: gone.xml: no such file" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "no source is named"),
        (["--from", "gone.xml"], 1, "gone.xml: no such file"),
        (["--from", "."], 1, ".: this is no file"),
        (["--from", "newsletter.toml", "--since", "soon"], 2, '--since: "soon" is not a time'),
        (["--from", "ftp://example.com/feed"], 1, "only http:// and https:// addresses and files"),
        (["--from", "javascript:alert(1)"], 1, "only http:// and https:// addresses and files"),
        (["--from", "gone.xml", "--from", "too.xml"], 1, "none of 2 sources can be read\n  gone.xml: no such file"),
    ],
)
def test_what_cannot_be_drafted_is_refused_in_words(
    newsletter: Run, publication_folder: Path, arguments: list[str], code: int, message: str
) -> None:
    done = newsletter("draft", *arguments, cwd=publication_folder)

    assert done.returncode == code
    assert message in done.stderr
    assert not (publication_folder / "issues").exists()


SIGNS = st.sampled_from(list("{}%#:*_`[]()<>!&|~\\\"'-=+.1 \n\t;"))
OPENERS = st.sampled_from(
    [
        ":::article title=x",
        "{{ email }}",
        "{% if x %}",
        "{{{%",
        "<!-- x",
        "-->",
        "<script>",
        "# h",
        "1. x",
        "- x",
        "&copy;",
    ]
) | st.sampled_from(
    ["---", "NLM00001xNL", "![a](b)", "[a]: b", "~~~ x", "|a|b|", "**a**", "__a__", "https://a.b", "a\\"]
)
BUILT_IN = {"first_name", "email", "unsubscribe_url", "preferences_url", "web_url"}
HOSTILE = st.text(SIGNS | st.characters(codec="utf-8"), max_size=60) | OPENERS


def drafted(folder: Path, texts: list[str]) -> tuple[list[Story], Built]:
    """Make three stories of these texts, cleaned as sources clean them, and build the issue from them."""
    title, source, author, sentence, label, point = (one_line(text, LONGEST_NAME) for text in texts)
    section = Section(label=label or "Label", text=sentence or "Text", points=(point or "Point",))
    url = link_of(f"https://example.com/{point}")
    stories = [
        Story(title=title or "A title", source=source, author=author, summary=sentence, sections=(section,)),
        Story(title=sentence or "Another", url=url, source=source, summary=first_sentence(author)),
        Story(title=point or "More", summary=title, published=datetime(2024, 5, 5, tzinfo=UTC)),
    ]
    (folder / "newsletter.toml").write_text(
        '[publication]\nname = "N"\nurl = "https://n.example"\nfrom = "n@example.com"\n[lists.daily]\ntitle = "N"\n'
    )
    path = folder / "2025-01-18-drafted.md"
    path.write_bytes(issue_text(stories, date(2025, 1, 18), UTC))
    return stories, build_issue(load_publication(folder / "newsletter.toml"), path)


def words_of(token: Token) -> str:
    return "".join(child.content for child in token.children or [])


@settings(max_examples=25, deadline=None)
@given(texts=st.lists(HOSTILE, min_size=6, max_size=6))
def test_no_words_of_a_stranger_become_anything_but_text(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    stories, built = drafted(tmp_path_factory.mktemp("drafted"), texts)

    issue, shown = built.issue, built.issue.tag_store.literal
    greeting, article, news = (piece for piece in issue.content if isinstance(piece, Block))
    inline = [child for token in (*article.body, *news.body) for child in token.children or []]
    (point,) = stories[0].sections[0].points
    assert (greeting.name, article.name, news.name) == ("text", "article", "news")
    assert shown(article.fields["title"]) == stories[0].title
    assert shown(article.fields.get("author", "")) == stories[0].author
    assert shown(words_of(next(token for token in reversed(article.body) if token.type == "inline"))) == point
    assert sum(token.type == "list_item_open" for token in news.body) == 2
    assert {child.type.split("_")[0] for child in inline} <= {"text", "strong", "link"}
    assert {slot.split()[0] for slot in built.slots} <= BUILT_IN
