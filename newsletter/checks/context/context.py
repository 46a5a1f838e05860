"""Context: one issue as rules see it; each part is computed once, when the first rule uses it.

The parts are the issue file with its lines; the built message; its HTML as a tree whose elements know the block and
the line they came from; the copies for sample readers; and the publication's earlier issues.
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
from newsletter.checks.html.computed_style import ComputedStyle, computed_styles
from newsletter.checks.html.features import FeatureUse, uses
from newsletter.checks.html.tree import Element, hidden_elements, tree_of
from newsletter.config import Config, PublicationSettings
from newsletter.issues.front_matter_yaml import FrontMatter, parse_front_matter
from newsletter.issues.issue import Block, Issue, issue_files
from newsletter.issues.summaries import read_summary
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
    """An issue that is being checked."""

    issue: Issue
    theme: Theme
    shown: str
    """The path of the issue file as messages show it."""
    source: str
    """The text of the file, whose lines end in `\\n`."""
    has_errors: bool
    """Tells that the parser refused it: then there is a source, and nothing built."""
    earlier: EarlierIssues
    """The other issues of the publication."""
    verdicts: Mapping[Target, Verdict] | None = None
    """What the issue's addresses answered; None without --online."""

    @property
    def publication(self) -> PublicationSettings:
        """The publication that the issue belongs to."""
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
        """Return the text of a line (from 1), or "" past the end."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""

    @property
    def body_line(self) -> int:
        """The first line (from 1) after the front matter."""
        return self.issue.body_line

    def column(self, line: int, column: int) -> int:
        """Return the author's column for a column of the hidden line, where tokens stand for merge tags."""
        return self.issue.tag_store.column(self.hidden_line(line), line, column)

    def hidden_line(self, number: int) -> str:
        """Return a line (from 1) as Markdown sees it: with tokens for merge tags."""
        return self.hidden_lines[number - 1] if 0 < number <= len(self.hidden_lines) else ""

    @cached_property
    def hidden_lines(self) -> Sequence[str]:
        """The lines of the file as Markdown sees them: with tokens for merge tags."""
        return self._hidden.split("\n")

    @cached_property
    def _hidden(self) -> str:
        return TagStore(base=self.issue.tag_store.base, code=self.issue.tag_store.code).hide(self.source)

    @cached_property
    def front(self) -> FrontMatter:
        """The front matter with the places of its values; merge tags as tokens."""
        return parse_front_matter(self._hidden, self.shown)[0]

    def front_spot(self, key: str) -> Spot:
        """Return the place of a front matter key's value, its first line; line 1 when the key is not there."""
        value = self.front.values.get(key)
        if value is None:
            return self.whole_line(1)
        column = self.column(value.line, value.column)
        return Spot(value.line, column, max(1, self.column(value.line, value.column + value.width) - column))

    def whole_line(self, number: int) -> Spot:
        """Return the place of a whole line (from 1)."""
        return Spot(number, 1, max(1, len(self.line(number))))

    def settings_spot(self, *keys: str) -> Spot:
        """Return the line of newsletter.toml with this key: `("publication", "url")`."""
        return Spot(int(self.publication.place(*keys).rpartition(":")[2]), path="newsletter.toml")

    def spot_of(self, element: Element) -> Spot:
        """Return the beginning of the line that an element came from."""
        return Spot(self.line_of(element))

    @cached_property
    def links(self) -> Sequence[Link]:
        """Every link of the issue, with its place in the file."""
        return list(places.links(self))

    @cached_property
    def pictures(self) -> Sequence[WrittenPicture]:
        """Every picture of the issue, with its place in the file."""
        return list(places.pictures(self))

    def written(self, text: str) -> str:
        """Return a text of the issue or of the built HTML with its tokens turned back into merge tags."""
        return self.issue.tag_store.restore(text)

    @cached_property
    def blocks(self) -> Sequence[Block]:
        """The blocks of the issue in order, text between blocks included."""
        return [piece for piece in self.issue.content if isinstance(piece, Block)]

    @cached_property
    def built(self) -> Built:
        """The issue, built with its source map. Raises NewsletterError for a template's mistake."""
        return build(self.issue, self.theme, traced=True)

    @property
    def message(self) -> CompiledMessage:
        """The compiled message, its slots still open."""
        return self.built.message

    @cached_property
    def tree(self) -> Element:
        """The root element of the built HTML, with all branches of its conditions and tokens for merge tags."""
        return tree_of(self.built.traced)

    def elements(self, *names: str) -> Iterator[Element]:
        """Return the elements with these names (all elements without names) in document order."""
        return (element for element in self.tree.iter(*names) if isinstance(element.tag, str))

    @cached_property
    def hidden(self) -> Set[Element]:
        """The elements that readers do not see."""
        return hidden_elements(self.tree)

    @cached_property
    def runs(self) -> Sequence[tuple[Element, str]]:
        """The text directly inside each element that readers see, without the tags of conditions."""
        texts = ((element, self._run(element)) for element in self.styles if element not in self.hidden)
        return [(element, text) for element, text in texts if text]

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
    def styles(self) -> Mapping[Element, ComputedStyle]:
        """The style of each element of the body's text."""
        return computed_styles(self.tree)

    @cached_property
    def styles_at_night(self) -> Mapping[Element, ComputedStyle]:
        """The style of each element of the body's text in dark mode, where the dark style sheet counts."""
        return computed_styles(self.tree, at_night=True)

    def block_of(self, element: Element) -> Block | None:
        """Return the block an element came from, or None for the frame around the issue."""
        return self._places.get(element, (None, 1))[0]

    def line_of(self, element: Element) -> int:
        """Return the line that an element came from: of the body, else its block's opening line, else 1."""
        return self._places.get(element, (None, 1))[1]

    @cached_property
    def _places(self) -> dict[Element, tuple[Block | None, int]]:
        """The block and the line of each element."""
        # The dictionary keeps lxml's proxies alive; a new proxy of an element would not be found in it.
        places: dict[Element, tuple[Block | None, int]] = {}
        block: Block | None = None
        for node in self.tree.iter():
            if not isinstance(node.tag, str):
                block = self._after(node, block)
                continue
            own_line = source_map.line_of(node.attrib)
            above = places.get(node.getparent(), (None, 1))
            inherited = above[1] if block and above[0] is block else block.line if block else 1
            places[node] = (block, own_line or inherited)
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
        """The bytes of the message's HTML that each block takes."""
        return source_map.spans(self.built.traced)

    @cached_property
    def copies(self) -> Sequence[Copy]:
        """The finished copies of the sample readers, for whom a mail merge fails first."""
        return copies(self.built)


@dataclass(frozen=True, kw_only=True)
class DatedIssue:
    """An issue file's date and subject."""

    path: Path
    subject: str
    date: date


@dataclass(frozen=True, kw_only=True)
class EarlierIssues:
    """The dates and subjects of a publication's issues; read once for all checks that share this value."""

    publication: PublicationSettings

    @cached_property
    def issues(self) -> Sequence[DatedIssue]:
        """Every issue file with a date, the oldest first."""
        heads = (read_summary(path) for path in issue_files(self.publication))
        dated = (
            DatedIssue(path=head.path, subject=head.subject, date=head.date) for head in heads if head and head.date
        )
        return sorted(dated, key=lambda issue: (issue.date, issue.path.name))

    def before(self, path: Path, day: date) -> DatedIssue | None:
        """Return the issue that readers had before the one at `path`, dated `day`."""
        older = [issue for issue in self.issues if (issue.date, issue.path.name) < (day, path.name)]
        return older[-1] if older else None
