"""Parse Markdown with `:::` blocks and merge tags into markdown-it tokens that know their lines.

CommonMark plus tables, strikethrough, footnotes and addresses without brackets, and three rules of our own: a block
(`:::name` ... `:::`), a condition (a line with nothing but `{% ... %}`), and HTML comments, which are dropped. Raw HTML
is text. body.py knows the kinds of block.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import autolink, backtick, image, link
from markdown_it.token import Token

from newsletter.issues.markdown import block_rules, inline_rules
from newsletter.issues.markdown.addresses import link_addresses, web_address
from newsletter.issues.markdown.bounds import too_many_parts, too_many_signs
from newsletter.issues.markdown.emphasis import InlineParser
from newsletter.issues.markdown.environment import BlockProblem, Environment, MarkdownComment, environment_of
from newsletter.issues.markdown.footnotes import (
    NOTE,
    Note,
    definition,
    link_definition,
    note_reference,
    take_notes,
)
from newsletter.issues.markdown.lost_lines import cut_rows, lost_lines
from newsletter.issues.markdown.place import place_in, place_links, place_texts
from newsletter.messages.merge_tags import TagStore

NO_BRACES: Mapping[str, str] = {}


@dataclass(frozen=True, kw_only=True)
class Markdown:
    """A body as its parser reads it. Lines count from 0 in the body, places are those of the text with tokens."""

    tokens: list[Token]
    """Without the notes. A block is a `block_open` (info = what follows the colons, hidden = it has no body) ...
    `block_close` pair, a condition a `condition` token whose content is the tag's token."""
    notes: list[Note]
    problems: list[BlockProblem]
    comments: list[MarkdownComment]
    is_refused: bool = False
    """Tells that the body has more than can be built; then it is empty."""

    def unread(self) -> Iterator[str]:
        """Yield the texts in which there are no merge tags: code and comments."""
        yield from (comment.text for comment in self.comments)
        yield from _code(self.tokens)
        for note in self.notes:
            yield from _code(note.body)


def parse_markdown(
    text: str, tag_store: TagStore, *, braces: Mapping[str, str] = NO_BRACES, has_notes: bool = True
) -> Markdown:
    """Parse a body whose merge tags are hidden. `braces` are the marks of source.py, where it asks what is code."""
    environment = Environment(tag_store=tag_store, braces=braces, has_notes=has_notes)
    env: dict[str, Any] = {"newsletter": environment}
    if too_many := too_many_signs(text):
        return _refused([too_many])
    tokens = _parser.parse(text, env)
    lines = text.split("\n")
    _place_comments(tokens, lines, environment)
    place_links(tokens, lines)
    # A line that already has its problem may have no token.
    if not environment.problems:
        definitions = [*env.get("references", {}).values(), *env.get("duplicate_refs", ())]
        # A note may have no text.
        names = [(token.map[0], token.map[0] + 1) for token in tokens if token.type == NOTE and token.map]
        known = [*environment.skipped, *names, *(definition["map"] for definition in definitions)]
        environment.problems.extend(_lost(line) for line in lost_lines(tokens, lines, known))
        environment.problems.extend(_cut(line) for line in cut_rows(tokens, lines))
    if too_many := too_many_parts(tokens):
        return _refused([*environment.problems, too_many])
    tokens, notes = take_notes(_without_empty_paragraphs(tokens))
    return Markdown(tokens=tokens, notes=notes, problems=environment.problems, comments=environment.comments)


def _refused(problems: list[BlockProblem]) -> Markdown:
    return Markdown(tokens=[], notes=[], problems=problems, comments=[], is_refused=True)


def settings_markdown(text: str) -> Markdown:
    """Parse Markdown of newsletter.toml, such as a sponsor's words: braces are not merge tags, and it has no foot."""
    return parse_markdown(text, TagStore(), has_notes=False)


def settings_tokens(text: str) -> tuple[Token, ...]:
    """Return the tokens of Markdown of newsletter.toml."""
    return tuple(settings_markdown(text).tokens)


def _code(tokens: Iterable[Token]) -> Iterator[str]:
    for token in tokens:
        if token.type in ("fence", "code_block", "code_inline"):
            yield f"{token.info}\n{token.content}"
        yield from _code(token.children or ())


