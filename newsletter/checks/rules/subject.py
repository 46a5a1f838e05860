"""Rules about what an inbox shows: the subject and the preheader."""

from __future__ import annotations

import re
from collections.abc import Iterator

from newsletter.checks.context.context import Context
from newsletter.checks.context.rule import WARNING, Example, Finding, Rule, Scope

SHORT, LONG = 10, 78
"""Characters of a subject: below, nobody knows what it is about; above, no inbox shows the end."""
PREHEADER_SHORT, PREHEADER_LONG = 30, 140
"""Characters: below, inboxes go on with the first words of the body; above, none shows the end."""
_ASKED_FOR = re.compile(r"(re|fw|fwd|aw|wg)\s*:", re.IGNORECASE)


def _subject(context: Context) -> Iterator[Finding]:
    text = context.written(context.issue.subject)
    letters = [c for c in re.sub(r"\{[{%].*?[%}]\}", "", text) if c.isalpha()]
    if text and len(text) < SHORT:
        yield _at(context, "subject", f"the subject has {len(text)} characters", "Say what the issue is about.")
    if len(text) > LONG:
        yield _at(context, "subject", f"the subject has {len(text)} characters; inboxes show {LONG} at most")
    if len(letters) > 7 and all(c.isupper() for c in letters):
        yield _at(context, "subject", "the subject is all capitals", "Write it as a sentence.")
    if found := re.search(r"[!?]{2,}", text):
        yield _at(context, "subject", f'the subject shouts "{found[0]}"', "One sign is enough.")
    if found := _ASKED_FOR.match(text):
        hint = "Begin with what it says."
        yield _at(context, "subject", f'the subject begins with "{found[0]}" as if it were an answer', hint)


def _preheader(context: Context) -> Iterator[Finding]:
    text = context.written(context.issue.preheader)
    if not text:
        yield _at(context, "subject", "there is no preheader", "Add `preheader: ...` below the subject.")
    elif re.match(r"view (this |it )?(email |issue )?(in|on) ", text, re.IGNORECASE):
        yield _at(context, "preheader", "the preheader says only how to see the issue elsewhere")
    elif text.casefold().strip(" .!?") == context.written(context.issue.subject).casefold().strip(" .!?"):
        yield _at(context, "preheader", "the preheader repeats the subject")
    elif not PREHEADER_SHORT <= len(text) <= PREHEADER_LONG:
        yield _at(context, "preheader", f"the preheader has {len(text)} characters")


def _same_as_before(context: Context) -> Iterator[Finding]:
    before = context.earlier.before(context.issue.path, context.issue.date)
    text = context.written(context.issue.subject)
    if before and text and before.subject == text:
        yield _at(context, "subject", f"{before.path.name}, the issue before, has the same subject")


def _at(context: Context, key: str, message: str, hint: str = "") -> Finding:
    spot = context.front_spot(key)
    return Finding(message=message, line=spot.line, column=spot.column, width=spot.width, hint=hint)


RULES = (
    Rule(
        id="NL506",
        severity=WARNING,
        scope=Scope.SOURCE,
        summary="The subject has fewer than 10 or more than 78 characters, shouts, or begins with `Re:`.",
        why="Inboxes cut long subjects; capitals, `!!` and a false Re: are what spam looks like to filters and people.",
        fix="Say what the issue is about in 10 to 78 characters.",
        fires=Example(front='subject: "CHIP RULES ARE HERE!!"'),
        passes=Example(front='subject: "Chip rules are here"'),
        find=_subject,
    ),
    Rule(
        id="NL507",
        severity=WARNING,
        scope=Scope.SOURCE,
        summary="The preheader is missing, shorter than 30 or longer than 140 characters, or repeats the subject.",
        why="Inboxes show it after the subject; without one they show the first words of the body.",
        fix="Say in 30 to 140 characters what the subject left out, the most important first.",
        fires=Example(front='preheader: "View in browser"'),
        passes=Example(front='preheader: "What the new export controls change, in four minutes."'),
        find=_preheader,
    ),
    Rule(
        id="NL510",
        severity=WARNING,
        scope=Scope.SOURCE,
        summary="The subject is the same as that of the issue before.",
        why="Gmail shows mails of one subject as one conversation and folds away what repeats.",
        fix="Say what is new.",
        fires=Example(
            front='subject: "Your chip news of the day"',
            files={
                "issues/2025-01-16-before.md": '---\nsubject: "Your chip news of the day"\n---\nGood morning.\n',
            },
            shown='subject: "Your chip news of the day", and so had yesterday\'s issue',
        ),
        passes=Example(
            front='subject: "Chip rules, workflow agents and a camera"',
            files={
                "issues/2025-01-16-before.md": '---\nsubject: "Your chip news of the day"\n---\nGood morning.\n',
            },
        ),
        find=_same_as_before,
    ),
)
