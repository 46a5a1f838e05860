"""Compile the emails for readers who join: confirmations, "you get it already", and welcome issues.

`newsletter serve` compiles them once when it starts, in every language, from `templates/emails/` and in the look of an
issue. The web server takes them finished, since it cannot build.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import msgspec

from newsletter.checks.rules.starters import STARTER_TEXT
from newsletter.checks.run import check_issues
from newsletter.checks.selection import Selection
from newsletter.config import PublicationSettings
from newsletter.errors import IssueError
from newsletter.issues.issue import Issue, issue_files
from newsletter.issues.summaries import is_welcome
from newsletter.messages.merge_tags import TagStore
from newsletter.messages.types import CompiledMessage
from newsletter.rendering.assemble import assemble, language_of
from newsletter.rendering.build import Built, build_issue, compiled
from newsletter.rendering.mjml import compile_mjml
from newsletter.rendering.theme import Theme
from newsletter.rendering.translations import Language
from newsletter.subscribers.transactional_queue import TransactionalKind
from newsletter.subscribers.welcomes import Welcome

EVERY = ""
"""The language code of welcomes: they are sent in their author's language to every reader."""


@dataclass(frozen=True, kw_only=True)
class SignupEmails:
    """The compiled messages by name and language, and the welcomes of each list with their delays."""

    messages: Mapping[tuple[str, str], CompiledMessage]
    welcomes: tuple[Welcome, ...]


def compile_signup_emails(publication: PublicationSettings) -> SignupEmails:
    """Compile every sign-up email. Raises IssueError for a wrong welcome issue, NewsletterError for a template."""
    theme = Theme(publication=publication)
    messages = {
        (str(kind), code): _compile(kind, _in_language(publication, code))
        for code in theme.translations.codes
        for kind in (TransactionalKind.CONFIRMATION, TransactionalKind.ALREADY, TransactionalKind.SUNSET)
    }
    built = [_welcome(publication, path, theme) for path in issue_files(publication) if is_welcome(path)]
    return SignupEmails(
        messages=messages | {(each.issue.slug, EVERY): each.message for each in built},
        welcomes=tuple(
            Welcome(slug=each.issue.slug, list=each.issue.list, after=each.issue.after)
            for each in sorted(built, key=lambda each: each.issue.after)
        ),
    )


def _welcome(publication: PublicationSettings, path: Path, theme: Theme) -> Built:
    """Build a welcome issue. Raises IssueError, also for text of a starter that nobody has replaced."""
    built = build_issue(publication, path, theme)
    problems = next(iter(check_issues(publication, [path], Selection(select=(STARTER_TEXT,)), theme))).problems
    if starters := [problem for problem in problems if problem.rule == STARTER_TEXT]:
        raise IssueError(starters)
    return built


def _in_language(publication: PublicationSettings, code: str) -> PublicationSettings:
    """Return the publication with all its lists in another language."""
    config = publication.config
    settings = msgspec.structs.replace(config.publication, language=code)
    lists = {name: msgspec.structs.replace(each, language="") for name, each in config.lists.items()}
    return replace(publication, config=msgspec.structs.replace(config, publication=settings, lists=lists))


def _compile(kind: TransactionalKind, publication: PublicationSettings) -> CompiledMessage:
    theme = Theme(publication=publication)
    language = language_of(frame(str(kind), publication), theme)
    subject = _subject(kind, language, publication.config.publication.name)
    more = {"days": publication.config.signup.confirm_within.delta.days}
    return compile_email(str(kind), publication, subject, more)


def compile_email(
    name: str, publication: PublicationSettings, subject: str, more: Mapping[str, object]
) -> CompiledMessage:
    """Compile an email of `templates/emails/<name>` in the look of an issue; `more` are values for its templates."""
    theme = Theme(publication=publication)
    issue = replace(frame(name, publication), subject=subject)
    language = language_of(issue, theme)
    page = compile_mjml(assemble(issue, theme, more=more))
    values = {
        **language.for_templates(str),
        "publication": publication.config.publication,
        "tag": issue.tag_store.own,
        **more,
    }
    text = issue.tag_store.literal(theme.render_text(f"{issue.template}.txt", values))
    return compiled(issue, page, text, language.code)


def _subject(kind: TransactionalKind, language: Language, name: str) -> str:
    if kind is TransactionalKind.CONFIRMATION:
        return language.gettext("Please confirm: %(publication)s", publication=name)
    if kind is TransactionalKind.SUNSET:
        return language.gettext("Do you still want %(publication)s?", publication=name)
    return language.gettext("You get %(publication)s already", publication=name)


def frame(name: str, publication: PublicationSettings) -> Issue:
    """Return an issue without content, for the frame around the text of a template."""
    return Issue(
        path=publication.path,
        slug=name,
        subject="",
        preheader="",
        date=date.min,
        author="",
        list=publication.default_list,
        segment=None,
        send_at=None,
        template=f"emails/{name}",
        signup=False,
        archive=False,
        kind="welcome",
        after=timedelta(0),
        content=(),
        body_line=1,
        tag_store=TagStore(),
    )
