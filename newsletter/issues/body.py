"""The body of an issue: from Markdown tokens to blocks, each checked against its kind."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from markdown_it.token import Token

from newsletter.errors import suggestion
from newsletter.issues.blocks import BlockKind, FieldValue, Is, read_fields, split_info, unknown_block
from newsletter.issues.front_matter_yaml import split
from newsletter.issues.images import PictureError, find_picture, is_remote
from newsletter.issues.issue import Block, Condition
from newsletter.issues.markdown import BlockProblem, parse_markdown
from newsletter.issues.news_block import news_mistake
from newsletter.issues.parse_state import ParseState
from newsletter.messages.merge_tags import TagStore


def read_content(reading: ParseState, hidden: str) -> tuple[Block | Condition, ...]:
    """The pieces of the whole file's text (merge tags hidden); mistakes go to `reading`."""
    parts = split(hidden)
    body, offset = (parts[1], parts[2]) if parts else ("", 0)
    tokens, troubles = parse_markdown(body, reading.tag_store)
    for trouble in troubles:
        _trouble(reading, trouble, offset)
    return tuple(_pieces(reading, tokens, offset + 1))


def _trouble(reading: ParseState, trouble: BlockProblem, offset: int) -> None:
    hint = re.sub(r"\{(\d+)\}", lambda found: str(int(found[1]) + offset + 1), trouble.hint)
    reading.problem(trouble.rule, trouble.message, trouble.line + offset + 1, trouble.column, hint)


def _pieces(reading: ParseState, tokens: list[Token], offset: int) -> Iterator[Block | Condition]:
    """The blocks, and the Markdown between them as blocks named "text"; `offset` makes lines count from 1 in the file.

    A condition that holds no block stays in its text; one that holds a block becomes a piece of its own.
    """
    outer = _outer_conditions(tokens, reading.tag_store)
    text: list[Token] = []
    for token, run in _runs(tokens):
        if token.type == "block_open" or id(token) in outer:
            yield from _text(reading, text, offset)
            text = []
            yield (
                _block(reading, token, run, offset)
                if token.type == "block_open"
                else Condition(token=token.content, line=_line_of(token, offset))
            )
        else:
            text.extend(run)
    yield from _text(reading, text, offset)


def _line_of(token: Token, offset: int) -> int:
    return (token.map[0] if token.map else 0) + offset


def _runs(tokens: list[Token]) -> Iterator[tuple[Token, list[Token]]]:
    """Each top-level token with all that belongs to it, up to its closing token."""
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
    """The top-level conditions (by `id`) with a block inside, with all their branches."""
    outer: set[int] = set()
    stack: list[list[Token]] = []
    holds: list[bool] = []
    for token, _ in _runs(tokens):
        if token.type == "block_open":
            holds = [True] * len(holds)
        elif token.type == "condition":
            word = next(tag for _, tag in tag_store.within(token.content)).inner.split(" ")[0]
            if word == "if":
                stack.append([])
                holds.append(False)
            if stack:
                stack[-1].append(token)
            if word == "endif" and stack:
                group = stack.pop()
                if holds.pop():
                    outer.update(id(member) for member in group)
    return outer


def _text(reading: ParseState, tokens: list[Token], offset: int) -> Iterator[Block]:
    if tokens:
        _check_pictures(reading, tokens, offset)
        last = [token.map[1] for token in tokens if token.map]
        yield Block(
            name="text",
            fields={},
            body=tuple(tokens),
            line=_line_of(tokens[0], offset),
            end_line=max(last, default=1) + offset - 1,
        )


def _block(reading: ParseState, opened: Token, run: list[Token], offset: int) -> Block:
    name, rest = split_info(opened.info)
    line, column = _line_of(opened, offset), opened.meta["column"]
    kind = reading.kinds.get(name)
    fields: dict[str, FieldValue] = {}
    body = run[1:-1]
    if kind is None:
        reading.problem("NL003", f'no block is named "{name}"', line, column, unknown_block(name, list(reading.kinds)))
    else:
        fields, mistakes = read_fields(rest, kind)
        for mistake in mistakes:
            at = (
                column
                if mistake.message.startswith("block") and "field" not in mistake.message
                else column + len(name) + mistake.column - 1
            )
            reading.problem("NL006", mistake.message, line, at, mistake.hint)
        _check_field_values(reading, kind, fields, line, column + len(name) - 1)
        _check_body(reading, kind, body, line, column, offset)
    _check_pictures(reading, body, offset)
    end = opened.map[1] + offset if opened.map else line
    return Block(
        name=name, fields={key: value.text for key, value in fields.items()}, body=tuple(body), line=line, end_line=end
    )


def _check_field_values(
    reading: ParseState, kind: BlockKind, fields: Mapping[str, FieldValue], line: int, column: int
) -> None:
    sponsors = reading.publication.config.sponsors
    for key, value in fields.items():
        if kind.fields[key] is Is.IMAGE:
            _check_picture(reading, value.text, line, column + value.column)
    named = fields.get("id") if kind.name == "sponsor" else None
    if named and named.text not in sponsors:
        hint = suggestion(named.text, sponsors, "Sponsors") or "Add [sponsors.<id>] to newsletter.toml."
        reading.problem("NL006", f'no sponsor "{named.text}" in newsletter.toml', line, column + named.column, hint)


def _check_body(reading: ParseState, kind: BlockKind, body: list[Token], line: int, column: int, offset: int) -> None:
    if kind.body == "none" and body:
        reading.problem(
            "NL006",
            f'block "{kind.name}" has no body',
            _line_of(body[0], offset),
            1,
            f'Close it at once: ":::{kind.name} ... /".',
        )
    elif kind.body_required and not body:
        reading.problem(
            "NL006", f'block "{kind.name}" is empty', line, column, "Write something before the closing `:::`."
        )
    elif kind.body == "list" and (wrong := news_mistake(body)):
        message, token = wrong
        reading.problem(
            "NL006", message, _line_of(token, offset), 1, "Write each item as `- [Title](https://...) A sentence.`"
        )
    elif kind.body == "label" and [token.type for token in body] not in (
        [],
        ["paragraph_open", "inline", "paragraph_close"],
    ):
        reading.problem(
            "NL006",
            f'the label of block "{kind.name}" is not one line of text',
            line,
            column,
            "Keep the words of the button only.",
        )


def _check_pictures(reading: ParseState, tokens: list[Token], offset: int) -> None:
    for token in tokens:
        for child in token.children or []:
            if child.type == "image":
                line = _line_of(token, offset)
                _check_picture(reading, str(child.attrs.get("src", "")), line, _column_of(reading, line, token, child))


def _column_of(reading: ParseState, line: int, token: Token, child: Token) -> int:
    written = reading.lines[line - 1] if line <= len(reading.lines) else ""
    return max(written.find("!["), 0) + 1


def _check_picture(reading: ParseState, path: str, line: int, column: int) -> None:
    if is_remote(path) or reading.tag_store.token.search(path):
        return
    try:
        find_picture(reading.publication.root, path)
    except PictureError as error:
        reading.problem(
            "NL012", str(error), line, column, "Name a picture inside the publication's folder, or an https:// address."
        )
