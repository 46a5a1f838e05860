"""Rules that the parser finds: mistakes for which `build` refuses a file; other rules only stop sending."""

from __future__ import annotations

from collections.abc import Iterator

from newsletter.checks.context.context import Context
from newsletter.checks.context.rule import ERROR, Example, Finding, Scope, rule

_GOOD = Example(body=':::quote by="Ada"\nWords.\n:::')


def _parser_rule(id: str, summary: str, why: str, fix: str, fires: Example, passes: Example = _GOOD) -> None:
    """Register a rule whose findings the parser makes."""
    register = rule(id, ERROR, Scope.SOURCE, summary=summary, why=why, fix=fix, fires=fires, passes=passes)
    register(_found_by_the_parser)


def _found_by_the_parser(_context: Context) -> Iterator[Finding]:
    """Yield nothing: the parser reports these problems by the rule's id, before any rule runs."""
    yield from ()


_parser_rule(
    "NL000",
    "The file is no text in UTF-8, is empty, or is larger than 1 MiB.",
    "Nothing can be read from it.",
    "Save it as UTF-8; keep pictures in files of their own.",
    Example(body="Good\0morning.", shown="a NUL byte"),
)
_parser_rule(
    "NL001",
    "The front matter cannot be read, or lacks the subject or the date.",
    "Readers choose by the subject, and the date puts the issues in order.",
    "Begin the file with `---`, `subject: ...` and `---`; quote values with colons or brackets.",
    Example(front="subject: Chips: the rules"),
    Example(front='subject: "Chips: the rules"'),
)
_parser_rule(
    "NL002",
    "The front matter has an unknown key.",
    "A misspelt key is a setting that silently does not count.",
    "Use the key that the message suggests, or remove the line.",
    Example(front='preheder: "Four minutes on the new rules, and a camera."'),
    Example(front='preheader: "Four minutes on the new rules, and a camera."'),
)
_parser_rule(
    "NL003",
    "A block has a name that no template has.",
    "Markdown would show its colons to readers.",
    "Use the name that the message suggests, or add `templates/blocks/<name>.mjml`.",
    Example(body=':::qoute by="Ada"\nWords.\n:::'),
)
_parser_rule(
    "NL004",
    "A block is not closed, a `:::` closes nothing, or words would be lost: too deep a list, a table's row too long.",
    "The text behind it, or the cells too many, would be missing in the email.",
    "Close each block with a line `:::`; blocks do not nest. Write fewer levels, and as many cells as the header has.",
    Example(body=':::quote by="Ada"\nWords.'),
)
_parser_rule(
    "NL006",
    "A block lacks a required field, or has an unknown field or a value of the wrong kind.",
    "A button without an address, or a picture without a file, is of no use to readers.",
    "Write the field as the table of blocks says.",
    Example(body=":::button\nRead it\n:::"),
    Example(body=":::button https://example.com/read\nRead the report\n:::"),
)
_parser_rule(
    "NL007",
    "A merge tag cannot be read, names an unknown field, or a condition is not closed.",
    "Readers would see braces, or nothing where the value belongs.",
    "Use a field of readers, or declare it in newsletter.toml, [fields].",
    Example(body='Good morning {{ first_nmae | default("there") }}.'),
    Example(body='Good morning {{ first_name | default("there") }}.'),
)
_parser_rule(
    "NL008",
    "A merge tag was lost while compiling.",
    "A template dropped the element or the attribute that held it, so readers would not see it.",
    "Print the value in an element that the compiler keeps.",
    Example(
        body=':::card title="For {{ first_name }}"\nWords.\n:::',
        files={
            "templates/blocks/card.mjml": "{# fields: title* #}<mj-section><mj-column>"
            '<mj-text nobody-knows="{{ title }}">{{ body }}</mj-text></mj-column></mj-section>\n'
        },
        shown='<mj-text nobody-knows="{{ title }}">',
    ),
    Example(
        body=':::card title="For {{ first_name }}"\nWords.\n:::',
        files={
            "templates/blocks/card.mjml": "{# fields: title* #}<mj-section><mj-column>"
            "<mj-text>{{ title }}{{ body }}</mj-text></mj-column></mj-section>\n"
        },
        shown="<mj-text>{{ title }}</mj-text>",
    ),
)
_parser_rule(
    "NL011",
    "The front matter names a list, segment or template that does not exist, or a date or time that cannot be read.",
    "The issue would have no readers, no sending time, or no design.",
    "Use a value that the message names.",
    Example(front="list: dayly"),
    Example(front="list: daily"),
)
_parser_rule(
    "NL012",
    "A picture file is missing, outside the publication, or not a picture.",
    "Readers would see a broken frame.",
    "Name a picture inside the publication's folder, or an https:// address.",
    Example(body=':::image src=images/missing.png alt="A chart of exports by year." /'),
    Example(body=':::image src=https://example.com/chart.png alt="A chart of exports by year." /'),
)
