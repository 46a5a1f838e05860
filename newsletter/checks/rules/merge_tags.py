"""Rules about merge tags: what a reader sees whose fields are missing, long, strange or hostile."""

from __future__ import annotations

import re
from collections.abc import Iterator

from newsletter.checks.context.context import Context
from newsletter.checks.context.rule import ERROR, WARNING, Example, Finding, Rule, Scope
from newsletter.checks.context.sample_copies import Copy
from newsletter.messages.expressions import BUILT_IN, EvaluationError, ExpressionError, compile_expression, names
from newsletter.messages.merge_tags import Tag

ALWAYS = frozenset(("email", "unsubscribe_url", "preferences_url", "web_url"))
"""Fields that no reader lacks."""
_CONDITION = re.compile(r"(if|elif)\s+(.+)", re.DOTALL)
_HARD = 'R&D <b>"50%"</b>'
_ENCODED = re.compile(r"&(?:amp|lt|gt|quot|#\d+|#x[0-9a-f]+);|%(?:26|3C|22)", re.IGNORECASE)


def _may_be_empty(context: Context) -> Iterator[Finding]:
    """Value tags that print nothing for a reader without fields, outside of a condition that asks for them."""
    guards: list[set[str]] = []
    known = {*BUILT_IN, *context.config.fields}  # of the others the parser has told
    for tag in context.issue.tag_store.tags:
        _follow(tag, guards)
        if not tag.is_statement and (bare := (_bare(tag) & known).difference(*guards)):
            named = " and ".join(sorted(bare))
            yield _at(tag, f"readers without {named} see nothing here")


def _follow(tag: Tag, guards: list[set[str]]) -> None:
    """Keep the fields that the open conditions ask for."""
    if not tag.is_statement:
        return
    found = _CONDITION.fullmatch(tag.inner)
    if found and found[1] == "if":
        guards.append(_names(found[2]))
    elif found and guards:
        guards[-1] |= _names(found[2])
    elif tag.inner == "endif" and guards:
        guards.pop()


def _bare(tag: Tag) -> set[str]:
    """The fields whose absence leaves nothing of a tag."""
    optional = _names(tag.inner) - ALWAYS
    fields = {name: f"{name}@example.com" for name in ALWAYS}
    return optional if optional and _evaluated(tag.inner, fields) == "" else set()


def _names(expression: str) -> set[str]:
    try:
        return names(expression)
    except ExpressionError:
        return set()


def _evaluated(expression: str, fields: dict[str, str]) -> str | None:
    """What the tag prints, None when it fails, which the parser reports."""
    try:
        return str(compile_expression(expression)(fields))
    except (ExpressionError, *EvaluationError):
        return None


def _encoded_twice(context: Context) -> Iterator[Finding]:
    for tag in context.issue.tag_store.tags:
        if not tag.is_statement:
            printed = _evaluated(tag.inner, dict.fromkeys(_names(tag.inner), _HARD)) or ""
            if found := _ENCODED.search(printed):
                message = (
                    f'a reader\'s "&" or "<" comes out as "{found[0]}": it is encoded here and again when it is sent'
                )
                yield _at(tag, message)


def _whole(context: Context) -> Iterator[Finding]:
    yield from _left_open(context)
    for copy in context.copies:
        yield from (Finding(message=f"the copy of a reader {copy.reader} {why}") for why in _faults(context, copy))


def _left_open(context: Context) -> Iterator[Finding]:
    """Braces in what is the same for all: a template printed a merge tag as text."""
    for element in context.elements():
        for text in (element.text, element.tail, *element.attrib.values()):
            for found in re.findall(r"\{\{[^{}]*\}\}|%7B%7B", text or ""):
                if element.tag not in ("style", "title") and not _is_meant(context, found):
                    message = f'readers see "{found}" as it stands'
                    yield Finding(message=message, line=context.line_of(element))


def _is_meant(context: Context, braces: str) -> bool:
    """Whether the author wrote these braces with a backslash, or in the settings, where braces are only braces."""
    if braces == "%7B%7B":
        return "\\{{" in context.source
    escaped = re.findall(r"\\\{\{([^{}]*)\}\}", context.source)
    settings = re.findall(r"\{\{([^{}]*)\}\}", context.publication.path.read_text(encoding="utf-8"))
    return _squeezed(braces) in map(_squeezed, (*escaped, *settings))


def _squeezed(text: str) -> str:
    """Letters and digits alone: Markdown may have changed what stands between them."""
    return re.sub(r"\W+", "", text)


def _faults(context: Context, copy: Copy) -> Iterator[str]:
    message, headers = copy.message, copy.headers
    tokens = re.compile(rf"{re.escape(context.issue.tag_store.base)}[A-Z]\d{{5}}xNL")
    for what, text in (("subject", message.subject), ("HTML", message.html), ("text", message.text)):
        if found := tokens.search(text):
            yield f'has "{found[0]}" in its {what}'
    if "<" in copy.value and copy.value in message.html:
        yield "holds the reader's markup as if it were ours"
    if len(message.subject.splitlines()) > 1:
        yield "has a subject of two lines"
    if headers.defects or "Bcc" in headers or len(headers.get_all("Subject") or ()) != 1:
        yield "has headers that a field broke"


def _at(tag: Tag, message: str) -> Finding:
    return Finding(message=message, line=tag.line, column=tag.column, width=len(tag.source))


RULES = (
    Rule(
        id="NL009",
        severity=WARNING,
        scope=Scope.SOURCE,
        summary="A merge tag prints nothing for readers who lack the field.",
        why='They read "Good morning ," and know that a machine wrote it.',
        fix='Say what they see instead: `{{ first_name | default("there") }}`.',
        fires=Example(body="Good morning {{ first_name }}."),
        passes=Example(body='Good morning {{ first_name | default("there") }}.'),
        find=_may_be_empty,
    ),
    Rule(
        id="NL010",
        severity=ERROR,
        scope=Scope.MESSAGE,
        summary="A reader's copy does not come out whole: braces or tokens are left, or a field breaks it.",
        why="Copies are made for readers without fields, with 200 characters, emoji, markup, braces and line breaks.",
        fix='Print merge tags in templates with `tag("first_name")`; write `\\{{` for braces that readers should see.',
        fires=Example(
            files={
                "templates/blocks/text.mjml": "<mj-section><mj-column><mj-text>"
                "Dear {% raw %}{{ first_name }}{% endraw %}, {{ body }}</mj-text></mj-column></mj-section>\n"
            },
            shown="Dear {% raw %}{{ first_name }}{% endraw %} in a template",
        ),
        passes=Example(
            files={
                "templates/blocks/text.mjml": "<mj-section><mj-column><mj-text>"
                'Dear {{ tag("first_name") }}, {{ body }}</mj-text></mj-column></mj-section>\n'
            },
            shown='Dear {{ tag("first_name") }} in a template',
        ),
        find=_whole,
    ),
    Rule(
        id="NL013",
        severity=ERROR,
        scope=Scope.SOURCE,
        summary="A merge tag encodes its value, which is encoded again when it is sent.",
        why='A reader at "R&D" is greeted as "R&amp;D".',
        fix="Leave out the filter; values are made safe for the place they stand in.",
        fires=Example(body='Good morning {{ first_name | default("there") | escape }}.'),
        passes=Example(body='Good morning {{ first_name | default("there") }}.'),
        find=_encoded_twice,
    ),
)
