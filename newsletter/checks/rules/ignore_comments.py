"""Comments for `check` in an issue file, `nl-ignore` and `review`, and the rules about them.

The body has `<!-- nl-ignore NL210: a quotation -->`, the front matter `# nl-ignore NL506: a name`. At the end of a
line a comment counts for that line, on a line of its own for the next.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from newsletter.checks.context.context import Context
from newsletter.checks.context.places import Spot
from newsletter.checks.context.rule import WARNING, Example, Finding, Scope, rule
from newsletter.errors import Problem


class PlacedComment(NamedTuple):
    """A comment of an issue file: its text, its place, and the line it counts for."""

    text: str
    spot: Spot
    target: int


@dataclass(frozen=True, kw_only=True)
class Ignore:
    """An `nl-ignore`: the rules that its author ignores, and why."""

    rules: tuple[str, ...]
    reason: str
    comment: PlacedComment
    is_front: bool
    """Tells whether it stands in the front matter, where it also counts for the issue as a whole: for line 1."""

    def silences(self, problem: Problem) -> bool:
        """Tell whether it ignores this problem."""
        here = problem.line == self.comment.target or (self.is_front and problem.line == 1)
        return here and problem.rule in self.rules


def comments(context: Context) -> Iterator[PlacedComment]:
    """Yield every comment of the file, except those in code."""
    # Line 1 and the line before the body are the `---` around the front matter.
    for number in range(2, context.body_line - 1):
        line = context.line(number)
        if match := re.search(r"(?:^|\s)(#\s*((?:nl-ignore|review)\b.*))", line):
            alone = line.lstrip().startswith("#")
            target = _next(context, number + 1, "#") if alone else number
            yield PlacedComment(match[2], Spot(number, match.start(1) + 1, len(match[1])), target)
    yield from _in_body(context)


def _in_body(context: Context) -> Iterator[PlacedComment]:
    target = 0
    for comment in context.issue.comments:
        line, last = comment.line, comment.line + comment.text.count("\n")
        alone = not context.line(line)[: comment.column - 1].strip() and context.line(last).rstrip().endswith("-->")
        if alone and target <= last:
            target = _next(context, last + 1, "<!--")
        room = len(context.line(line)) - comment.column + 1
        spot = Spot(line, comment.column, max(1, min(len(f"<!--{comment.text}-->"), room)))
        yield PlacedComment(comment.text, spot, target if alone else line)


def _next(context: Context, line: int, opening: str) -> int:
    """Return the first line from `line` on that is not a comment itself."""
    while context.line(line).lstrip().startswith(opening):
        line += 1
    return line


def ignores(context: Context) -> list[Ignore]:
    """Return every `nl-ignore` that names rules and a reason."""
    read = ((comment, _read(comment)) for comment in comments(context) if _is_ignore(comment))
    return [
        Ignore(rules=rules, reason=reason, comment=comment, is_front=comment.spot.line < context.body_line)
        for comment, (rules, reason) in read
        if rules and reason
    ]


def _is_ignore(comment: PlacedComment) -> bool:
    return comment.text.strip().startswith("nl-ignore")


def _read(comment: PlacedComment) -> tuple[tuple[str, ...], str]:
    rules, _, reason = comment.text.strip().removeprefix("nl-ignore").partition(":")
    return tuple(re.findall(r"\bNL\d{3}\b", rules)), reason.strip()


def unused(ignored: Iterable[Ignore], problems: Iterable[Problem], checked: Iterable[str]) -> Iterator[Finding]:
    """Yield a finding for each ignored rule that was checked and had no problem there."""
    problems, checked = list(problems), set(checked)
    for ignore in ignored:
        for id in ignore.rules:
            if id in checked and not any(ignore.silences(problem) and problem.rule == id for problem in problems):
                comment = ignore.comment
                yield Finding.at(comment.spot, f"nothing on line {comment.target} breaks {id}")


_LINK = "[click here](https://example.com/exports)"


@rule(
    "NL014",
    WARNING,
    Scope.SOURCE,
    summary="An `nl-ignore` names no rule or gives no reason, and so has no effect.",
    why="The next editor has to know whether the reason still holds.",
    fix="Write `<!-- nl-ignore NL210: why it is right here -->`.",
    fires=Example(body=f"The button says {_LINK}. <!-- nl-ignore NL210 -->"),
    passes=Example(body=f"The button says {_LINK}. <!-- nl-ignore NL210: quotes the button -->"),
)
def _unexplained_ignores(context: Context) -> Iterator[Finding]:
    for comment in comments(context):
        if _is_ignore(comment):
            rules, reason = _read(comment)
            if not rules or not reason:
                message = "nl-ignore gives no reason" if rules else "nl-ignore names no rule"
                yield Finding.at(comment.spot, message)


@rule(
    "NL016",
    WARNING,
    Scope.SOURCE,
    summary="A sentence that was drafted from a source is still marked for review.",
    why="`newsletter draft` quotes its sources; a person has to read each quotation before it is sent.",
    fix="Read it, put it into your own words, and remove `<!-- review -->`.",
    fires=Example(body="The vote was put off by a week. <!-- review -->"),
    passes=Example(body="The vote was put off by a week."),
)
def _not_reviewed(context: Context) -> Iterator[Finding]:
    for comment in comments(context):
        if re.match(r"review\b", comment.text.strip()):
            yield Finding.at(comment.spot, "this was drafted and is not reviewed")


@rule(
    "NL015",
    WARNING,
    Scope.SOURCE,
    summary="An `nl-ignore` names a rule that its line does not break.",
    why="It would hide the next mistake on its line.",
    fix="Remove the comment.",
    fires=Example(body="Good morning. <!-- nl-ignore NL210: quotes the button -->"),
    passes=Example(body=f"The button says {_LINK}. <!-- nl-ignore NL210: quotes the button -->"),
)
def _unused_ignores(_context: Context) -> Iterator[Finding]:
    """Yield nothing: `run` makes these findings with `unused`, after all other rules."""
    yield from ()
