"""Rules about the subject and the preheader, which inboxes show."""

from __future__ import annotations

import re
from collections.abc import Iterator

from newsletter.checks.context.context import Context
from newsletter.checks.context.rule import WARNING, Example, Finding, Scope, rule
from newsletter.issues.front_matter import is_misspelt

SHORT, LONG = 10, 78
"""Characters of a subject: a shorter one says too little, and no inbox shows the end of a longer one."""
PREHEADER_SHORT, PREHEADER_LONG = 30, 140
"""Characters: behind a shorter one inboxes show words of the body, and none shows the end of a longer one."""
_REPLY = re.compile(r"(re|fw|fwd|aw|wg)\s*:", re.IGNORECASE)


@rule(
    "NL506",
    WARNING,
    Scope.SOURCE,
    summary="The subject has fewer than 10 or more than 78 characters, is in capitals, has `!!`, or begins with `Re:`.",
    why="Inboxes cut long subjects; capitals, `!!` and a false `Re:` look like spam to filters and people.",
    fix="Say what the issue is about in 10 to 78 characters.",
    fires=Example(front='subject: "CHIP RULES ARE HERE!!"'),
    passes=Example(front='subject: "Chip rules are here"'),
)
def _weak_subject(context: Context) -> Iterator[Finding]:
    spot = context.front_spot("subject")
    text = context.written(context.issue.subject)
    # The names inside merge tags are not what readers see.
    letters = [c for c in re.sub(r"\{[{%].*?[%}]\}", "", text) if c.isalpha()]
    if text and len(text) < SHORT:
        why = "Readers choose by the subject which emails they open."
        yield Finding.at(spot, f"the subject has {len(text)} characters", hint="Say what the issue is about.", why=why)
    if len(text) > LONG:
        message = f"the subject has {len(text)} characters; inboxes show {LONG} at most"
        yield Finding.at(spot, message, why="The end is cut off, on phones after about 40 characters.")
    # A few capitals are a name or an abbreviation.
    if len(letters) > 7 and all(c.isupper() for c in letters):
        why = "Capitals look like spam, to filters and to people."
        yield Finding.at(spot, "the subject is all capitals", hint="Write it as a sentence.", why=why)
    if signs := re.search(r"[!?]{2,}", text):
        why = "Rows of signs look like spam, to filters and to people."
        yield Finding.at(spot, f'the subject shouts "{signs[0]}"', hint="One sign is enough.", why=why)
    if prefix := _REPLY.match(text):
        message = f'the subject begins with "{prefix[0]}" as if it were an answer'
        why = "Readers have not written to you: a false answer looks like spam, to filters and to people."
        yield Finding.at(spot, message, hint="Begin with what it says.", why=why)


@rule(
    "NL507",
    WARNING,
    Scope.SOURCE,
    summary="The preheader is missing, shorter than 30 or longer than 140 characters, or repeats the subject.",
    why="Inboxes show it after the subject; without one they show the first words of the body.",
    fix="Say in 30 to 140 characters what the subject leaves out, the most important first.",
    fires=Example(front='preheader: "View in browser"'),
    passes=Example(front='preheader: "What the new export controls change, in four minutes."'),
)
def _weak_preheader(context: Context) -> Iterator[Finding]:
    spot = context.front_spot("preheader")
    text = context.written(context.issue.preheader)
    if not text and (not context.front.is_readable or is_misspelt(context.front, "preheader")):
        return  # the parser reports what keeps it from being read
    if not text:
        hint = "Add `preheader: ...` below the subject."
        yield Finding.at(context.front_spot("subject"), "there is no preheader", hint=hint)
    elif re.match(r"view (this |it )?(email |issue )?(in|on) ", text, re.IGNORECASE):
        why = "Inboxes show it after the subject, where it could say why to open the issue."
        yield Finding.at(spot, "the preheader says only how to see the issue elsewhere", why=why)
    elif text.casefold().strip(" .!?") == context.written(context.issue.subject).casefold().strip(" .!?"):
        why = "Inboxes show it right after the subject: readers would read the same words twice."
        yield Finding.at(spot, "the preheader repeats the subject", why=why)
    elif len(text) < PREHEADER_SHORT:
        why = "Inboxes fill the rest of its line with the first words of the body."
        yield Finding.at(spot, f"the preheader has only {len(text)} characters", why=why)
    elif len(text) > PREHEADER_LONG:
        why = "No inbox shows so much of it; the end is cut off."
        yield Finding.at(spot, f"the preheader has {len(text)} characters", why=why)


@rule(
    "NL510",
    WARNING,
    Scope.SOURCE,
    summary="The subject repeats that of the issue before.",
    why="Gmail shows emails with one subject as one conversation and folds away the words they repeat.",
    fix="Say what is new in this issue.",
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
)
def _same_as_before(context: Context) -> Iterator[Finding]:
    before = context.earlier.before(context.issue.path, context.issue.date)
    text = context.written(context.issue.subject)
    if before and text and before.subject == text:
        message = f"{before.path.name}, the issue before, has the same subject"
        yield Finding.at(context.front_spot("subject"), message)
