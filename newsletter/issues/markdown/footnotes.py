"""Footnotes: `Prices rose.[^1]` and `[^1]: According to the office.`, as in GitHub's and Pandoc's Markdown.

Notes get their numbers in the order in which the text refers to them, and leave their place for the foot of the issue.
A note that nothing refers to comes last, so that its words are not lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from markdown_it.rules_block import StateBlock, reference
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from newsletter.issues.markdown.environment import environment_of

NOTE = "footnote_reference_open"
"""The kind of the token at which the text of a note begins."""
_REFERENCE = re.compile(r"\[\^([^\s\[\]]+)\]")
_DEFINITION = re.compile(_REFERENCE.pattern + r":[ \t]*")
_LABEL = re.compile(r"\[\^[^\]\n]*\]:")


@dataclass(kw_only=True)
class Note:
    """A footnote: its text, and how often the issue refers to it."""

    label: str
    body: list[Token]
    line: int
    """The line of the body, from 0."""
    number: int = 0
    """The number that readers see; from 1."""
    references: int = 0
    is_repeated: bool = False
    """Tells that an earlier note has the same label."""

    @property
    def is_empty(self) -> bool:
        """Tell whether it has no text."""
        return not any(token.content.strip() for token in self.body)

    @property
    def is_paragraph(self) -> bool:
        """Tell whether it is one paragraph, or nothing."""
        return [token.type for token in self.body] in ([], ["paragraph_open", "inline", "paragraph_close"])


@dataclass(kw_only=True)
class _Numbering:
    """The notes that have a number so far, and those by their label."""

    by_label: dict[str, Note]
    numbered: list[Note] = field(default_factory=list)

    def refer(self, tokens: Iterable[Token]) -> None:
        """Number the notes that these tokens refer to, and let each reference know its number."""
        links = 0
        for token in tokens:
            self.refer(token.children or ())
            links += token.nesting if token.type in ("link_open", "link_close") else 0
            if token.type == "footnote_ref" and (note := self.by_label.get(token.meta["label"].casefold())):
                self._number(note)
                note.references += 1
                token.meta.update(number=note.number, reference=note.references, is_linked=links > 0)

    def _number(self, note: Note) -> None:
        if not note.number:
            self.numbered.append(note)
            note.number = len(self.numbered)


def definition(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read the text of a note: what follows its name, and the lines below that are indented by four spaces."""
    environment = environment_of(state)
    begin = state.bMarks[start] + state.tShift[start]
    name = _DEFINITION.match(state.src, begin, state.eMarks[start])
    if not name or not environment.has_notes or state.is_code_block(start):
        return False
    if not silent:
        environment.notes.add(name[1].casefold())
        opened = state.push(NOTE, "", 1)
        opened.meta = {"label": name[1]}
        _read_text(state, start, end, name.end())
        opened.map = [start, state.line]
        state.push("footnote_reference_close", "", -1)
    return True


def _read_text(state: StateBlock, start: int, end: int, begin: int) -> None:
    """Read the lines of a note, of which the first begins at the offset `begin`, as if it stood four spaces in."""
    before = state.bMarks[start], state.tShift[start], state.sCount[start], state.parentType
    state.blkIndent += 4
    state.bMarks[start], state.tShift[start], state.sCount[start] = begin, 0, state.blkIndent
    state.parentType = "footnote"
    state.md.block.tokenize(state, start, end)
    state.blkIndent -= 4
    state.bMarks[start], state.tShift[start], state.sCount[start], state.parentType = before


def link_definition(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read the definition of a link, which a note's never is: `[^2]: Allegedly.` would be lost."""
    return not _LABEL.match(state.src, state.bMarks[start] + state.tShift[start]) and reference(
        state, start, end, silent
    )


def note_reference(state: StateInline, silent: bool) -> bool:
    """Read a reference to a note that has a text."""
    name = _REFERENCE.match(state.src, state.pos)
    # In the words of a link it has to count as brackets, because a link in a link would make them none.
    if silent or not name or name[1].casefold() not in environment_of(state).notes:
        return False
    token = state.push("footnote_ref", "", 0)
    token.meta = {"label": name[1]}
    state.pos = name.end()
    return True


def take_notes(tokens: list[Token]) -> tuple[list[Token], list[Note]]:
    """Return the tokens without the notes, and the notes in the order of their numbers."""
    if not any(token.type == NOTE for token in tokens):
        return tokens, []
    text, notes = _divided(tokens)
    by_label: dict[str, Note] = {}
    for note in notes:
        note.is_repeated = by_label.setdefault(note.label.casefold(), note) is not note
    numbering = _Numbering(by_label=by_label)
    numbering.refer(text)
    # Notes may refer to notes; the list grows while it is read.
    for note in numbering.numbered:
        numbering.refer(note.body)
    for note in notes:
        if not note.number:
            numbering.numbered.append(note)
            note.number = len(numbering.numbered)
            numbering.refer(note.body)
    return text, numbering.numbered


def _divided(tokens: list[Token]) -> tuple[list[Token], list[Note]]:
    text: list[Token] = []
    notes: list[Note] = []
    opened: list[Note] = []
    for token in tokens:
        if token.type == NOTE:
            opened.append(Note(label=token.meta["label"], body=[], line=token.map[0] if token.map else 0))
            notes.append(opened[-1])
        elif token.type == "footnote_reference_close":
            opened.pop()
        else:
            (opened[-1].body if opened else text).append(token)
    return text, notes


def note_tokens(notes: Iterable[Note]) -> Iterator[Token]:
    """Yield the tokens of the foot of an issue: a line, and the list of the notes."""
    # A note without text has its place in the list, too, or the numbers behind it would not fit.
    listed = list(notes)
    if not listed:
        return
    line = [listed[0].line, listed[0].line + 1]
    is_tight = all(note.is_paragraph for note in listed)
    yield Token("hr", "hr", 0, map=line, block=True)
    yield Token("footnotes_open", "ol", 1, map=line, block=True)
    for note in listed:
        meta = {"number": note.number, "references": note.references}
        yield Token("footnote_open", "li", 1, map=[note.line, note.line + 1], block=True, meta=meta)
        for token in note.body:
            # Paragraphs of a list are hidden when no item has more than one.
            yield token.copy(hidden=True) if is_tight and token.type.startswith("paragraph") else token
        yield Token("footnote_close", "li", -1, block=True, meta=meta)
    yield Token("footnotes_close", "ol", -1, block=True)
