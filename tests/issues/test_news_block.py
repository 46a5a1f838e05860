"""The items of a news block: whatever stands around its link, the title leads where its author meant."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from newsletter.checks.run import check_issue
from newsletter.config import load_publication
from tests.support.writing import PNG, built, write

URL = "https://example.com/1"
LINKED = [
    f"[Title]({URL})",
    f"**[Title]({URL})**",
    f"*[Title]({URL})*",
    f"_[Title]({URL})_",
    f"~~[Title]({URL})~~",
    f"***[Title]({URL})***",
    f"[**Title**]({URL})",
    f"[`Title`]({URL})",
    f"[![A chart](images/a.png)]({URL}) **Title**",
    f"![A chart](images/a.png) *[Title]({URL})*",
    f"[![A chart](images/a.png)]({URL}) [Title]({URL})",
]


@pytest.fixture
def folder(publication_folder: Path) -> Path:
    (publication_folder / "images").mkdir()
    (publication_folder / "images" / "a.png").write_bytes(PNG)
    return publication_folder


@pytest.mark.parametrize("title", LINKED)
def test_a_linked_title_is_styled_and_its_sentence_stands_below_it(folder: Path, title: str) -> None:
    built_issue = built(folder, f":::news\n- {title} A sentence.\n:::")
    html, text = built_issue.message.html, built_issue.message.text

    (link, words) = re.findall(rf'<h2 [^>]*><a href="{URL}" style="([^"]*)">(.*?)</a></h2>', html)[0]

    assert "color:#1B1D21" in link
    assert re.sub(r"<[^>]*>", "", words) == "Title"
    assert re.search(r'<p class="mute"[^>]*>A sentence\.</p>', html)
    assert re.search(rf"\* ~?Title~? <{URL}>\n  A sentence\.", text)


ITEMS = [
    *LINKED,
    f"Words, then [a link]({URL}).",
    f"**Bold with [a link]({URL}) inside**",
    f"**[One]({URL}) and [two](https://example.com/2)**",
    f"Title\n  Words, then [a link]({URL}).",
    f"[![A chart](images/a.png)](https://example.com/2) [Title]({URL})",
    f"[![A chart](images/a.png)](https://example.com/2) **Words and [a link]({URL})**",
    f"[![A chart](images/a.png)]({URL})",
    f"<{URL}>",
]


@pytest.mark.parametrize("item", ITEMS)
def test_every_link_of_an_item_has_a_colour_and_none_stands_in_another(folder: Path, item: str) -> None:
    built_issue = built(folder, f":::news title=News\n- {item} A sentence.\n:::")
    html = built_issue.message.html
    body = html[html.index(">News<") : html.index("Join our")]

    words = [(style, inside) for style, inside in re.findall(r"<a href=[^>]*style=\"([^\"]*)\">(.*?)</a>", body)]
    path = write(folder, f"---\nsubject: Hello\n---\n:::news title=News\n- {item} A sentence.\n:::\n")
    rules = {problem.rule for problem in check_issue(load_publication(folder / "newsletter.toml"), path)}

    assert len(words) == body.count("<a ")
    assert all("color:" in style for style, inside in words if "<img" not in inside)
    assert not any("<a " in inside for _, inside in words)
    assert not rules & {"NL205", "NL206", "NL207", "NL211"}
    assert set(re.findall(r"https://example\.com/\d", item)) <= set(built_issue.message.links)


def test_a_thumbnail_keeps_its_own_link_beside_that_of_the_title(folder: Path) -> None:
    item = f"[![A chart](images/a.png)](https://example.com/2) [Title]({URL}) A sentence."
    built_issue = built(folder, f":::news\n- {item}\n:::")

    assert '<a href="https://example.com/2" style="text-decoration:none"><img' in built_issue.message.html
    assert "[A chart] <https://example.com/2>" in built_issue.message.text
