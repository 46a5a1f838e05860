"""Parse Markdown with `:::` blocks and merge tags into markdown-it tokens that know their lines.

CommonMark plus tables and strikethrough, and three rules of our own: a block
(`:::name` ... `:::`), a condition (a line with nothing but `{% ... %}`), and HTML
comments, which are dropped. Raw HTML is text. body.py knows the kinds of block.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline, autolink, image, link
from markdown_it.token import Token

from newsletter.issues.images import is_remote
from newsletter.issues.lost_lines import cut_rows, lost_lines
from newsletter.messages.merge_tags import TagStore

DEEPEST = 100
"""Levels of nesting that are read: 100 quotations, or 50 lists, which are lists and items in turn."""
_OPEN = re.compile(r"(:{3,})\s*([^\s:].*)?$")
_VOID = re.compile(r"(.*\S)\s+/|([\w-]+)/")
_FENCE = re.compile(r"(`{3,}|~{3,})")


@dataclass(frozen=True, kw_only=True)
class BlockProblem:
    """A mistake in the structure of blocks, at its place in the text with tokens."""

    rule: str
    message: str
    hint: str
    line: int
    """The line of the body, from 0."""
    column: int = 1


@dataclass(kw_only=True)
class Environment:
    """The value in markdown-it's `env`: our rules read the tags from it and add their problems."""

    tag_store: TagStore
    problems: list[BlockProblem] = field(default_factory=list)
    skipped: list[Sequence[int]] = field(default_factory=list)
    """Runs of lines that have no token by right: comments, closing lines, link definitions."""
    is_too_deep: bool = False
    """True when a line nested too deep was found; the first is enough to say."""
    _searched: str = ""
    _last: int = -1

    def comment_end(self, text: str, start: int) -> int:
        """Return the end of the comment that begins at `start`, 0 when it has none.

        The last `-->` of a text is remembered, so that many unclosed comments cost one search.
        """
        if self._searched is not text:
            self._searched, self._last = text, text.rfind("-->")
        return text.find("-->", start + 4) + 3 if self._last >= start + 4 else 0


def parse_markdown(text: str, tag_store: TagStore) -> tuple[list[Token], list[BlockProblem]]:
    """Return the tokens of a body whose merge tags are hidden, and the problems of its blocks.

    A block is a `block_open` (info = what follows the colons, hidden = it has no body) ...
    `block_close` pair, a condition a `condition` token whose content is the tag's token.
    """
    environment = Environment(tag_store=tag_store)
    env: dict[str, Any] = {"newsletter": environment}
    tokens = _parser.parse(text, env)
    lines = text.split("\n")
    _place(tokens, lines)
    # A line that already has its problem may have no token.
    if not environment.problems:
        definitions = [*env.get("references", {}).values(), *env.get("duplicate_refs", ())]
        known = [*environment.skipped, *(definition["map"] for definition in definitions)]
        environment.problems.extend(_lost(line) for line in lost_lines(tokens, lines, known))
        environment.problems.extend(_cut(line) for line in cut_rows(tokens, lines))
    return tokens, environment.problems


def _lost(line: int) -> BlockProblem:
    return BlockProblem(
        rule="NL004",
        message="this line would be missing from the email",
        hint="Leave an empty line before and after it, and report it as a bug of newsletter.",
        line=line,
    )


def _cut(line: int) -> BlockProblem:
    message, hint = "the row has more cells than its table", "Give the first row a cell more, or write a bar as `\\|`."
    return BlockProblem(rule="NL004", message=message, hint=hint, line=line)


def place_in(token: Token, at: int, lines: Sequence[str], first: int = 0) -> tuple[int, int]:
    """Return line (from 0) and column (from 1) of a character of an inline token's content in the parsed `lines`.

    `first` is the index of the line that tokens count from. Markdown strips what stands before
    the content of a line: a list's indent, a quotation's `>`.
    """
    if "rows" not in token.meta:
        token.meta["rows"] = list(_rows(token, lines, first))
    rows: list[tuple[int, int]] = token.meta["rows"]
    row = bisect_right(rows, at, key=lambda row: row[0]) - 1
    start, first = rows[row]
    return (token.map[0] if token.map else 0) + row, first + at - start if first else 1


