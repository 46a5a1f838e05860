"""Context: everything a rule may look at, each computed once and only when asked for.

The issue file with its lines; the built message; its HTML as a tree whose elements know
the block and the line they came from; the copies of the readers a mail merge fails for.

The other issues of a publication, as far as one issue's checks ask for them; read once for many checks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

from newsletter.checks.context import places
from newsletter.checks.context.link_status import Target, Verdict
from newsletter.checks.context.places import Link, Spot, WrittenPicture
from newsletter.checks.context.sample_copies import Copy, copies
from newsletter.checks.html.computed_style import ComputedStyle, looks
from newsletter.checks.html.features import FeatureUse, uses
from newsletter.checks.html.visibility import Element, hidden_elements
from newsletter.config import Config, Publication
from newsletter.issues.front_matter_yaml import FrontMatter, parse_front_matter
from newsletter.issues.issue import Block, Issue, issue_files
from newsletter.issues.summaries import read_head
from newsletter.messages.merge_tags import TagStore
from newsletter.messages.types import CompiledMessage
from newsletter.rendering import source_map
from newsletter.rendering.build import Built, build
from newsletter.rendering.source_map import Span
from newsletter.rendering.theme import Theme

_WORD = re.compile(r"\w")
_CONDITION = re.compile(r"\{%.*?%\}")
_WORDLESS = frozenset(("style", "script", "title", "img"))


@dataclass(frozen=True, kw_only=True)
class Context:
    """One issue being checked."""

    issue: Issue
    theme: Theme
    shown: str
    """The path of the issue file as messages show it."""
    source: str
    """The text of the file, lines ending in `\\n`."""
    has_errors: bool
    """Whether the parser refused it: then there is a source, and nothing built."""
    earlier: Earlier
    """The other issues of the publication."""
    verdicts: Mapping[Target, Verdict] | None = None
    """What the issue's addresses answered; None without --online."""

    @property
    def publication(self) -> Publication:
        """Whose issue it is."""
        return self.theme.publication

    @property
    def config(self) -> Config:
        """The publication's settings."""
        return self.publication.config

    @cached_property
    def lines(self) -> Sequence[str]:
        """The lines of the file as their author wrote them; `lines[0]` is line 1."""
        return self.source.split("\n")

    def line(self, number: int) -> str:
        """The text of a line (from 1); empty past the end."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""

    @property
    def body_line(self) -> int:
        """The first line (from 1) after the front matter."""
        return self.issue.body_line

    def column(self, line: int, column: int) -> int:
        """The author's column for a column of a line with tokens for merge tags, as Markdown's tokens have it."""
        return self.issue.tag_store.column(self.hidden_line(line), line, column)

    def hidden_line(self, number: int) -> str:
        """The text of a line with tokens for merge tags, as Markdown sees it."""
        return self.hidden_lines[number - 1] if 0 < number <= len(self.hidden_lines) else ""

    @cached_property
    def hidden_lines(self) -> Sequence[str]:
        """Every line of the file, so."""
        return self._hidden.split("\n")

    @cached_property
    def _hidden(self) -> str:
        return TagStore(base=self.issue.tag_store.base).hide(self.source)

    @cached_property
    def front(self) -> FrontMatter:
        """The front matter with the places of its values; merge tags as tokens."""
        return parse_front_matter(self._hidden, self.shown)[0]

    def front_spot(self, key: str) -> Spot:
        """Where the value of a key of the front matter is written, its first line; line 1 when it is not."""
        value = self.front.values.get(key)
        if value is None:
            return Spot(1, 1, max(1, len(self.line(1))))
        column = self.column(value.line, value.column)
        room = len(self.line(value.line).rstrip()) - column + 1
        return Spot(value.line, column, max(1, min(len(self.written(value.text)) or 1, room)))

    @cached_property
    def links(self) -> Sequence[Link]:
        """Every link of the issue, with its place in the file."""
        return list(places.links(self))

    @cached_property
    def pictures(self) -> Sequence[WrittenPicture]:
        """Every picture of the issue, with its place in the file."""
        return list(places.pictures(self))

    def written(self, text: str) -> str:
        """A text of the issue or of the built HTML with merge tags in place of their tokens."""
        return self.issue.tag_store.restore(text)

    @cached_property
    def blocks(self) -> Sequence[Block]:
        """The blocks of the issue in order, text between blocks included."""
        return [piece for piece in self.issue.content if isinstance(piece, Block)]

    @cached_property
    def built(self) -> Built:
        """The issue, built with its trace. Raises NewsletterError for a template's mistake."""
        return build(self.issue, self.theme, traced=True)

    @property
    def message(self) -> CompiledMessage:
        """What would be sent, slots open."""
        return self.built.message

    @cached_property
    def tree(self) -> Element:
        """The root element of the built HTML, all branches of conditions in it, merge tags as tokens."""
        from lxml import html

        return html.document_fromstring(self.built.traced.encode(), parser=html.HTMLParser(encoding="utf-8"))

    def elements(self, *names: str) -> Iterator[Element]:
        """The elements of these names (all without names) in document order."""
        return (element for element in self.tree.iter(*names) if isinstance(element.tag, str))

    @cached_property
    def hidden(self) -> Set[Element]:
        """The elements that readers do not see."""
        return hidden_elements(self.tree)

    @cached_property
    def runs(self) -> Sequence[tuple[Element, str]]:
        """The text directly inside each element that readers see, without merge tags that only decide."""
        found = ((element, self._run(element)) for element in self.looks if element not in self.hidden)
        return [(element, text) for element, text in found if text]

    def _run(self, element: Element) -> str:
        if element.tag in _WORDLESS:
            return ""
        text = "".join([element.text or "", *(child.tail or "" for child in element)])
        return _CONDITION.sub("", self.written(" ".join(text.split()))).strip() if _WORD.search(text) else ""

    @cached_property
    def uses(self) -> Sequence[FeatureUse]:
        """Every feature of HTML and CSS that the email uses."""
        return list(uses(self.tree))

    @cached_property
    def looks(self) -> Mapping[Element, ComputedStyle]:
        """How the text of each element of the body looks."""
        return looks(self.tree)

    @cached_property
    def looks_at_night(self) -> Mapping[Element, ComputedStyle]:
        """The same where the dark style sheet counts."""
        return looks(self.tree, at_night=True)

    def block_of(self, element: Element) -> Block | None:
        """The block an element came from; None for the frame around the issue."""
        return self._places.get(element, (None, 1))[0]

    def line_of(self, element: Element) -> int:
        """The line of the file an element came from: the body's, else its block's opening line, else 1."""
        return self._places.get(element, (None, 1))[1]

    @cached_property
    def _places(self) -> dict[Element, tuple[Block | None, int]]:
        """By element; a dictionary keeps lxml's proxies alive, so that they are the same objects when asked for."""
        places: dict[Element, tuple[Block | None, int]] = {}
        block: Block | None = None
        for node in self.tree.iter():
            if not isinstance(node.tag, str):
                block = self._after(node, block)
                continue
            said = source_map.line_of(node.attrib)
            above = places.get(node.getparent(), (None, 1))
            inherited = above[1] if block and above[0] is block else block.line if block else 1
            places[node] = (block, said or inherited)
        return places

    def _after(self, comment: Element, block: Block | None) -> Block | None:
        text = comment.text or ""
        begun = source_map.piece_begun(text)
        if begun is not None:
            piece = self.issue.content[begun]
            return piece if isinstance(piece, Block) else None
        return None if source_map.is_end(text) else block

    @cached_property
    def spans(self) -> Sequence[Span]:
        """Where the HTML of each block stands in the message's, in bytes."""
        return source_map.spans(self.built.traced)

    @cached_property
    def copies(self) -> Sequence[Copy]:
        """The finished copies of the readers a mail merge fails for first."""
        return copies(self.built)


@dataclass(frozen=True, kw_only=True)
class Dated:
    """An issue with a date, and its subject."""

    path: Path
    subject: str
    date: date


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """The issues of one publication."""

    publication: Publication

    @cached_property
    def heads(self) -> Sequence[Dated]:
        """Of every issue file with a date, the oldest first."""
        read = (read_head(path) for path in issue_files(self.publication))
        dated = (Dated(path=head.path, subject=head.subject, date=head.date) for head in read if head and head.date)
        return sorted(dated, key=lambda head: (head.date, head.path.name))

    def before(self, path: Path, day: date) -> Dated | None:
        """The issue that readers had before this one."""
        older = [head for head in self.heads if (head.date, head.path.name) < (day, path.name)]
        return older[-1] if older else None
