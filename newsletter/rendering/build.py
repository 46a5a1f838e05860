"""Build an issue: from its file to a CompiledMessage that is ready to approve.

Parse, assemble, compile; the plain text comes from the same tokens. No readers, no database,
no network, no clock: the same files give the same bytes on every machine.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from datetime import datetime, time
from functools import cached_property
from pathlib import Path

from newsletter.config import PublicationSettings, ThemeSection
from newsletter.config.errors import locate
from newsletter.errors import Problem, Severity
from newsletter.issues.issue import Issue
from newsletter.issues.parse import parse_issue
from newsletter.issues.settings_check import check_settings
from newsletter.issues.tag_errors import check_templates_tags
from newsletter.messages.fragments import expressions_of, html_fragment, text_fragment
from newsletter.messages.mailing import Mailing, envelope
from newsletter.messages.types import CompiledMessage, Recipient, WebPage
from newsletter.rendering.assemble import Document, assemble, language_of, signup_url
from newsletter.rendering.colours import readable, unreadable
from newsletter.rendering.mjml import compile_mjml
from newsletter.rendering.plaintext import plain_content
from newsletter.rendering.source_map import without_marks
from newsletter.rendering.theme import Theme
from newsletter.rendering.web_page import web_page

SAMPLE_TOKEN = "sample"
"""The token in the links of built files and previews, which no reader has."""
_LINK = re.compile(r"<a\b[^>]*?\shref=(?:\"([^\"]*)\"|'([^']*)')")


@dataclass(frozen=True, kw_only=True)
class Built:
    """A built issue: the issue, its document, its message, and warnings for its author."""

    issue: Issue
    document: Document
    message: CompiledMessage
    warnings: tuple[Problem, ...]
    theme: Theme = field(repr=False)
    traced: str = field(default="", repr=False)
    """The HTML with the marks of source_map.py; empty unless the build was traced."""

    @cached_property
    def page(self) -> WebPage:
        """The issue as a web page, made on first use."""
        return web_page(self.issue, self.theme)

    @property
    def slots(self) -> list[str]:
        """The open slots as their author wrote them, each once, in order."""
        message = self.message
        trees = (
            text_fragment(message.subject, message),
            html_fragment(message.html, message),
            text_fragment(message.text, message),
        )
        return list(dict.fromkeys(name for tree in trees for name in expressions_of(tree)))


def build_issue(publication: PublicationSettings, path: Path, theme: Theme | None = None) -> Built:
    """Build an issue file; builds that share a `theme` share its compiled templates.

    Raises IssueError with every mistake in the file, NewsletterError for a mistake in a template, ConfigError for
    one in the settings.
    """
    check_settings(publication)
    theme = theme or Theme(publication=publication)
    return build(parse_issue(path, publication, theme.kinds, theme.templates), theme)


def build(issue: Issue, theme: Theme, *, traced: bool = False) -> Built:
    """Build an issue that was parsed without errors; if `traced`, with the marked HTML beside the message.

    Raises NewsletterError for a mistake in a template.
    """
    publication = theme.publication
    tags_of_author = len(issue.tag_store.tags)
    document = assemble(issue, theme, traced=traced)
    text = plain_text(issue, theme)
    # Tags beyond the author's were made by templates with tag(...): their mistakes are the template's.
    check_templates_tags(issue.tag_store.tags[tags_of_author:], publication.config.fields)
    page = compile_mjml(document)
    html = without_marks(page) if traced else page
    message = compiled(issue, html, text, language_of(issue, theme).code)
    warnings = (*issue.warnings, *_theme_warnings(publication))
    return Built(
        issue=issue,
        document=document,
        message=message,
        warnings=warnings,
        theme=theme,
        traced=page if traced else "",
    )


def plain_text(issue: Issue, theme: Theme) -> str:
    """Return the text part: the content inside `templates/issue.txt`."""
    publication = theme.publication
    language = language_of(issue, theme)
    values = {
        **language.for_templates(str),
        "publication": publication.config.publication,
        "issue": issue,
        "date_line": language.date_line(issue.date),
        "list_title": publication.config.lists[issue.list].title,
        "content": plain_content(issue, publication.config, theme.kinds, signup_url(publication, issue.list), language),
        "signup": language.signup(publication.config.signup) if issue.wants_signup else None,
        "signup_url": signup_url(publication, issue.list),
        "tag": issue.tag_store.own,
    }
    return issue.tag_store.literal(theme.render_text("issue.txt", values))


def sample_recipient(publication: PublicationSettings, slug: str) -> Recipient:
    """Return the reader of built files: without a name, with a fixed token in the links."""
    url = publication.config.publication.url
    fields = {
        "email": "reader@example.com",
        "unsubscribe_url": f"{url}/unsubscribe/{SAMPLE_TOKEN}",
        "preferences_url": f"{url}/preferences/{SAMPLE_TOKEN}",
        "web_url": web_url(publication, slug),
    }
    return Recipient(delivery_id="0.0", email="reader@example.com", fields=fields)


def sample_mailing(publication: PublicationSettings, built: Built) -> Mailing:
    """Return the mailing of `message.eml`, dated the issue's day at 00:00 in the publication's zone."""
    # A fixed time, so that the file has equal bytes whenever it is built.
    midnight = datetime.combine(built.issue.date, time(), tzinfo=publication.config.publication.timezone)
    return Mailing(built.message, envelope(publication, built.issue.list, midnight, built.message.digest[:8]))


def web_url(publication: PublicationSettings, slug: str) -> str:
    """Return the address of an issue's archive page."""
    return f"{publication.config.publication.url}/issues/{slug}"


def compiled(issue: Issue, page: str, text: str, language: str) -> CompiledMessage:
    """Return the message of an issue: its HTML and text, and its tags as their author wrote them."""
    tag_store = issue.tag_store
    return CompiledMessage(
        slug=issue.slug,
        subject=tag_store.literal(issue.subject),
        preheader=tag_store.literal(issue.preheader),
        html=page,
        text=text,
        tags=tuple(tag.canonical for tag in tag_store.tags),
        prefix=f"{tag_store.base}M",
        links=_links(page),
        language=language,
    )


def _links(page: str) -> tuple[str, ...]:
    addresses = (html.unescape(double_quoted or single_quoted) for double_quoted, single_quoted in _LINK.findall(page))
    return tuple(dict.fromkeys(addresses))


def _better(theme: ThemeSection, setting: str) -> str:
    """Return which colour of this hue can be read; empty when the other colours leave room for none."""
    colour = readable(theme, setting)
    return f'Write {setting} = "{colour}", the nearest that can be read.' if colour else ""


def _theme_warnings(publication: PublicationSettings) -> list[Problem]:
    """Return a warning for each colour of newsletter.toml that makes text hard to read."""
    text = publication.path.read_text(encoding="utf-8")
    return [
        Problem(
            rule="NL205",
            message=f"[theme] {setting}: {why}",
            path=publication.path.name,
            line=locate(text, ["theme", setting]),
            severity=Severity.WARNING,
            hint=_better(publication.config.theme, setting),
        )
        for setting, why in unreadable(publication.config.theme)
    ]