def _lost(line: int) -> BlockProblem:
    return BlockProblem(
        rule="NL004",
        message="this line would be missing from the email",
        hint="Leave an empty line before and after it, and report it as a bug of newsletter.",
        line=line,
        why="Readers would not see its words, and nothing would say so.",
    )


def _cut(line: int) -> BlockProblem:
    message, hint = "the row has more cells than its table", "Give the first row a cell more, or write a bar as `\\|`."
    why = "The cells too many would be missing from the email."
    return BlockProblem(rule="NL004", message=message, hint=hint, line=line, why=why)


def _place_comments(tokens: Iterable[Token], lines: Sequence[str], environment: Environment) -> None:
    for token in tokens:
        for at, end in token.meta.get("comments", ()):
            line, column = place_in(token, at, lines)
            text = token.content[at + 4 : end - 3]
            environment.comments.append(MarkdownComment(text=text, line=line, column=column))
    environment.comments.sort(key=lambda comment: (comment.line, comment.column))


def _without_empty_paragraphs(tokens: list[Token]) -> list[Token]:
    """Return the tokens without the paragraphs and headings that hold nothing but comments."""
    kept: list[Token] = []
    skipped = 0
    for index, token in enumerate(tokens):
        following = tokens[index + 1] if index + 1 < len(tokens) else None
        if token.type in ("paragraph_open", "heading_open") and following and _is_comment(following):
            skipped = 3
        if not skipped:
            kept.append(token)
        skipped -= bool(skipped)
    return kept


def _is_comment(token: Token) -> bool:
    children = token.children or ()
    return "comments" in token.meta and all(
        child.type in ("text", "softbreak", "hardbreak") and not child.content.strip() for child in children
    )


def _read_inline(state: StateCore) -> None:
    """Read the words of every paragraph, heading and cell."""
    environment = environment_of(state)
    for token in state.tokens:
        if token.type == "inline":
            token.children = token.children or []
            environment.content, environment.ranges = token.content, []
            _inline_parser.inline.parse(token.content, _inline_parser, state.env, token.children)
            if environment.ranges:
                token.meta["comments"] = environment.ranges
            place_texts(token)
            token.children = [*link_addresses(token.children)]


def _make_parser() -> MarkdownIt:
    # Raw HTML becomes text, so that nothing an author pastes can break an email.
    # markdown-it's own limit must never be met: lists go two levels deeper at a time.
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": block_rules.DEEPEST + 5}).enable("table")
    everywhere: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    parser.block.ruler.before("table", "newsletter_depth", block_rules.depth)
    parser.block.ruler.before("code", "newsletter_block", block_rules.block, everywhere)
    parser.block.ruler.before("code", "newsletter_condition", block_rules.condition, everywhere)
    parser.block.ruler.before("code", "newsletter_comment", block_rules.comment, everywhere)
    parser.block.ruler.at("reference", link_definition)
    parser.block.ruler.before("reference", "footnote_def", definition, {"alt": ["paragraph", "reference"]})
    parser.core.ruler.at("inline", _read_inline)
    return parser


def _make_inline_parser() -> MarkdownIt:
    """Return the parser of words, with markdown-it's own limit of nesting.

    Beyond it brackets are words and nothing is lost; the higher limit of lists would take four times as long.
    """
    parser = MarkdownIt("commonmark", {"html": False})
    ours = InlineParser()
    ours.ruler.enableOnly(parser.inline.ruler.get_active_rules())
    ours.ruler2.enableOnly(parser.inline.ruler2.get_active_rules())
    parser.inline = ours
    parser.enable("strikethrough")
    for name, rule in (("link", link), ("image", image), ("autolink", autolink), ("backticks", backtick)):
        parser.inline.ruler.at(name, inline_rules.placed(rule))
    parser.inline.ruler.before("autolink", "newsletter_comment", inline_rules.comment)
    parser.inline.ruler.after("image", "footnote_ref", inline_rules.placed(note_reference))
    parser.inline.ruler.before("newline", "newsletter_address", web_address)
    parser.inline.ruler.before("escape", "newsletter_doubtful_tag", inline_rules.doubtful_tag)
    return parser


_parser, _inline_parser = _make_parser(), _make_inline_parser()
