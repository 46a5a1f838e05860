"""Any document: its words arrive in HTML and in text, each once and in order, and its links in both and in the list.

The tests write 50 documents at random; `make soak` writes 2,000.
"""

from __future__ import annotations

import html
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.rendering.build import build_issue
from newsletter.rendering.theme import Theme
from tests.checks.publications import temporary_theme
from tests.support.writing import message_for

DOCUMENTS = 2_000 if os.environ.get("NEWSLETTER_SOAK") else 50
WORD = re.compile(r"w\d+w")
Tree = tuple[str, Any]
LEAVES = """word cjk code code_comment code_tag code_statement link link_title link_angle link_brackets reference
collapsed autolink bare www mail picture note comment tag condition escape entity struck sign"""
WRAPPERS = "strong em cjk_strong strike link_words struck_strong"
SPOT_BLOCKS = "fence fence_tag tilde indented rule comment comment_lines table setext"
TOP_BLOCKS = "aside article says news"
CONTAINERS = "bullets loose numbers quote note_blocks"

inline = st.recursive(
    st.tuples(st.sampled_from(LEAVES.split()), st.none()),
    lambda more: st.tuples(st.sampled_from(WRAPPERS.split()), st.lists(more, min_size=1, max_size=3)),
    max_leaves=6,
)
line = st.lists(inline, min_size=1, max_size=5)
flow = st.recursive(
    st.one_of(
        st.tuples(st.sampled_from(["paragraph", "heading", *SPOT_BLOCKS.split()]), line),
        st.tuples(st.just("paragraph"), line),
    ),
    lambda more: st.tuples(st.sampled_from(CONTAINERS.split()), st.lists(more, min_size=1, max_size=3)),
    max_leaves=5,
)
documents = st.lists(
    st.one_of(flow, flow, st.tuples(st.sampled_from(TOP_BLOCKS.split()), st.lists(flow, min_size=1, max_size=2))),
    min_size=1,
    max_size=5,
)


