"""Greetings: what somebody who joins is mailed, compiled before the first one does.

The confirmation and its sibling in every language, from `templates/emails/`, in the frame and the
look of an issue; and the welcome issues. Serving readers gets them finished: it cannot build.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

import msgspec

from newsletter.config import Publication
from newsletter.issues.issue import Issue, issue_files
from newsletter.issues.summaries import is_welcome
from newsletter.messages.merge_tags import TagStore
from newsletter.messages.types import CompiledMessage
from newsletter.rendering.assemble import assemble, language_of
from newsletter.rendering.build import build_issue, compiled
from newsletter.rendering.mjml import compile_mjml
from newsletter.rendering.theme import Theme
from newsletter.rendering.translations import Language
from newsletter.subscribers.double_opt_in import Welcome
from newsletter.subscribers.transactional_queue import TransactionalKind

EVERY = ""
"""Instead of a language: a welcome is in its author's."""


@dataclass(frozen=True, kw_only=True)
class SignupEmails:
    """The messages by name and language, and who gets which welcome when."""

    messages: Mapping[tuple[str, str], CompiledMessage]
    welcomes: tuple[Welcome, ...]


def compile_greetings(publication: Publication) -> SignupEmails:
    """All of them. Raises IssueError for a welcome issue that is wrong, NewsletterError for a template."""
    theme = Theme(publication=publication)
    letters = {
        (str(kind), code): _letter(kind, _speaking(publication, code))
        for code in theme.translations.codes
        for kind in (TransactionalKind.CONFIRMATION, TransactionalKind.ALREADY)
    }
    built = [build_issue(publication, path, theme) for path in issue_files(publication) if is_welcome(path)]
    return SignupEmails(
        messages=letters | {(one.issue.slug, EVERY): one.message for one in built},
        welcomes=tuple(
            Welcome(slug=one.issue.slug, list=one.issue.list, after=one.issue.after)
            for one in sorted(built, key=lambda one: one.issue.after)
        ),
    )


def _speaking(publication: Publication, code: str) -> Publication:
    """The publication as if it were in another language."""
    config = publication.config
    spoken = msgspec.structs.replace(config.publication, language=code)
    lists = {name: msgspec.structs.replace(one, language="") for name, one in config.lists.items()}
    return replace(publication, config=msgspec.structs.replace(config, publication=spoken, lists=lists))


def _letter(kind: TransactionalKind, publication: Publication) -> CompiledMessage:
    theme = Theme(publication=publication)
    issue = _frame(kind, publication)
    language = language_of(issue, theme)
    subject = _subject(kind, language, publication.config.publication.name)
    issue = replace(issue, subject=subject)
    more = {"days": publication.config.signup.confirm_within.delta.days}
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
    return language.gettext("You get %(publication)s already", publication=name)


def _frame(kind: TransactionalKind, publication: Publication) -> Issue:
    """What an issue's frame wants to know: an issue without content."""
    return Issue(
        path=publication.path,
        slug=str(kind),
        subject="",
        preheader="",
        date=date.min,
        author="",
        list=publication.default_list,
        segment=None,
        send_at=None,
        template=f"emails/{kind}",
        signup=False,
        archive=False,
        kind="welcome",
        after=timedelta(0),
        content=(),
        body_line=1,
        tag_store=TagStore(),
    )
