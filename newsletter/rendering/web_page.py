"""The issue as a web page: what `web_url` shows, and what search engines and feeds are told of it.

The same templates as the email, in their `web` medium; slots are filled for nobody. Knows no
server: what stands around the page there, and who may see it, is `web` and `archive`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from markupsafe import Markup

from newsletter.issues.blocks import TEXT, FieldType
from newsletter.issues.images import picture_url
from newsletter.issues.issue import Block, Issue
from newsletter.messages.fragments import html_fragment, text_fragment
from newsletter.messages.merge import joined
from newsletter.messages.mime import one_line
from newsletter.messages.types import About, CompiledMessage, WebPage
from newsletter.rendering.assemble import assemble, language_of
from newsletter.rendering.mjml import compile_mjml
from newsletter.rendering.theme import Theme

LEAD = 200
"""Characters of a description that the issue's own beginning makes."""
_SHORTEST_LEAD = 40
_MARKS = {"<!-- main -->": "<main>", "<!-- /main -->": "</main>"}
"""What the frame's template writes around the content; MJML would close the element itself."""
_FOR_WORD = re.compile(
    r"<!--\[if [^\]]*\]>(?!<!-->).*?<!\[endif\]-->|<!--\[if !mso\]><!-->|<!--<!\[endif\]-->", re.DOTALL
)
"""What only Outlook for Windows reads, and the marks around what it does not."""


def web_page(issue: Issue, theme: Theme) -> WebPage:
    """The page of an issue that was parsed without errors. Raises NewsletterError for a template's mistake."""
    html = compile_mjml(assemble(issue, theme, "web"))
    open_page = _open(issue, html)
    nobody = {"web_url": f"{theme.publication.config.publication.url}/issues/{issue.slug}"}
    about = _about(issue, theme, open_page, nobody)
    filled = joined(html_fragment(open_page.html, open_page))(nobody)
    return WebPage(about=about, html=_for_browsers(filled, _head(about, theme, nobody["web_url"])))


def _open(issue: Issue, html: str) -> CompiledMessage:
    tag_store = issue.tag_store
    return CompiledMessage(
        slug=issue.slug,
        subject=tag_store.literal(issue.subject),
        preheader=tag_store.literal(issue.preheader),
        html=html,
        text="",
        tags=tuple(tag.canonical for tag in tag_store.tags),
        prefix=f"{tag_store.base}M",
    )


def _about(issue: Issue, theme: Theme, page: CompiledMessage, nobody: Mapping[str, str]) -> About:
    def filled(text: str) -> str:
        return one_line(joined(text_fragment(text, page))(nobody))

    picture, alt = next(_pictures(issue, theme), ("", ""))
    return About(
        slug=issue.slug,
        title=filled(page.subject),
        description=filled(page.preheader) or _lead(issue),
        date=issue.date.isoformat(),
        author=filled(issue.tag_store.literal(issue.author)),
        picture=picture,
        alt=alt,
        language=language_of(issue, theme).code,
        archived=issue.archive,
    )


def _pictures(issue: Issue, theme: Theme) -> Iterator[tuple[str, str]]:
    """Yield address and alt text of the pictures that may stand for the issue: no sponsor's, none with a merge tag."""
    token, base = issue.tag_store.token, theme.publication.config.publication.url
    for block in (piece for piece in issue.content if isinstance(piece, Block)):
        kind = theme.kinds.get(block.name, TEXT)
        pictured = [] if kind.sponsor_field else kind.fields_of(FieldType.IMAGE)
        for path in (block.fields.get(name, "") for name in pictured):
            if path and not token.search(path):
                alt = block.fields.get("alt", "")
                yield picture_url(base, path), "" if token.search(alt) else issue.tag_store.literal(alt)


def _lead(issue: Issue) -> str:
    """The first paragraph that says something and knows no reader, cut at a word."""
    for piece in issue.content:
        for token in piece.body if isinstance(piece, Block) else ():
            words = one_line("".join(child.content if child.content else " " for child in token.children or ()))
            if len(words) >= _SHORTEST_LEAD and not issue.tag_store.token.search(words):
                return _cut(issue.tag_store.literal(words))
    return ""


def _cut(words: str) -> str:
    return words if len(words) <= LEAD else words[:LEAD].rsplit(" ", 1)[0].rstrip(",;:.") + "…"


def _head(about: About, theme: Theme, url: str) -> str:
    config = theme.publication.config
    facts = {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "headline": about.title,
        "description": about.description,
        "datePublished": about.date,
        "inLanguage": about.language,
        "image": about.picture,
        "author": {
            "@type": "Person" if about.author else "Organization",
            "name": about.author or config.publication.name,
        },
        "publisher": {"@type": "Organization", "name": config.publication.name, "url": config.publication.url},
        "mainEntityOfPage": url,
    }
    told = json.dumps({key: value for key, value in facts.items() if value}, ensure_ascii=False)
    values = {"about": about, "url": url, "publication": config.publication, "facts": _in_script(told)}
    return theme.render("pages/issue_head.html", values)


def _in_script(text: str) -> Markup:
    """JSON that cannot end the element it stands in."""
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))


def _for_browsers(html: str, head: str) -> str:
    """Without what only mail clients need, and with what only browsers and robots do."""
    lean = _FOR_WORD.sub("", html).replace(' aria-roledescription="email"', "", 1)
    for mark, element in _MARKS.items():
        lean = lean.replace(mark, element, 1)
    before, closing, after = lean.partition("</head>")
    return f"{before}{head}{closing}{after}"