@dataclass
class Writer:
    """Writes a tree as Markdown, and remembers the words and links that readers have to get."""

    count: int = 0
    words: list[str] = field(default_factory=list)
    notes: list[tuple[str, list[str]]] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    tail: list[str] = field(default_factory=list)
    in_link: bool = False

    def word(self) -> str:
        self.count += 1
        self.words.append(f"w{self.count}w")
        return self.words[-1]

    def secret(self) -> str:
        """A word that nobody is to see."""
        self.count += 1
        self.hidden.append(f"w{self.count}w")
        return self.hidden[-1]

    def link(self, start: str = "https://example.com/") -> str:
        self.count += 1
        self.links.append(f"{start}l{self.count}l")
        return self.links[-1]

    def line(self, trees: list[Tree]) -> str:
        # A word at both ends, so that no sign at the beginning of a line makes it something else.
        return " ".join([self.word(), *(self.inline(tree) for tree in trees), self.word()])

    def inline(self, tree: Tree) -> str:
        kind, inside = tree
        if self.in_link and (kind.startswith(("link", "auto", "bare", "www", "mail", "ref", "coll")) or kind == "note"):
            kind = "word" if inside is None else "em"
        return str(getattr(self, f"_{kind}")(inside))

    def _inside(self, inside: list[Tree]) -> str:
        return " ".join(self.inline(tree) for tree in inside)

    def _word(self, _: None) -> str:
        return self.word()

    def _cjk(self, _: None) -> str:
        return f"**“{self.word()}”**世界，**重要{self.word()}！**内容"

    def _cjk_strong(self, inside: list[Tree]) -> str:
        return f"这是**「{self.word()} {self._inside(inside)}」**的"

    def _code(self, _: None) -> str:
        return f"`{self.word()}`"

    def _code_comment(self, _: None) -> str:
        return f"`<!-- {self.word()}` and `` ` {self.word()} --> ``"

    def _code_tag(self, _: None) -> str:
        return f"`${{{{ secrets.{self.word()} }}}}`"

    def _code_statement(self, _: None) -> str:
        return f"`{{% if {self.word()} %}}`, `{{{{` {self.word()}"

    def _link(self, _: None) -> str:
        return f"[{self.word()}]({self.link()})"

    def _link_title(self, _: None) -> str:
        return f'[{self.word()}]({self.link()} "Title")'

    def _link_angle(self, _: None) -> str:
        return f"[{self.word()}](<{self.link()}>)"

    def _link_brackets(self, _: None) -> str:
        return f"[{self.word()}]({self.link('https://example.com/a_(b)_')})"

    def _link_words(self, inside: list[Tree]) -> str:
        self.in_link, words = True, ""
        words = self._inside(inside)
        self.in_link = False
        return f"[{self.word_before(words)}{words}]({self.link()})"

    def word_before(self, words: str) -> str:
        return "" if words else self.word()

    def _reference(self, _: None) -> str:
        word, url = self.word(), self.link()
        self.tail.append(f"[r{self.count}]: {url}")
        return f"[{word}][r{self.count}]"

    def _collapsed(self, _: None) -> str:
        word, url = self.word(), self.link()
        self.tail.append(f"[{word}]: <{url}> 'Title'")
        return f"[{word}]"

    def _autolink(self, _: None) -> str:
        return f"<{self.link()}>"

    def _bare(self, _: None) -> str:
        return f"({self.link('https://example.com/a_b_c/_d_/')})."

    def _www(self, _: None) -> str:
        url = self.link("https://www.example.com/")
        return f"{url.removeprefix('https://')}."

    def _mail(self, _: None) -> str:
        self.count += 1
        self.links.append(f"mailto:l{self.count}l@example.com")
        return f"l{self.count}l@example.com."

    def _picture(self, _: None) -> str:
        return f"![{self.word()} `{self.word()}` **{self.word()}**](https://example.com/p.png)"

    def _note(self, _: None) -> str:
        before, self.words = self.words, []
        text = f"{self.word()}\n\n    {self.word()} and {self.word()}" if self.count % 2 else self.word()
        name = f"n{self.count}"
        self.notes.append((name, self.words))
        self.words = before
        self.tail.append(f"[^{name}]: {text}")
        return f"noted[^{name}]"

    def _comment(self, _: Any) -> str:
        return f"<!-- {self.secret()} {{{{ nothing }}}} ` -->"

    def _comment_lines(self, _: list[Tree]) -> str:
        return f"<!--\n{self.secret()} {{{{ nothing }}}}\n\n:::\n```\n-->"

    def _tag(self, _: None) -> str:
        return f'{{{{ first_name | default("{self.word()}") }}}}'

    def _condition(self, _: None) -> str:
        return f'{{% if plan == "`" %}}{self.secret()}{{% else %}}{self.word()}{{% endif %}}'

    def _escape(self, _: None) -> str:
        return f"\\*{self.word()}\\* \\[{self.word()}\\](x) \\{{{{ {self.word()} }}}}"

    def _entity(self, _: None) -> str:
        return f"&amp;{self.word()}&#x20;{self.word()}&copy;"

    def _struck(self, _: None) -> str:
        return f"~~{self.word()}~~"

    def _sign(self, _: None) -> str:
        return f"[sic] a*b {self.word()}_c 5:30:00 array[0] <b> C::D {{x}} &c"

    def _strong(self, inside: list[Tree]) -> str:
        return f"**{self.word()} {self._inside(inside)} x**"

    def _em(self, inside: list[Tree]) -> str:
        return f"_{self.word()} {self._inside(inside)} x_"

    def _strike(self, inside: list[Tree]) -> str:
        return f"~~{self.word()} {self._inside(inside)} x~~"

    def _struck_strong(self, inside: list[Tree]) -> str:
        return f"~~**{self.word()} {self._inside(inside)} x**~~"

    def block(self, tree: Tree) -> str:
        kind, inside = tree
        return str(getattr(self, f"block_{kind}")(inside))

    def blocks(self, trees: list[Tree]) -> str:
        return "\n\n".join(self.block(tree) for tree in trees)

    def block_paragraph(self, inside: list[Tree]) -> str:
        return f"{self.line(inside)}\n{self.word()}  \n{self.word()}"

    def block_heading(self, inside: list[Tree]) -> str:
        return f"{'#' * (self.count % 6 + 1)} {self.line(inside)}"

    def block_setext(self, inside: list[Tree]) -> str:
        return f"{self.line(inside)}\n==="

    def block_fence(self, _: list[Tree]) -> str:
        return f"```py\n{self.word()} <!-- {self.word()}\n\n:::\n  {self.word()} -->\n```"

    def block_fence_tag(self, _: list[Tree]) -> str:
        return f"````\n```\n{{{{ {self.word()}\n{{% if {self.word()} %}} ${{{{ {self.word()} }}}}\n````"

    def block_tilde(self, _: list[Tree]) -> str:
        return f"~~~\n`{self.word()}\n:::note\n~~~"

    def block_indented(self, _: list[Tree]) -> str:
        # Behind a list it would belong to the list's last item.
        return f"{self.word()}\n\n<!-- -->\n\n    {self.word()} {{{{ {self.word()} }}}}\n\n\n    {self.word()}"

    def block_rule(self, _: list[Tree]) -> str:
        return f"{self.word()}\n\n***"

    def block_comment(self, _: list[Tree]) -> str:
        return f"{self._comment(None)} {self._comment(None)}"

    def block_comment_lines(self, inside: list[Tree]) -> str:
        return self._comment_lines(inside)

    def block_table(self, inside: list[Tree]) -> str:
        rows = [f"| {self.word()} | {self.word()} |", "|---|:-:|"]
        for tree in inside:
            plain = ("word", None) if tree[0] in ("code_comment", "sign") or tree[1] else tree
            rows.append(f"| {self.inline(plain)} | {self.word()} \\| {self.word()} |")
        return "\n".join(rows)

    def block_bullets(self, inside: list[Tree]) -> str:
        return "\n".join(_prefixed("- ", "  ", self.block(tree)) for tree in inside)

    def block_loose(self, inside: list[Tree]) -> str:
        return "\n\n".join(_prefixed("* ", "  ", self.block(tree)) for tree in inside)

    def block_numbers(self, inside: list[Tree]) -> str:
        return "\n".join(
            _prefixed(f"{9 + n}. ", "   " + " " * (n > 0), self.block(each)) for n, each in enumerate(inside)
        )

    def block_quote(self, inside: list[Tree]) -> str:
        return _prefixed("> ", "> ", self.blocks(inside))

    def block_note_blocks(self, inside: list[Tree]) -> str:
        """A footnote with whatever a text has, which stands in the middle of the text."""
        before, self.words = self.words, []
        text = self.blocks([tree for tree in inside if tree[0] != "note_blocks"]) or self.word()
        own, self.words = self.words, before
        self.count += 1
        self.notes.append((f"b{self.count}", own))
        return f"{self.word()}[^b{self.count - 1}]\n\n" + _prefixed(f"[^b{self.count - 1}]: ", "    ", text)

    def block_aside(self, inside: list[Tree]) -> str:
        return f':::note title="{self.word()}"\n{self.word()}\n\n{self.blocks(inside)}\n:::'

    def block_article(self, inside: list[Tree]) -> str:
        return f':::article title="{self.word()}" url={self.link()}\n{self.blocks(inside)}\n:::'

    def block_says(self, inside: list[Tree]) -> str:
        words = f"{self.word()}\n\n{self.blocks(inside)}"
        return f':::quote by="{self.word()}"\n{words}\n:::'

    def block_news(self, _: list[Tree]) -> str:
        items = [
            f"- [{self.word()}]({self.link()}) {self.word()} `{{{{ {self.word()} }}}}`",
            f"- **{self.word()}**: {self.word()}",
        ]
        return ":::news\n" + "\n".join(items) + "\n:::"


