"""Rules about the frame of an email: its language, roles, colour schemes, and elements that mail clients remove."""

from __future__ import annotations

from collections.abc import Iterator

from newsletter.checks.context.context import Context
from newsletter.checks.context.origins import origin
from newsletter.checks.context.rule import ERROR, WARNING, Example, Finding, Scope, rule
from newsletter.checks.html.computed_style import sheets

_UNSET = {"lang": ("", "und"), "dir": ("", "auto")}
_NO_PLACE = ("script", "form", "iframe", "object", "embed", "applet")


_TEXT = "templates/blocks/text.mjml"
_BLOCK = "<mj-section><mj-column><mj-text>{{ body }}%s</mj-text></mj-column></mj-section>\n"
_ISSUE = "templates/issue.mjml"
_FRAME = """<mjml%s><mj-head><mj-raw>%s</mj-raw></mj-head><mj-body>
{{ content }}
<mj-section><mj-column><mj-text>{{ publication.postal_address }}, {{ tag("unsubscribe_url") }}</mj-text></mj-column>
</mj-section></mj-body></mjml>
"""
_SPOKEN = ' lang="{{ language }}" dir="{{ dir }}"'
_METAS = '<meta name="color-scheme" content="light dark" /><meta name="supported-color-schemes" content="light dark" />'


@rule(
    "NL203",
    WARNING,
    Scope.HTML,
    summary="The email does not declare its language or its direction of writing, on the page or on its first element.",
    why="Screen readers choose the wrong voice. Mail clients drop the page's own tags, so the first element counts.",
    fix='Begin the template with `<mjml lang="{{ language }}" dir="{{ dir }}">`.',
    fires=Example(files={_ISSUE: _FRAME % ("", _METAS)}, shown="<mjml> in templates/issue.mjml"),
    passes=Example(files={_ISSUE: _FRAME % (_SPOKEN, _METAS)}, shown=f"<mjml{_SPOKEN}> in templates/issue.mjml"),
)
def _missing_languages(context: Context) -> Iterator[Finding]:
    first = next((each for each in context.tree.find("body") if isinstance(each.tag, str)), None)
    # Mail clients keep the content of the body and drop <html>, so the first element has to declare both again.
    for element in (context.tree, first):
        for name, unset in _UNSET.items():
            if element is not None and element.get(name, "") in unset:
                yield Finding.at(origin(context, None, "<mjml"), f"<{element.tag}> does not say its {name}")


@rule(
    "NL204",
    WARNING,
    Scope.HTML,
    summary='A table for layout lacks `role="presentation"`, or a table of data has no headings.',
    why="Screen readers announce rows that mean nothing, or figures without their names (WCAG 2.2, 1.3.1).",
    fix='Write `<table role="presentation">` for layout, `<th>` for headings of data.',
    fires=Example(
        files={_TEXT: _BLOCK % "<table><tr><td>Words</td></tr></table>"}, shown="<table><tr><td> in a template"
    ),
    passes=Example(
        files={_TEXT: _BLOCK % '<table role="presentation"><tr><td>Words</td></tr></table>'},
        shown='<table role="presentation"><tr><td> in a template',
    ),
)
def _missing_roles(context: Context) -> Iterator[Finding]:
    for table in context.elements("table"):
        if table.get("role", "") in ("presentation", "none"):
            continue
        if table.find(".//th") is None:
            message = "a table has neither headings nor the role of a frame"
            yield Finding.at(origin(context, table, "<table", "<mj-table"), message)


@rule(
    "NL306",
    WARNING,
    Scope.HTML,
    summary="The email does not declare its dark colours, or a dark rule lacks its `!important`.",
    why="Apple Mail then darkens it by itself, and a style attribute wins over a rule without `!important`.",
    fix="Keep both <meta> elements of the package's template, and `!important` on every dark declaration.",
    fires=Example(files={_ISSUE: _FRAME % (_SPOKEN, "")}, shown="templates/issue.mjml without the metas"),
    passes=Example(files={_ISSUE: _FRAME % (_SPOKEN, _METAS)}, shown='<meta name="color-scheme" ... /> in it'),
)
def _missing_dark_schemes(context: Context) -> Iterator[Finding]:
    for name in ("color-scheme", "supported-color-schemes"):
        if context.tree.find(f".//meta[@name='{name}']") is None:
            spot = origin(context, None, "<mj-head", "<mjml")
            yield Finding.at(spot, f'the email has no <meta name="{name}">')
    for style_rule in sheets(context.tree):
        weak = next((each for each in style_rule.declarations if not each.important), None)
        if style_rule.is_dark and weak:
            declared = f'at night, "{style_rule.selector}" sets {weak.name} without !important'
            spot = origin(context, None, f"{weak.name}: {weak.value}")
            yield Finding.at(spot, f"{declared}, and the style attribute wins")


@rule(
    "NL309",
    ERROR,
    Scope.HTML,
    summary="The email has a script, a form, a frame or an embedded object, or plays sound or video by itself.",
    why="Mail clients remove it or warn of it, and some refuse the whole email.",
    fix="Link to a web page that has it.",
    fires=Example(
        files={_TEXT: _BLOCK % '<form action="https://example.com"><p>Vote</p></form>'},
        shown='<form action="..."> in a template',
    ),
    passes=Example(
        files={_TEXT: _BLOCK % '<p><a href="https://example.com/vote">Vote on the rules</a></p>'},
        shown='<a href="..."> in a template',
    ),
)
def _removed_elements(context: Context) -> Iterator[Finding]:
    for element in context.elements(*_NO_PLACE):
        spot = origin(context, element, f"<{element.tag}")
        yield Finding.at(spot, f"mail clients remove <{element.tag}>")
    for element in context.elements("video", "audio"):
        if "autoplay" in element.attrib:
            yield Finding.at(origin(context, element, "autoplay"), f"a <{element.tag}> plays by itself")
