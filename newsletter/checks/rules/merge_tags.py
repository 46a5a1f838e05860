"""Rules about merge tags: how they come out for readers whose fields are missing, long, strange or hostile."""

from __future__ import annotations

import re
from collections.abc import Iterator

from newsletter.checks.context.context import Context
from newsletter.checks.context.places import WHOLE_ISSUE, tag_spot
from newsletter.checks.context.rule import ERROR, WARNING, Example, Finding, Scope, rule
from newsletter.checks.context.sample_copies import Copy
from newsletter.messages.expressions import BUILT_IN, EvaluationError, ExpressionError, compile_expression, names
from newsletter.messages.merge_tags import Tag

ALWAYS = frozenset(("email", "unsubscribe_url", "preferences_url", "web_url"))
"""Fields that no reader lacks."""
_CONDITION = re.compile(r"(if|elif)\s+(.+)", re.DOTALL)
_HARD = 'R&D <b>"50%"</b>'
_ENCODED = re.compile(r"&(?:amp|lt|gt|quot|#\d+|#x[0-9a-f]+);|%(?:26|3C|22)", re.IGNORECASE)


@rule(
    "NL009",
    WARNING,
    Scope.SOURCE,
    summary="A merge tag prints nothing for readers who lack the field.",
    why='They read "Good morning ," and know that a machine wrote it.',
    fix='Give a default: `{{ first_name | default("there") }}`.',
    fires=Example(body="Good morning {{ first_name }}."),
    passes=Example(body='Good morning {{ first_name | default("there") }}.'),
)
def _empty_for_some(context: Context) -> Iterator[Finding]:
    # The fields that the open conditions test: inside them a tag for such a field is not empty.
    guards: list[set[str]] = []
    known = {*BUILT_IN, *context.config.fields}  # the parser reports the others
    for tag in context.issue.tag_store.tags:
        _follow(tag, guards)
        if not tag.is_statement and (bare := (_bare(tag) & known).difference(*guards)):
            named = " and ".join(sorted(bare))
            yield Finding.at(tag_spot(tag), f"readers without {named} see nothing here")


def _follow(tag: Tag, guards: list[set[str]]) -> None:
    """Bring `guards`, the fields that each open condition tests, up to date behind this tag."""
    if not tag.is_statement:
        return
    condition = _CONDITION.fullmatch(tag.inner)
    if condition and condition[1] == "if":
        guards.append(_names(condition[2]))
    elif condition and guards:
        guards[-1] |= _names(condition[2])
    elif tag.inner == "endif" and guards:
        guards.pop()


def _bare(tag: Tag) -> set[str]:
    """Return the fields of a tag that prints nothing for a reader who lacks them; none when it prints something."""
    optional = _names(tag.inner) - ALWAYS
    fields = {name: f"{name}@example.com" for name in ALWAYS}
    return optional if optional and _evaluated(tag.inner, fields) == "" else set()


def _names(expression: str) -> set[str]:
    try:
        return names(expression)
    except ExpressionError:
        return set()


def _evaluated(expression: str, fields: dict[str, str]) -> str | None:
    """Return what the tag prints, or None when it fails, which the parser reports."""
    try:
        return str(compile_expression(expression)(fields))
    except (ExpressionError, *EvaluationError):
        return None


@rule(
    "NL013",
    ERROR,
    Scope.SOURCE,
    summary="A merge tag encodes its value, which is encoded again when it is sent.",
    why='A reader at "R&D" is greeted as "R&amp;D".',
    fix="Leave out the filter; values are made safe for the place they stand in.",
    fires=Example(body='Good morning {{ first_name | default("there") | escape }}.'),
    passes=Example(body='Good morning {{ first_name | default("there") }}.'),
)
def _encoded_twice(context: Context) -> Iterator[Finding]:
    for tag in context.issue.tag_store.tags:
        if not tag.is_statement:
            printed = _evaluated(tag.inner, dict.fromkeys(_names(tag.inner), _HARD)) or ""
            if match := _ENCODED.search(printed):
                comes_out = f'a reader\'s "&" or "<" comes out as "{match[0]}"'
                yield Finding.at(tag_spot(tag), f"{comes_out}: it is encoded here and again when it is sent")


@rule(
    "NL010",
    ERROR,
    Scope.MESSAGE,
    summary="A reader's copy is broken: merge tags or tokens are left in it, or the value of a field breaks it.",
    why="Readers have empty fields, or fields of 200 characters, with emoji, markup, braces or line breaks.",
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
)
def _broken_copies(context: Context) -> Iterator[Finding]:
    yield from _left_open(context)
    for copy in context.copies:
        for fault in _faults(context, copy):
            yield Finding.at(WHOLE_ISSUE, f"the copy of a reader {copy.reader} {fault}")


def _left_open(context: Context) -> Iterator[Finding]:
    """Yield a finding for each merge tag that a template printed as text."""
    for element in context.elements():
        # Code shows the braces that its author wrote.
        own = None if element.tag == "code" else element.text
        for text in (own, element.tail, *element.attrib.values()):
            # The compiler writes braces in an address as %7B%7B.
            for braces in re.findall(r"\{\{[^{}]*\}\}|%7B%7B", text or ""):
                if element.tag not in ("style", "title") and not _is_meant(context, braces):
                    yield Finding.at(context.spot_of(element), f'readers see "{braces}" as it stands')


def _is_meant(context: Context, braces: str) -> bool:
    """Tell whether the author meant these braces: wrote them with a backslash, or in the settings, as plain text."""
    if braces == "%7B%7B":
        return "\\{{" in context.source
    escaped = re.findall(r"\\\{\{([^{}]*)\}\}", context.source)
    settings = re.findall(r"\{\{([^{}]*)\}\}", context.publication.path.read_text(encoding="utf-8"))
    return _squeezed(braces) in map(_squeezed, (*escaped, *settings))


def _squeezed(text: str) -> str:
    """Return the letters and digits alone: Markdown may have changed the signs between them."""
    return re.sub(r"\W+", "", text)


def _faults(context: Context, copy: Copy) -> Iterator[str]:
    message, headers = copy.message, copy.headers
    tokens = re.compile(rf"{re.escape(context.issue.tag_store.base)}[A-Z]\d{{5}}xNL")
    for part, text in (("subject", message.subject), ("HTML", message.html), ("text", message.text)):
        if token := tokens.search(text):
            yield f'has "{token[0]}" in its {part}'
    if "<" in copy.value and copy.value in message.html:
        yield "holds the reader's markup as if it were ours"
    if len(message.subject.splitlines()) > 1:
        yield "has a subject of two lines"
    # A line break in a field would end its header and begin another.
    if headers.defects or "Bcc" in headers or len(headers.get_all("Subject") or ()) != 1:
        yield "has headers that a field broke"
