"""The body of an issue: Markdown tokens become blocks, each checked against its kind.

Mistakes go to the ParseState. Lines count from 1 in the file: `offset` is added to a token's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from markdown_it.token import Token

from newsletter.errors import suggestion
from newsletter.issues.block_fields import FieldProblem, FieldValue, read_fields, split_info, unknown_block
from newsletter.issues.blocks import SIGNUP, TEXT, BlockKind, BodyKind, FieldType
from newsletter.issues.images import PictureError, find_picture, is_remote
from newsletter.issues.issue import Block, Comment, Condition
from newsletter.issues.markdown.environment import BlockProblem
from newsletter.issues.markdown.footnotes import note_tokens
from newsletter.issues.markdown.source import Source
from newsletter.issues.news_block import list_mistake
from newsletter.issues.parse_state import ParseState
from newsletter.messages.merge_tags import TagStore


def read_content(state: ParseState, source: Source) -> tuple[Block | Condition, ...]:
    """Return the pieces of a whole file; add its mistakes to `state`."""
    for problem in source.markdown.problems:
        _add_block_problem(state, problem, source.offset)
    pieces = list(_pieces(state, source.markdown.tokens, source.offset + 1))
    foot = list(_text(state, list(note_tokens(source.markdown.notes)), source.offset + 1))
    # A sign-up block that was placed by hand at the end stays the end.
    last = pieces[-1] if pieces else None
    at = len(pieces) - (isinstance(last, Block) and last.name == SIGNUP)
    return (*pieces[:at], *foot, *pieces[at:])


def read_comments(state: ParseState, source: Source) -> Iterator[Comment]:
    """Yield the comments of the body, at their author's places."""
    for comment in source.markdown.comments:
        line = comment.line + source.offset + 1
        written = state.lines[line - 1] if line <= len(state.lines) else ""
        yield Comment(text=comment.text, line=line, column=state.tag_store.column(written, line, comment.column))


def _add_block_problem(state: ParseState, problem: BlockProblem, offset: int) -> None:
    """Add a problem of the body; `{7}` in its hint stands for the file's line of the body's line 7."""
    hint = re.sub(r"\{(\d+)\}", lambda match: str(int(match[1]) + offset + 1), problem.hint)
    place = (problem.line + offset + 1, problem.column)
    state.add_problem(problem.rule, problem.message, *place, hint, width=problem.width, why=problem.why)


def _pieces(state: ParseState, tokens: list[Token], offset: int) -> Iterator[Block | Condition]:
    """Yield the blocks, and the Markdown between them as blocks named "text".

    A condition without a block inside stays in its text; around a block it becomes a piece of its own.
    """
    # By identity, because equal tokens stand in several places.
    outer = _outer_conditions(tokens, state.tag_store)
    text: list[Token] = []
    for token, run in _runs(tokens):
        if token.type == "block_open" or id(token) in outer:
            yield from _text(state, text, offset)
            text = []
            yield (
                _block(state, token, run, offset)
                if token.type == "block_open"
                else Condition(token=token.content, line=_line_of(token, offset))
            )
        else:
            text.extend(run)
    yield from _text(state, text, offset)


def _line_of(token: Token, offset: int) -> int:
    return (token.map[0] if token.map else 0) + offset


def _runs(tokens: list[Token]) -> Iterator[tuple[Token, list[Token]]]:
    """Yield each top-level token with the run of tokens up to the one that closes it."""
    at = 0
    while at < len(tokens):
        end, depth = at, 0
        while True:
            depth += tokens[end].nesting
            end += 1
            if depth <= 0 or end >= len(tokens):
                break
        yield tokens[at], tokens[at:end]
        at = end


def _outer_conditions(tokens: list[Token], tag_store: TagStore) -> set[int]:
    """Return the `id` of each top-level condition token around a block, with those of its branches and its end."""
    outer: set[int] = set()
    stack: list[list[Token]] = []
    has_block: list[bool] = []
    for token, _ in _runs(tokens):
        if token.type == "block_open":
            # A block inside makes every condition around it an outer one.
            has_block = [True] * len(has_block)
        elif token.type == "condition":
            word = next(tag for _, tag in tag_store.within(token.content)).inner.split(" ")[0]
            if word == "if":
                stack.append([])
                has_block.append(False)
            if stack:
                stack[-1].append(token)
            if word == "endif" and stack:
                group = stack.pop()
                if has_block.pop():
                    outer.update(id(member) for member in group)
    return outer


def _text(state: ParseState, tokens: list[Token], offset: int) -> Iterator[Block]:
    if tokens:
        _check_pictures(state, tokens, offset)
        last = [token.map[1] for token in tokens if token.map]
        yield Block(
            name=TEXT.name,
            fields={},
            body=tuple(tokens),
            line=_line_of(tokens[0], offset),
            end_line=max(last, default=1) + offset - 1,
        )


