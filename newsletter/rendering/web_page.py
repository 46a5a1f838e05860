"""The issue as a web page, the page of `web_url`, and its description for search engines and feeds.

Made with the templates of the email in their `web` medium; slots are filled for no reader. Knows no server:
the frame around the page and the right to see it belong to `web.public`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from markupsafe import Markup

from newsletter.characters import one_line
from newsletter.issues.blocks import TEXT, FieldType
from newsletter.issues.images import picture_url
from newsletter.issues.issue import Block, Issue
from newsletter.messages.fragments import html_fragment, text_fragment
from newsletter.messages.merge import joined
from newsletter.messages.types import About, CompiledMessage, WebPage
from newsletter.rendering.assemble import assemble, language_of
from newsletter.rendering.mjml import compile_mjml
from newsletter.rendering.theme import Theme

LEAD = 200
"""Characters of a description that is made of the issue's own beginning."""
_SHORTEST_LEAD = 40
_MARKS = {"<!-- main -->": "<main>", "<!-- /main -->": "</main>"}
"""Comments that the frame's template writes around the content; MJML would close the element itself."""
_FOR_WORD = re.compile(
    r"<!--\[if [^\]]*\]>(?!<!-->).*?<!\[endif\]-->|<!--\[if !mso\]><!-->|<!--<!\[endif\]-->", re.DOTALL
)
"""HTML for Outlook for Windows alone, and the marks around HTML for every other client."""


def web_page(issue: Issue, theme: Theme) -> WebPage:
    """Return the page of an issue that was parsed without errors. Raises NewsletterError for a template's mistake."""
    html = compile_mjml(assemble(issue, theme, "web"))
    open_page = _open(issue, html)
    fields = {"web_url": f"{theme.publication.config.publication.url}/issues/{issue.slug}"}
    about = _about(issue, theme, open_page, fields)
    filled = joined(html_fragment(open_page.html, open_page))(fields)
    return WebPage(about=about, html=_for_browsers(filled, _head(about, theme, fields["web_url"])))


def _open(issue: Issue, html: str) -> CompiledMessage:
    """Return the page as a message whose slots are open."""
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


def _about(issue: Issue, theme: Theme, page: CompiledMessage, fields: Mapping[str, str]) -> About:
    def filled(text: str) -> str:
        return one_line(joined(text_fragment(text, page))(fields))

    # Link previews show the first picture.
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
    token, publication = issue.tag_store.token, theme.publication
    base = publication.config.publication.url
    for block in (piece for piece in issue.content if isinstance(piece, Block)):
        kind = theme.kinds.get(block.name, TEXT)
        pictured = [] if kind.sponsor_field else kind.fields_of(FieldType.IMAGE)
        for path in (block.fields.get(name, "") for name in pictured):
            if path and not token.search(path):
                alt = block.fields.get("alt", "")
                yield (
                    picture_url(publication.root, base, path),
                    "" if token.search(alt) else issue.tag_store.literal(alt),
                )


def _lead(issue: Issue) -> str:
    """Return the first paragraph of some length without a merge tag, cut at a word; empty when there is none."""
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
    described = json.dumps({key: value for key, value in facts.items() if value}, ensure_ascii=False)
    values = {"about": about, "url": url, "publication": config.publication, "facts": _in_script(described)}
    return theme.render("pages/issue_head.html", values)


def _in_script(text: str) -> Markup:
    """Return JSON that cannot end the script element that it is put in."""
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))


def _for_browsers(html: str, head: str) -> str:
    """Remove what only mail clients need, and add what only browsers and search engines need."""
    lean = _FOR_WORD.sub("", html).replace(' aria-roledescription="email"', "", 1)
    for mark, element in _MARKS.items():
        lean = lean.replace(mark, element, 1)
    before, closing, after = lean.partition("</head>")
    return f"{before}{head}{closing}{after}"
