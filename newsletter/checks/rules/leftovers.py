"""Rules about what looks like markup and became none: readers see its signs as they were typed.

Code, links and comments are left out by Markdown's own tokens; what is escaped with a backslash was meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from markdown_it.token import Token

from newsletter.checks.context.context import Context
from newsletter.checks.context.places import Spot, field_spot, inline_tokens, kind_of, token_spot
from newsletter.checks.context.rule import WARNING, Example, Finding, Scope, rule
from newsletter.issues.blocks import FieldType
from newsletter.issues.markdown.place import words_of


class _Sign(NamedTuple):
    """Signs of another program's Markdown."""

    pattern: re.Pattern[str]
    hint: str


_SETTER = r"""(?:[.#][A-Za-z][\w-]*|[A-Za-z][\w-]*=(?:"[^"\n]*"|'[^'\n]*'|[^\s{}"'=]+))"""
_SIGNS = (
    _Sign(
        re.compile(rf"\{{:? *{_SETTER}(?: +{_SETTER})* *\}}"),
        "Remove it: links and paragraphs have no attributes; a block has its look from its template.",
    ),
    _Sign(
        re.compile(r"(?<![\w:/]):(?:[+-]1|[a-z][a-z0-9_+-]+):(?![\w:/])"),
        "Write the emoji itself.",
    ),
    _Sign(re.compile(r"(?<![=\w])==(?=[^\s=])[^=\n]*(?<=[^\s=])==(?![=\w])"), "Use **bold** for what must stand out."),
    _Sign(
        re.compile(r"(?<![|\w])\|\|(?=[^\s|])[^|\n]*(?<=[^\s|])\|\|(?![|\w])"), "Write it plainly: nothing is hidden."
    ),
    _Sign(
        re.compile(r"(?<![~\w/])~(?=[^\s~/])[^~\n]*(?<=[^\s~])~(?![~\w])"), "Strike words out with two: `~~words~~`."
    ),
    _Sign(
        re.compile(r"(?<![\w\[])!?\[\[(?=[^\W\d_])[^\[\]\n]+\]\](?!\])"),
        "Write a link, `[Page](https://example.com/page)`, or a merge tag, `{{ name }}`.",
    ),
    _Sign(re.compile(r"\A\[(?:TOC|toc)\]\Z"), "Remove it: an email has no table of contents."),
    _Sign(re.compile(r"\A(?:!!!|\?\?\?)\+? \w[^\n]*"), 'Use a block: `:::note title="..."`, the text, and `:::`.'),
    _Sign(re.compile(r"(?:\A|(?<=\n)) *#{2,6}[^\s#][^\n]*"), "Put a space behind the `#`."),
    _Sign(re.compile(r"\$\$[^$\n]+\$\$"), "Mail programs show no formulas: use a picture with an alt text."),
    _Sign(
        re.compile(r"(?:\A|(?<=\n)) *: +\S[^\n]*"), "Definition lists are not read: write `- **Term:** its definition`."
    ),
    _Sign(re.compile(r"<!--"), "End the comment with `-->`, or put it between backticks."),
)
_TASK = _Sign(re.compile(r"\[[ xX]\](?=\s)"), "Readers cannot tick a box: write ☐ or ☑, or leave it out.")
_ALERT = _Sign(re.compile(r"\[!\w+\]"), 'Use a block: `:::note title="..."`, the text, and `:::`.')
_IN_FIELDS = (
    _Sign(re.compile(r"\*\*[^\s*][^*]*\*\*"), "A field is plain text: remove the asterisks."),
    _Sign(re.compile(r"\[[^\[\]]+\]\(https?://[^()\s]*\)"), "A field is plain text: use `url=`, or the block's body."),
)


@rule(
    "NL021",
    WARNING,
    Scope.SOURCE,
    summary="Markup of another program became none, and readers see its signs: `:tada:`, `==marked==`, `{: .lead}`.",
    why="Every program has its own additions to Markdown; issues have those of the documentation, and no others.",
    fix="Write what the message says, or a backslash before signs that readers should see.",
    fires=Example(body="The rules are out :tada: and ==new==."),
    passes=Example(body="The rules are out 🎉 and **new**; `:tada:` is code."),
)
def _foreign_markup(context: Context) -> Iterator[Finding]:
    for _block, token, before in inline_tokens(context):
        words = words_of(token)
        signs = (*_SIGNS, *([_TASK] if before[-1:] == ["list_item_open"] else ()))
        for sign in (*signs, *([_ALERT] if before[-1:] == ["blockquote_open"] else ())):
            # A box or an alert is one at the beginning only.
            at_start = sign in (_TASK, _ALERT)
            matches = [sign.pattern.match(words)] if at_start else sign.pattern.finditer(words)
            for match in filter(None, matches):
                yield _finding(context, token_spot(context, token, match.start(), match.end()), match[0], sign.hint)
        yield from _loose_marks(context, token)
    yield from _in_fields(context, _IN_FIELDS)


def _finding(context: Context, spot: Spot, written: str, hint: str) -> Finding:
    shown = context.written(written.strip())
    return Finding.at(spot, f'readers see "{shown if len(shown) <= 40 else shown[:39] + "…"}" as it stands', hint=hint)