def _rows(token: Token, lines: Sequence[str], first: int) -> Iterator[tuple[int, int]]:
    """Yield offset and first column of each line of an inline token's content; column 0 where Markdown changed it."""
    start, line = 0, first + (token.map[0] if token.map else 0)
    for written in token.content.split("\n"):
        indent = len(written) - len(written.lstrip())
        column = lines[line].find(written.strip()) if line < len(lines) else -1
        yield start, column - indent + 1 if column >= 0 else 0
        start, line = start + len(written) + 1, line + 1


def _place(tokens: list[Token], lines: list[str]) -> None:
    """Add to links and pictures their `meta["line"]` (from 0) and `meta["column"]` (from 1)."""
    for token in tokens:
        for child in token.children or ():
            if "at" in child.meta:
                child.meta["line"], child.meta["column"] = place_in(token, child.meta["at"], lines)


def settings_tokens(text: str) -> tuple[Token, ...]:
    """Return the tokens of Markdown from newsletter.toml, such as a sponsor's words; braces are not merge tags."""
    return tuple(parse_markdown(text, TagStore())[0])


def _environment(state: StateBlock | StateInline) -> Environment:
    environment = state.env["newsletter"]
    assert isinstance(environment, Environment)
    return environment


def _line(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]


def _depth(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Refuse a line that is nested too deep; markdown-it would drop it and all that follows, and say nothing."""
    if state.level <= DEEPEST:
        return False
    environment = _environment(state)
    if not environment.is_too_deep:
        environment.is_too_deep = True
        message = "lists or quotations are nested too deep"
        hint = f"At most {DEEPEST // 2} lists or {DEEPEST} quotations may stand inside each other."
        problem = BlockProblem(rule="NL004", message=message, hint=hint, line=start, column=state.tShift[start] + 1)
        environment.problems.append(problem)
    state.line = start + 1
    return True


def _block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read `:::name` at the top level, up to the `:::` that closes it."""
    opening = _OPEN.match(_line(state, start))
    if not opening or state.sCount[start] - state.blkIndent > 3:
        return False
    if silent:
        return True
    if not opening[2] or state.level:
        _misplaced(state, start, opening[2])
        state.line = start + 1
        return True
    void = _VOID.fullmatch(opening[2])
    stop = start + 1 if void else _close(state, start, end, opening[2].split()[0])
    _push_block(state, start, stop, (void[1] or void[2]) if void else opening[2], void is not None)
    return True


def _misplaced(state: StateBlock, line: int, info: str | None) -> None:
    """Add the problem of a closing `:::` with nothing to close, or of a block inside a list or a quotation."""
    message = '":::" closes a block, and none is open'
    hint = "Remove the line, or open a block above it."
    if info:
        message = f'block "{info.split()[0]}" stands inside a list or a quotation'
        hint = "Leave an empty line before it and begin it at the start of the line."
    _environment(state).problems.append(
        BlockProblem(rule="NL004", message=message, hint=hint, line=line, column=state.tShift[line] + 1)
    )


def _push_block(state: StateBlock, start: int, stop: int, info: str, void: bool) -> None:
    opened = state.push("block_open", "div", 1)
    opened.block, opened.hidden, opened.info, opened.markup = True, void, info, ":::"
    opened.map = [start, stop]
    opened.meta = {"column": state.tShift[start] + 1 + _line(state, start).index(info)}
    if not void:
        # The inner lines are tokenised like a document that ends at the closing line.
        ending = state.lineMax
        state.lineMax = stop
        state.md.block.tokenize(state, start + 1, stop)
        state.lineMax = ending
    state.push("block_close", "div", -1).block = True
    closing = _OPEN.match(_line(state, stop)) if not void and stop < state.lineMax else None
    state.line = stop + 1 if closing and not closing[2] else stop
    _environment(state).skipped.append((stop, state.line))


def _close(state: StateBlock, start: int, end: int, name: str) -> int:
    """Return the line of the closing `:::`, else the line at which the block must end; code fences hide colons."""
    fence = ""
    for line in range(start + 1, end):
        text = _line(state, line)
        marker = _FENCE.match(text)
        if fence:
            fence = "" if marker and marker[1].startswith(fence) and not text.strip(fence[0]) else fence
        elif marker:
            fence = marker[1]
        elif (colons := _OPEN.match(text)) and state.sCount[line] <= 3:
            # Blocks do not nest: another opening line means that this one was not closed.
            if colons[2]:
                _unclosed(state, start, name, 'Close it with a line ":::" before line {}; blocks do not nest.', line)
            return line
    _unclosed(state, start, name, 'Close it with a line ":::".', end)
    return end


def _unclosed(state: StateBlock, start: int, name: str, hint: str, line: int) -> None:
    column = state.tShift[start] + 1
    problem = BlockProblem(
        rule="NL004",
        message=f'block "{name}" is not closed',
        hint=hint.replace("{}", f"{{{line}}}"),
        line=start,
        column=column,
    )
    _environment(state).problems.append(problem)


def _condition(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read a line that holds nothing but statements: `{% if plan == "pro" %}`."""
    tag_store = _environment(state).tag_store
    text = _line(state, start).strip()
    if state.sCount[start] - state.blkIndent > 3 or not re.fullmatch(rf"({tag_store.token.pattern}\s*)+", text):
        return False
    # A value on a line of its own is a paragraph, not a condition.
    if not all(tag.is_statement for _, tag in tag_store.within(text)):
        return False
    if not silent:
        for match in tag_store.token.finditer(text):
            token = state.push("condition", "", 0)
            token.block, token.content, token.map = True, match[0], [start, start + 1]
        state.line = start + 1
    return True


def _comment_block(state: StateBlock, start: int, stop: int, silent: bool) -> bool:
    """Drop a comment that begins a line and ends one, with its lines."""
    offset = state.bMarks[start] + state.tShift[start]
    if not state.src.startswith("<!--", offset) or state.sCount[start] - state.blkIndent > 3:
        return False
    end = _environment(state).comment_end(state.src, offset)
    line = start + state.src.count("\n", offset, end)
    if not end or line >= stop or state.src[end : state.eMarks[line]].strip():
        return False
    if not silent:
        state.line = line + 1
        _environment(state).skipped.append((start, state.line))
    return True


def _comment_inline(state: StateInline, silent: bool) -> bool:
    """Drop a comment inside a line."""
    if not state.src.startswith("<!--", state.pos):
        return False
    end = _environment(state).comment_end(state.src, state.pos)
    if end:
        state.pos = end
    return bool(end)


def _placed(rule: Callable[[StateInline, bool], bool]) -> Callable[[StateInline, bool], bool]:
    """Return the rule with an addition: its token knows where in the text it begins and ends."""

    def run(state: StateInline, silent: bool) -> bool:
        at, before = state.pos, len(state.tokens)
        is_match = rule(state, silent)
        if is_match and not silent:
            made = next(token for token in state.tokens[before:] if token.type in ("link_open", "image"))
            made.meta.update(at=at, end=state.pos)
            source = str(made.attrs.get("src", ""))
            if source and not is_remote(source):  # markdown-it encodes addresses; this is the path of a file
                made.attrs["src"] = unquote(source)
        return is_match

    return run


def _read_inline(state: StateCore) -> None:
    """Read the words of every paragraph, heading and cell."""
    for token in state.tokens:
        if token.type == "inline":
            token.children = token.children or []
            _inline_parser.inline.parse(token.content, _inline_parser, state.env, token.children)


def _make_parser() -> MarkdownIt:
    # Raw HTML becomes text, so that nothing an author pastes can break an email.
    # markdown-it's own limit must never be met: lists go two levels deeper at a time.
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": DEEPEST + 5}).enable("table")
    everywhere: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    parser.block.ruler.before("table", "newsletter_depth", _depth)
    parser.block.ruler.before("code", "newsletter_block", _block, everywhere)
    parser.block.ruler.before("code", "newsletter_condition", _condition, everywhere)
    parser.block.ruler.before("code", "newsletter_comment", _comment_block, everywhere)
    parser.core.ruler.at("inline", _read_inline)
    return parser


def _make_inline_parser() -> MarkdownIt:
    """Return the parser of words, with markdown-it's own limit of nesting.

    Beyond it brackets are words and nothing is lost; the higher limit of lists would take four times as long.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable("strikethrough")
    for name, rule in (("link", link), ("image", image), ("autolink", autolink)):
        parser.inline.ruler.at(name, _placed(rule))
    parser.inline.ruler.before("autolink", "newsletter_comment", _comment_inline)
    return parser


_parser, _inline_parser = _make_parser(), _make_inline_parser()
