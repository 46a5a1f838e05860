"""Rules for lines: the limit of nesting, `:::` blocks, conditions, and comments on lines of their own."""

from __future__ import annotations

import re

from markdown_it.rules_block import StateBlock

from newsletter.issues.markdown.environment import BlockProblem, MarkdownComment, environment_of

DEEPEST = 100
"""Levels of nesting that are read: 100 quotations, or 50 lists, which are lists and items in turn."""
_OPEN = re.compile(r"(:{3,})\s*([^\s:].*)?$")
_VOID = re.compile(r"(.*\S)\s+/|([\w-]+)/")


def _line(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]


def depth(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Refuse a line that is nested too deep; markdown-it would drop it and all that follows, and say nothing."""
    if state.level <= DEEPEST:
        return False
    environment = environment_of(state)
    if not environment.is_too_deep:
        environment.is_too_deep = True
        message = "lists or quotations are nested too deep"
        hint = f"At most {DEEPEST // 2} lists or {DEEPEST} quotations may stand inside each other."
        why = "What stands deeper would be missing from the email."
        environment.problems.append(_problem(state, start, message, hint, why))
    state.line = start + 1
    return True


def block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read `:::name` at the top level, up to the `:::` that closes it."""
    opening = _OPEN.match(_line(state, start))
    if not opening or state.sCount[start] - state.blkIndent > 3:
        return False
    if silent:
        return True
    environment = environment_of(state)
    if environment.is_in_block and _is_at_margin(state, start):
        # Blocks do not nest: another opening line ends the block, too. `state.line` ends what is read inside it.
        environment.block_end = start
        state.line = end
    elif not opening[2] or state.level:
        _misplaced(state, start, opening[2])
        state.line = start + 1
    else:
        _push_block(state, start, end, opening[2])
    return True


def _is_at_margin(state: StateBlock, line: int) -> bool:
    """Tell whether nothing but at most three spaces stands before a line's text: no quotation, no deep list."""
    start = state.bMarks[line] + state.tShift[line]
    before = state.src[state.src.rfind("\n", 0, start) + 1 : start]
    return len(before) <= 3 and not before.strip(" ")


def _misplaced(state: StateBlock, line: int, info: str | None) -> None:
    """Add the problem of a closing `:::` with nothing to close, or of a block inside a list or a quotation."""
    message = '":::" closes a block, and none is open'
    hint = "Remove the line, or open a block above it."
    why = "What was meant to stand in a block would stand outside it."
    if info:
        message = f'block "{info.split()[0]}" stands inside a list or a quotation'
        hint = "Leave an empty line before it and begin it at the start of the line."
        why = "A block is as wide as the email; an item has no room for it."
    environment_of(state).problems.append(_problem(state, line, message, hint, why))


def _problem(state: StateBlock, line: int, message: str, hint: str, why: str) -> BlockProblem:
    """Return a mistake of a whole line."""
    column, width = state.tShift[line] + 1, len(_line(state, line).rstrip())
    return BlockProblem(rule="NL004", message=message, hint=hint, line=line, column=column, width=width, why=why)


def _push_block(state: StateBlock, start: int, end: int, written: str) -> None:
    void = _VOID.fullmatch(written)
    info = (void[1] or void[2]) if void else written
    opened = state.push("block_open", "div", 1)
    opened.block, opened.hidden, opened.info, opened.markup = True, void is not None, info, ":::"
    opened.meta = {"column": state.tShift[start] + 1 + _line(state, start).index(info)}
    stop = start + 1 if void else _read_body(state, start, end, written.split()[0])
    opened.map = [start, stop]
    state.push("block_close", "div", -1).block = True
    closing = _OPEN.match(_line(state, stop)) if not void and stop < state.lineMax else None
    state.line = stop + 1 if closing and not closing[2] else stop
    environment_of(state).skipped.append((stop, state.line))


def _read_body(state: StateBlock, start: int, end: int, name: str) -> int:
    """Read what stands in a block, and return the line at which it ends: that of the closing `:::`."""
    environment, before = environment_of(state), len(state.tokens)
    environment.is_in_block, environment.block_end = True, None
    state.md.block.tokenize(state, start + 1, end)
    environment.is_in_block = False
    return _ended(state, start, end, name, environment.block_end, before)


def _ended(state: StateBlock, start: int, end: int, name: str, stop: int | None, before: int) -> int:
    """Return the line at which a block ends; `stop` is that of its closing line, if there was one."""
    if stop is None:
        _unclosed(state, start, name, 'Close it with a line ":::".', end)
        return end
    # A list around the closing line believes that it goes on to the end.
    for token in state.tokens[before:]:
        if token.map:
            token.map = [token.map[0], min(token.map[1], stop)]
    opening = _OPEN.match(_line(state, stop))
    if opening and opening[2]:
        _unclosed(state, start, name, 'Close it with a line ":::" before line {}; blocks do not nest.', stop)
    return stop


def _unclosed(state: StateBlock, start: int, name: str, hint: str, line: int) -> None:
    why = "What follows the block would be taken for a part of it."
    message = f'block "{name}" is not closed'
    environment_of(state).problems.append(_problem(state, start, message, hint.replace("{}", f"{{{line}}}"), why))


def condition(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read a line that holds nothing but statements: `{% if plan == "pro" %}`."""
    tag_store = environment_of(state).tag_store
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


def comment(state: StateBlock, start: int, stop: int, silent: bool) -> bool:
    """Drop a comment that begins a line and ends one, with its lines."""
    offset = state.bMarks[start] + state.tShift[start]
    if not state.src.startswith("<!--", offset) or state.sCount[start] - state.blkIndent > 3:
        return False
    end = environment_of(state).comment_end(state.src, offset)
    line = start + state.src.count("\n", offset, end)
    if not end or line >= stop or state.src[end : state.eMarks[line]].strip():
        return False
    if not silent:
        state.line = line + 1
        environment = environment_of(state)
        environment.skipped.append((start, state.line))
        text = state.src[offset + 4 : end - 3]
        environment.comments.append(MarkdownComment(text=text, line=start, column=_column(state, start)))
    return True


def _column(state: StateBlock, line: int) -> int:
    """Return the column (from 1) in the text at which the words of a line begin."""
    start = state.bMarks[line] + state.tShift[line]
    return start - state.src.rfind("\n", 0, start)