def _loose_marks(context: Context, token: Token) -> Iterator[Finding]:
    """Yield a finding for the first of two marks of emphasis that are words: `** bold **`."""
    marks = [(at, mark) for at, mark in token.meta.get("marks", ()) if not _is_inside_word(token.content, at)]
    for sign in ("**", "~~"):
        places = [at for at, mark in marks if mark == sign]
        if len(places) > 1:
            hint = f"Leave no space between `{sign}` and the words inside, or write a backslash before each sign."
            yield _finding(context, token_spot(context, token, places[0], places[0] + 2), sign, hint)


def _is_inside_word(text: str, at: int) -> bool:
    return bool(re.fullmatch(r"\w..\w", text[max(at - 1, 0) : at + 3]))


def _in_fields(context: Context, signs: Sequence[_Sign]) -> Iterator[Finding]:
    for block in context.blocks:
        kind = kind_of(context, block)
        for name, value in block.fields.items():
            if kind.fields.get(name) is FieldType.TEXT:
                for sign in signs:
                    for match in sign.pattern.finditer(value):
                        yield _finding(context, field_spot(context, block, name), match[0], sign.hint)


_TAG = "Write a merge tag of this program, such as `{{ first_name }}`, or a backslash before signs that are meant."
_OTHER_TAGS = (
    re.compile(r"\*\|[^|\n]+\|\*"),
    re.compile(r"(?<![\w%])%[A-Za-z_][\w.-]*\w%(?![\w%])"),
    re.compile(r"%%[A-Za-z_][\w .-]*%%"),
    re.compile(r"(?<![\w#])##[A-Za-z_][\w.]*##(?![\w#])"),
    re.compile(r"<%[=-]?[^<>\n]*%>"),
    re.compile(r"(?<![\w-])-(?:[A-Za-z]+_[A-Za-z_]+|(?:first|last|full)?name|email)-(?![\w-])", re.IGNORECASE),
    re.compile(r"(?<!\{)(?:[#$]|(?<![\w$#{]))\{[!$]?[A-Za-z_][\w.]*(?: *[|:][^{}\n]*)?\}(?!\})"),
    re.compile(
        r"(?<![\w\[])\[(?:FIRST_?NAME|LAST_?NAME|FNAME|LNAME|NAME|EMAIL|UNSUBSCRIBE(?:_(?:URL|LINK))?)\](?![\w(\[\]])"
    ),
)


@rule(
    "NL022",
    WARNING,
    Scope.SOURCE,
    summary="The text has a merge tag of another program: `*|FNAME|*`, `%recipient.name%`, `{first_name}`.",
    why="Nothing is filled in, and every reader sees that a machine wrote it.",
    fix=_TAG,
    fires=Example(body="Good morning *|FNAME|*."),
    passes=Example(body='Good morning {{ first_name | default("there") }}.'),
)
def _other_merge_tags(context: Context) -> Iterator[Finding]:
    for _block, token, _before in inline_tokens(context):
        words = words_of(token)
        for pattern in _OTHER_TAGS:
            for match in pattern.finditer(words):
                yield _finding(context, token_spot(context, token, match.start(), match.end()), match[0], _TAG)
    for key in ("subject", "preheader"):
        value = context.front.values.get(key)
        for tag in _tags(value.text if value else ""):
            yield _finding(context, context.front_spot(key), tag, _TAG)
    yield from _in_fields(context, [_Sign(pattern, _TAG) for pattern in _OTHER_TAGS])


def _tags(text: str) -> Iterator[str]:
    return (match[0] for pattern in _OTHER_TAGS for match in pattern.finditer(text))


_NO_NOTE = re.compile(r"\^?\[\^[^\[\]\n]*\]:?|\^\[[^\[\]\n]+\]")


@rule(
    "NL023",
    WARNING,
    Scope.SOURCE,
    summary="A footnote has no text, or nothing in the text refers to it.",
    why="Readers look for the note of a number, and find brackets or nothing.",
    fix="Write `[^1]` in the text and `[^1]: The note.` on a line of its own.",
    fires=Example(body="Prices rose by a third.[^1]"),
    passes=Example(body="Prices rose by a third.[^1]\n\n[^1]: According to the office of statistics."),
)
def _broken_notes(context: Context) -> Iterator[Finding]:
    for _block, token, _before in inline_tokens(context):
        for match in _NO_NOTE.finditer(words_of(token)):
            spot = token_spot(context, token, match.start(), match.end())
            yield Finding.at(spot, f'"{context.written(match[0])}" is no footnote: {_why_no_note(match[0])}')
    for note in context.issue.notes:
        spot = context.whole_line(note.line + context.body_line)
        if note.is_repeated:
            message, why = f'a note "[^{note.label}]" stands above already', "The number can lead to one of them only."
            yield Finding.at(spot, message, hint="Give this one another name.", why=why)
        elif not note.references:
            message = f'nothing refers to the note "[^{note.label}]"; readers see it at the foot all the same'
            yield Finding.at(spot, message, why="Readers cannot tell what it belongs to.")
        if note.is_empty:
            message, why = f'the note "[^{note.label}]" has no text', "Its number leads to an empty line."
            yield Finding.at(spot, message, why=why, hint="Write its text behind the colon.")


def _why_no_note(written: str) -> str:
    if written.startswith("^"):
        return "a note has its text on a line of its own"
    return "its name holds a space" if " " in written else "no line has its text"