def _prefixed(first: str, rest: str, text: str) -> str:
    lines = text.split("\n")
    return "\n".join([first + lines[0], *((rest + line).rstrip() if not line else rest + line for line in lines[1:])])


@pytest.fixture(scope="module")
def theme() -> Iterator[Theme]:
    """Of one publication; its templates are compiled once."""
    with temporary_theme() as theme:
        yield theme


@pytest.mark.slow
@pytest.mark.timeout(0 if "NEWSLETTER_SOAK" in os.environ else 600)
@settings(max_examples=DOCUMENTS, deadline=None, suppress_health_check=list(HealthCheck))
@given(trees=documents)
def test_every_word_and_link_of_any_document_arrives_in_both_parts(theme: Theme, trees: list[Tree]) -> None:
    writer = Writer()
    text = "\n\n".join([writer.blocks(trees), *writer.tail])
    path = theme.publication.issues / "2025-01-17-any.md"
    path.write_text(f"---\nsubject: Any document\nsignup: false\n---\n{text}\n", encoding="utf-8")

    built = build_issue(theme.publication, path, theme)
    copy = message_for(built)

    page = html.unescape(copy.html)
    assert sorted(WORD.findall(page)) == sorted([*writer.words, *(w for _, words in writer.notes for w in words)])
    assert WORD.findall(page) == WORD.findall(copy.text)
    assert [word for word in WORD.findall(page) if word in writer.words] == writer.words
    for url in writer.links:
        assert url in built.message.links
        assert url.removeprefix("mailto:") in copy.text
