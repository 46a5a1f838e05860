"""From the text of an issue file to an Issue: the first of the three steps of a build.

Collects every mistake of the file before raising; decides nothing about looks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from markdown_it.token import Token

from newsletter import tag_checks
from newsletter.blocks import BlockKind, FieldValue, Is, read_fields, split_info, unknown_block
from newsletter.config import Publication
from newsletter.errors import IssueError, Problem, Severity, suggestion
from newsletter.frontmatter import FrontMatter, Value, parse_front_matter, split
from newsletter.issues import Block, Condition, Issue, date_of, read_issue, same_slug, shown_path, slug_of
from newsletter.markdown import Trouble, parse_markdown
from newsletter.merge_tags import MOST_TAGS, Vault
from newsletter.news import news_mistake
from newsletter.pictures import PictureError, find_picture, is_remote
from newsletter.times import Moment, parse_moment

KEYS = ("subject", "preheader", "date", "author", "list", "segment", "send_at", "template", "signup")
"""What front matter may say."""


@dataclass(kw_only=True)
class _Reading:
    """One file while it is read: its text, its vault, its mistakes."""

    publication: Publication
    kinds: Mapping[str, BlockKind]
    templates: frozenset[str]
    shown: str
    lines: list[str]
    vault: Vault
    problems: list[Problem] = field(default_factory=list)

    def problem(self, rule: str, message: str, line: int, column: int, hint: str = "", severity: Severity = Severity.ERROR) -> None:
        """Note a mistake; `column` is one of the line with tokens."""
        real = self.vault.column(self.lines[line - 1] if line <= len(self.lines) else "", line, column)
        restore = self.vault.restore
        self.problems.append(
            Problem(rule=rule, message=restore(message), path=self.shown, line=line, column=real, hint=restore(hint), severity=severity)
        )


def parse_issue(path: Path, publication: Publication, kinds: Mapping[str, BlockKind], templates: frozenset[str]) -> Issue:
    """Read and check one file. Raises IssueError with every mistake in it.

    `kinds` are the blocks there are, `templates` the names `template:` may say.
    """
    shown = shown_path(publication, path)
    text = read_issue(path, shown)
    vault = Vault.for_text(text)
    hidden = vault.hide(text)
    reading = _Reading(
        publication=publication, kinds=kinds, templates=templates, shown=shown, lines=hidden.split("\n"), vault=vault
    )
    front, problems = parse_front_matter(hidden, shown)
    _unquote_tags(vault, front.body_line)
    for problem in problems:
        reading.problem(problem.rule, problem.message, problem.line, problem.column, problem.hint)
    issue = _issue(reading, path, front, _content(reading, hidden, front))
    errors = [problem for problem in reading.problems if problem.severity is Severity.ERROR]
    if errors:
        raise IssueError(errors)
    return issue


def _unquote_tags(vault: Vault, body_line: int) -> None:
    """Tags in quoted YAML may double or escape their own quotes: `'{{ x | default(''y'') }}'`."""
    for index, tag in enumerate(vault.tags):
        if tag.line <= body_line and not tag_checks.is_readable(tag):
            vault.tags[index] = replace(tag, source=tag.source.replace("''", "'").replace('\\"', '"'))


def _issue(reading: _Reading, path: Path, front: FrontMatter, content: tuple[Block | Condition, ...]) -> Issue:
    values = front.values
    _check_keys(reading, front)
    _check_slug(reading, path)
    issue = Issue(
        path=path,
        slug=slug_of(path),
        subject=_line(values.get("subject")),
        preheader=_line(values.get("preheader")),
        date=_date(reading, path, front),
        author=_line(values.get("author")),
        list=_known(reading, values.get("list"), "list", reading.publication.config.lists) or reading.publication.default_list,
        segment=_known(reading, values.get("segment"), "segment", reading.publication.config.segments) or None,
        send_at=_send_at(reading, values.get("send_at")),
        template=_known(reading, values.get("template"), "template", reading.templates) or "issue",
        signup=_switch(reading, values.get("signup")),
        content=content,
        vault=reading.vault,
    )
    _check_tags(reading, front, content)
    return _with_warnings(issue, reading)


def _with_warnings(issue: Issue, reading: _Reading) -> Issue:
    return replace(issue, warnings=tuple(p for p in reading.problems if p.severity is not Severity.ERROR))


def _line(value: Value | None) -> str:
    """One line: line breaks of a folded value become spaces."""
    return " ".join(value.text.split()) if value else ""


def _check_keys(reading: _Reading, front: FrontMatter) -> None:
    for name, (line, column) in front.places.items():
        if name not in KEYS:
            reading.problem("NL002", f'no key is named "{name}"', line, column, suggestion(name, KEYS, "Keys"))
    subject = front.values.get("subject")
    if "subject" not in front.places and not any(p.rule == "NL001" for p in reading.problems):
        reading.problem("NL001", "the subject is missing", 1, 1, "Add `subject: ...` to the front matter.")
    elif subject and not subject.text.strip():
        reading.problem("NL001", "the subject is empty", subject.line, subject.column, "Readers choose by it: write one.")


def _check_slug(reading: _Reading, path: Path) -> None:
    if other := same_slug(reading.publication, path):
        hint = f"{other.name} has it too; rename one."
        reading.problem("NL001", f'the slug "{slug_of(path)}" is not unique in the publication', 1, 1, hint)


def _date(reading: _Reading, path: Path, front: FrontMatter) -> date:
    value = front.values.get("date")
    if value and not value.is_null:
        try:
            return date.fromisoformat(value.text.strip())
        except ValueError:
            reading.problem("NL011", f'date: "{value.text}" is not a date', value.line, value.column, "Write it as 2025-01-17.")
    elif (named := date_of(path)) is not None:
        return named
    elif not any(p.rule == "NL001" for p in reading.problems):
        reading.problem("NL001", "the issue has no date", 1, 1, "Add `date: 2025-01-17`, or begin the file name with one.")
    return date.min


def _known(reading: _Reading, value: Value | None, what: str, known: Mapping[str, object] | frozenset[str]) -> str:
    """The name, if it is one of the known ones."""
    name = _line(value)
    if value and name and name not in known:
        hint = suggestion(name, known, f"{what.title()}s") or f"newsletter.toml has no {what}s."
        reading.problem("NL011", f'{what}: there is no {what} "{name}"', value.line, value.column, hint)
    return name


def _send_at(reading: _Reading, value: Value | None) -> Moment | None:
    if not value or not value.text.strip():
        return None
    try:
        return parse_moment(value.text, reading.publication.config.publication.timezone)
    except ValueError as error:
        reading.problem("NL011", f"send_at: {error}", value.line, value.column)
        return None


def _switch(reading: _Reading, value: Value | None) -> bool:
    text = value.text.strip().lower() if value else "true"
    if value and text not in ("true", "false"):
        reading.problem("NL011", f'signup: "{value.text}" is not true or false', value.line, value.column, "Write `signup: false` to leave the block out.")
    return text != "false"


def _content(reading: _Reading, hidden: str, front: FrontMatter) -> tuple[Block | Condition, ...]:
    parts = split(hidden)
    body, offset = (parts[1], parts[2]) if parts else ("", 0)
    tokens, troubles = parse_markdown(body, reading.vault)
    for trouble in troubles:
        _trouble(reading, trouble, offset)
    return tuple(_pieces(reading, tokens, offset + 1))


def _trouble(reading: _Reading, trouble: Trouble, offset: int) -> None:
    hint = re.sub(r"\{(\d+)\}", lambda found: str(int(found[1]) + offset + 1), trouble.hint)
    reading.problem(trouble.rule, trouble.message, trouble.line + offset + 1, trouble.column, hint)


def _pieces(reading: _Reading, tokens: list[Token], offset: int) -> Iterator[Block | Condition]:
    """The blocks, and the Markdown between them as blocks named "text"; `offset` makes lines count from 1 in the file.

    A condition that holds no block stays in its text; one that holds a block becomes a piece of its own.
    """
    outer = _outer_conditions(tokens, reading.vault)
    text: list[Token] = []
    for token, run in _runs(tokens):
        if token.type == "block_open" or id(token) in outer:
            yield from _text(reading, text, offset)
            text = []
            yield _block(reading, token, run, offset) if token.type == "block_open" else Condition(token=token.content, line=_line_of(token, offset))
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


def _outer_conditions(tokens: list[Token], vault: Vault) -> set[int]:
    """The top-level conditions (by `id`) with a block inside, with all their branches."""
    outer: set[int] = set()
    stack: list[list[Token]] = []
    holds: list[bool] = []
    for token, _ in _runs(tokens):
        if token.type == "block_open":
            holds = [True] * len(holds)
        elif token.type == "condition":
            word = next(tag for _, tag in vault.within(token.content)).inner.split(" ")[0]
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


def _text(reading: _Reading, tokens: list[Token], offset: int) -> Iterator[Block]:
    if tokens:
        _check_pictures(reading, tokens, offset)
        last = [token.map[1] for token in tokens if token.map]
        yield Block(name="text", fields={}, body=tuple(tokens), line=_line_of(tokens[0], offset), end_line=max(last, default=1) + offset - 1)


def _block(reading: _Reading, opened: Token, run: list[Token], offset: int) -> Block:
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
            at = column if mistake.message.startswith("block") and "field" not in mistake.message else column + len(name) + mistake.column - 1
            reading.problem("NL006", mistake.message, line, at, mistake.hint)
        _check_field_values(reading, kind, fields, line, column + len(name) - 1)
        _check_body(reading, kind, body, line, column, offset)
    _check_pictures(reading, body, offset)
    end = opened.map[1] + offset if opened.map else line
    return Block(name=name, fields={key: value.text for key, value in fields.items()}, body=tuple(body), line=line, end_line=end)


def _check_field_values(reading: _Reading, kind: BlockKind, fields: Mapping[str, FieldValue], line: int, column: int) -> None:
    sponsors = reading.publication.config.sponsors
    for key, value in fields.items():
        if kind.fields[key] is Is.IMAGE:
            _check_picture(reading, value.text, line, column + value.column)
    named = fields.get("id") if kind.name == "sponsor" else None
    if named and named.text not in sponsors:
        hint = suggestion(named.text, sponsors, "Sponsors") or "Add [sponsors.<id>] to newsletter.toml."
        reading.problem("NL006", f'no sponsor "{named.text}" in newsletter.toml', line, column + named.column, hint)


def _check_body(reading: _Reading, kind: BlockKind, body: list[Token], line: int, column: int, offset: int) -> None:
    if kind.body == "none" and body:
        reading.problem("NL006", f'block "{kind.name}" has no body', _line_of(body[0], offset), 1, f'Close it at once: ":::{kind.name} ... /".')
    elif kind.body_required and not body:
        reading.problem("NL006", f'block "{kind.name}" is empty', line, column, "Write something before the closing `:::`.")
    elif kind.body == "list" and (wrong := news_mistake(body)):
        message, token = wrong
        reading.problem("NL006", message, _line_of(token, offset), 1, "Write each item as `- [Title](https://...) A sentence.`")
    elif kind.body == "label" and [token.type for token in body] not in ([], ["paragraph_open", "inline", "paragraph_close"]):
        reading.problem("NL006", f'the label of block "{kind.name}" is not one line of text', line, column, "Keep the words of the button only.")


def _check_pictures(reading: _Reading, tokens: list[Token], offset: int) -> None:
    for token in tokens:
        for child in token.children or []:
            if child.type == "image":
                line = _line_of(token, offset)
                _check_picture(reading, str(child.attrs.get("src", "")), line, _column_of(reading, line, token, child))


def _column_of(reading: _Reading, line: int, token: Token, child: Token) -> int:
    written = reading.lines[line - 1] if line <= len(reading.lines) else ""
    return max(written.find("!["), 0) + 1


def _check_picture(reading: _Reading, path: str, line: int, column: int) -> None:
    if is_remote(path) or reading.vault.token.search(path):
        return
    try:
        find_picture(reading.publication.root, path)
    except PictureError as error:
        reading.problem("NL012", str(error), line, column, "Name a picture inside the publication's folder, or an https:// address.")


def _check_tags(reading: _Reading, front: FrontMatter, content: tuple[Block | Condition, ...]) -> None:
    for found in tag_checks.check_tags(reading.vault, tag_checks.containers(front, content), reading.publication.config.fields):
        problem = Problem(
            rule="NL007", message=found.message, path=reading.shown, line=found.line, column=found.column, hint=found.hint,
            severity=Severity.ERROR if found.is_error else Severity.WARNING,
        )
        reading.problems.append(problem)
    if len(reading.vault.tags) > MOST_TAGS:
        reading.problem("NL007", f"more than {MOST_TAGS} merge tags", 1, 1)
