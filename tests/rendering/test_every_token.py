"""One table of all that Markdown can hold, in everything that can hold it: HTML and text have the same words."""

from __future__ import annotations

import html
import re

import pytest

from newsletter.config import load_publication
from newsletter.issues.markdown.parser import parse_markdown
from newsletter.messages.merge_tags import TagStore
from newsletter.rendering.build import build_issue
from newsletter.rendering.theme import Theme
from tests.checks.publications import SETTINGS
from tests.support.writing import message_for, write

WORD = re.compile(r"w\d+w")
INLINE = {
    "words": "w1w",
    "emphasis": "*w1w* **w2w** ***w3w*** _w4_",
    "struck": "~~w1w~~",
    "CJK emphasis": "**“w1w”**世界",
    "code": "`w1w` ``w2w ` {{ w3w }}`` `<!-- w4w -->`",
    "link": "[w1w](https://example.com/a) [w2w](<https://example.com/b> 'Title')",
    "reference": "[w1w][a] [a]",
    "autolink": "w1w <https://example.com/a> <mail@example.com>",
    "bare address": "w1w https://example.com/a www.example.com/b mail@example.com",
    "picture": "![w1w *w2w* `w3w`](https://example.com/a.png) w4w",
    "linked picture": "[![w1w](https://example.com/a.png)](https://example.com/a)",
    "escape": "\\*w1w\\* &amp;w2w \\{{ w3w }}",
    "break": "w1w\\\nw2  \nw3\nw4",
    "comment": "w1w <!-- x --> w2w",
    "merge tag": '{{ first_name | default("w1w") }} {% if plan %}x{% else %}w2w{% endif %}',
    "footnote": "w1w[^n] w2w",
    "html": "<b>w1w</b>",
    "task": "[x] w1w",
}
CONTAINERS = {
    "paragraph": "{}",
    "heading": "### {}",
    "high heading": "# {}",
    "title with an underline": "{}\n---",
    "bullets": "- {}\n- end",
    "loose list": "- {}\n\n- end",
    "numbers": "7. {}\n8. end",
    "nested list": "- a\n  1. {}\n     - b",
    "quotation": "> {}",
    "quotation in a list": "- > {}",
    "list in a quotation": "> - {}\n>\n>   c",
    "cell": "| a | b |\n|---|---|\n| {} | c |",
    "head of a table": "| a | {} |\n|---|---|\n| d | c |",
    "article": ':::article title="A"\n{}\n:::',
    "note": ":::note\n{}\n:::",
    "quote": ":::quote\n{}\n:::",
    "news": ":::news\n- [Title](https://example.com/t) {}\n:::",
    "title of news": ":::news\n- {}\n:::",
    "footnote": "a[^o]\n\n[^o]: {}",
    "condition": "{{% if not plan %}}\n\n{}\n\n{{% endif %}}",
}
DEFINITIONS = "\n\n[a]: https://example.com/a\n\n[^n]: z"
ONE_LINE = ("heading", "high heading", "cell", "head of a table")
FENCED = {
    "fence": "```\nw1 {{{{ w2w\n\n:::\n<!-- w3w\n```",
    "indented": "w1w\n\n    w2w {{{{ w3w }}}}\n\n    w4w",
    "rule": "w1w\n\n***",
    "table": "| w1w | w2w |\n|---|---|\n| w3w |  |",
    "nested": "1. w1w\n   > w2w\n   > 1. w3w\n   >\n   >    ```\n   >    w4w\n   >    ```",
}


@pytest.fixture(scope="module")
def theme(tmp_path_factory: pytest.TempPathFactory) -> Theme:
    """Of one publication; its templates are compiled once."""
    folder = tmp_path_factory.mktemp("publication")
    (folder / "newsletter.toml").write_text(SETTINGS, encoding="utf-8")
    return Theme(publication=load_publication(folder / "newsletter.toml"))


def check_words(theme: Theme, body: str, expected: list[str]) -> None:
    path = write(theme.publication.root, f"---\nsubject: Words\nsignup: false\n---\n{body}{DEFINITIONS}\n")
    built = build_issue(theme.publication, path, theme)
    copy = message_for(built)
    assert WORD.findall(html.unescape(copy.html)) == WORD.findall(copy.text)
    assert list(dict.fromkeys(WORD.findall(copy.text))) == expected
    tokens = parse_markdown(f"{body}{DEFINITIONS}", TagStore()).tokens
    links = {child.attrs["href"] for token in tokens for child in token.children or () if child.type == "link_open"}
    assert links <= set(built.message.links)
    for url in links:
        assert str(url).removeprefix("mailto:") in copy.text


@pytest.mark.parametrize("container", CONTAINERS)
def test_the_words_and_links_of_every_kind_of_token_arrive_in(theme: Theme, container: str) -> None:
    for kind, written in INLINE.items():
        # A thumbnail of news only accompanies its headline; the text leaves it out.
        if container == "title of news" and kind == "picture":
            continue
        if container in ONE_LINE and "\n" in written:
            continue
        inside = written.replace("\n", "\n> ") if container == "quotation" else written
        check_words(theme, CONTAINERS[container].format(inside), sorted(set(WORD.findall(written))))


@pytest.mark.parametrize("kind", FENCED)
@pytest.mark.parametrize("prefix", ["", "> ", "- ", "1. > "])
def test_the_words_of_every_kind_of_block_arrive_in_lists_and_quotations(theme: Theme, kind: str, prefix: str) -> None:
    rest = prefix.replace("- ", "  ").replace("1. ", "   ")
    written = FENCED[kind].replace("{{{{", "{{").replace("}}}}", "}}")
    lines = [prefix + written.split("\n")[0], *(rest + line for line in written.split("\n")[1:])]
    check_words(theme, "\n".join(lines), sorted(set(WORD.findall(written))))