def _block(state: ParseState, opened: Token, run: list[Token], offset: int) -> Block:
    name, rest = split_info(opened.info)
    line, column = _line_of(opened, offset), opened.meta["column"]
    kind = state.kinds.get(name)
    fields: dict[str, FieldValue] = {}
    problems: list[FieldProblem] = []
    body = run[1:-1]
    before = column + len(name) - 1
    if kind is None:
        hint = unknown_block(name, list(state.kinds))
        state.add_problem("NL003", f'no block is named "{name}"', line, column, hint, width=len(name))
    else:
        fields, problems = read_fields(rest, kind)
        for problem in problems:
            # A mistake of the whole block points at its name, one of a field at the field.
            start, width = (before + problem.column, problem.width) if problem.column else (column, len(name))
            state.add_problem(
                "NL006",
                problem.message,
                line,
                start,
                problem.hint,
                width=width,
                why=problem.why,
                inserts=problem.inserts,
            )
        _check_field_values(state, kind, fields, line, before)
        # A block that is not closed takes what follows it for its body.
        if not any(problem.rule == "NL004" and problem.line == line for problem in state.problems):
            _check_body(state, kind, body, line, column, offset)
    _check_pictures(state, body, offset)
    return Block(
        name=name,
        fields={key: value.text for key, value in fields.items()},
        body=tuple(body),
        line=line,
        end_line=opened.map[1] + offset if opened.map else line,
        places={key: state.written_place(line, before + value.column, value.width) for key, value in fields.items()},
        is_readable=all(problem.is_of_value for problem in problems),
    )


def _check_field_values(
    state: ParseState, kind: BlockKind, fields: Mapping[str, FieldValue], line: int, column: int
) -> None:
    sponsors = state.publication.config.sponsors
    for key, value in fields.items():
        if kind.fields[key] is FieldType.IMAGE:
            _check_picture(state, value.text, line, column + value.column, value.width)
    sponsor = fields.get(kind.sponsor_field)
    if sponsor and sponsor.text not in sponsors:
        hint = suggestion(sponsor.text, sponsors, "Sponsors") or "Add [sponsors.<id>] to newsletter.toml."
        message = f'no sponsor "{sponsor.text}" in newsletter.toml'
        why = "The words, the picture and the link of a sponsor come from newsletter.toml."
        state.add_problem("NL006", message, line, column + sponsor.column, hint, width=sponsor.width, why=why)


def _check_body(state: ParseState, kind: BlockKind, body: list[Token], line: int, column: int, offset: int) -> None:
    if kind.body is BodyKind.NONE and body:
        state.add_problem(
            "NL006",
            f'block "{kind.name}" has no body',
            _line_of(body[0], offset),
            1,
            f'Close it at once: ":::{kind.name} ... /".',
            why="Readers would not see the words in it.",
        )
    elif kind.body_required and not body:
        state.add_problem(
            "NL006",
            f'block "{kind.name}" is empty',
            line,
            column,
            "Write something before the closing `:::`.",
            width=len(kind.name),
            why="Readers would see an empty frame.",
        )
    elif kind.body is BodyKind.LIST and (mistake := list_mistake(body)):
        message, token = mistake
        hint = "Write each item as `- [Title](https://...) A sentence.`"
        why = "Each item is a headline and its sentence; the rest has no place in the list."
        state.add_problem("NL006", message, _line_of(token, offset), 1, hint, why=why)
    elif kind.body is BodyKind.LABEL and [token.type for token in body] not in (
        [],
        ["paragraph_open", "inline", "paragraph_close"],
    ):
        state.add_problem(
            "NL006",
            f'the label of block "{kind.name}" is not one line of text',
            line,
            column,
            "Keep the words of the button only.",
            width=len(kind.name),
            why="A button has room for a few words; the rest would be missing.",
        )


def _check_pictures(state: ParseState, tokens: list[Token], offset: int) -> None:
    for token in tokens:
        for child in token.children or []:
            if child.type == "image":
                # A picture of a table's cell knows its row alone.
                line, column = child.meta.get("line", -1) + offset, child.meta.get("column", 0)
                if not column:
                    line = _line_of(token, offset)
                    column = _picture_column(state, line)
                width = child.meta.get("end", 1) - child.meta.get("at", 0)
                _check_picture(state, str(child.attrs.get("src", "")), line, column, width)


def _picture_column(state: ParseState, line: int) -> int:
    """Return the column of the first Markdown picture on a line, else 1."""
    written = state.lines[line - 1] if line <= len(state.lines) else ""
    return max(written.find("!["), 0) + 1


def _check_picture(state: ParseState, path: str, line: int, column: int, width: int) -> None:
    # A path with a merge tag cannot be looked up: the file depends on the reader.
    if is_remote(path) or state.tag_store.token.search(path):
        return
    try:
        find_picture(state.publication.root, path)
    except PictureError as error:
        hint = "Name a picture inside the publication's folder, or an https:// address."
        state.add_problem("NL012", str(error), line, column, hint, width=width)
