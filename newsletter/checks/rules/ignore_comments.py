"""What an author tells `check` in comments: `nl-ignore`, with a reason, and `review`.

In the body `<!-- nl-ignore NL210: a quotation -->`, in the front matter `# nl-ignore NL506: a name`:
at the end of a line for that line, on a line of its own for the next.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from newsletter.checks.context.context import Context
from newsletter.checks.context.places import code_lines
from newsletter.checks.context.rule import WARNING, Example, Finding, Rule, Scope, found_while_parsing
from newsletter.errors import Problem


class Comment(NamedTuple):
    """A comment of an issue file: its text and place, and the line it speaks of."""

    text: str
    line: int
    column: int
    width: int
    target: int


@dataclass(frozen=True, kw_only=True)
class Ignore:
    """One `nl-ignore`."""

    rules: tuple[str, ...]
    reason: str
    comment: Comment
    is_front: bool
    """In the front matter, where it also speaks for the issue as a whole: for line 1."""

    def silences(self, problem: Problem) -> bool:
        """Whether it speaks of this problem."""
        here = problem.line == self.comment.target or (self.is_front and problem.line == 1)
        return here and problem.rule in self.rules


def comments(context: Context) -> Iterator[Comment]:
    """Every comment of the file, but what stands in code."""
    for number in range(2, context.body_line - 1):
        line = context.line(number)
        if found := re.search(r"(?:^|\s)(#\s*((?:nl-ignore|review)\b.*))", line):
            alone = line.lstrip().startswith("#")
            target = _next(context, number + 1, "#") if alone else number
            yield Comment(found[2], number, found.start(1) + 1, len(found[1]), target)
    yield from _in_body(context)


def _in_body(context: Context) -> Iterator[Comment]:
    code = code_lines(context)
    text = "\n".join(context.lines[context.body_line - 1 :])
    line, end, target = context.body_line, 0, 0
    while (start := text.find("<!--", end)) >= 0 and (stop := text.find("-->", start)) >= 0:
        line += text.count("\n", end, start)
        end = stop + 3
        whole = text[start:end]
        last = line + whole.count("\n")
        column = start - text.rfind("\n", 0, start)
        alone = not context.line(line)[: column - 1].strip() and context.line(last).rstrip().endswith("-->")
        if alone and target <= last:
            target = _next(context, last + 1, "<!--")
        if line not in code:
            width = len(whole.partition("\n")[0])
            yield Comment(whole[4:-3], line, column, width, target if alone else line)
        line = last


def _next(context: Context, line: int, opening: str) -> int:
    """The first line from `line` on that is not a comment itself."""
    while context.line(line).lstrip().startswith(opening):
        line += 1
    return line


def ignores(context: Context) -> list[Ignore]:
    """Every `nl-ignore` that names rules and a reason."""
    read = ((comment, _read(comment)) for comment in comments(context) if _is_ignore(comment))
    return [
        Ignore(rules=rules, reason=reason, comment=comment, is_front=comment.line < context.body_line)
        for comment, (rules, reason) in read
        if rules and reason
    ]


def _is_ignore(comment: Comment) -> bool:
    return comment.text.strip().startswith("nl-ignore")


def _read(comment: Comment) -> tuple[tuple[str, ...], str]:
    rules, _, reason = comment.text.strip().removeprefix("nl-ignore").partition(":")
    return tuple(re.findall(r"\bNL\d{3}\b", rules)), reason.strip()


def unused(found: Iterable[Ignore], problems: Iterable[Problem], asked: Iterable[str]) -> Iterator[Finding]:
    """The ignores that no problem needed, of rules that were asked."""
    problems, asked = list(problems), set(asked)
    for ignore in found:
        for rule in ignore.rules:
            if rule in asked and not any(ignore.silences(p) and p.rule == rule for p in problems):
                comment = ignore.comment
                message = f"nothing on line {comment.target} breaks {rule}"
                yield Finding(message=message, line=comment.line, column=comment.column, width=comment.width)


def _unexplained(context: Context) -> Iterator[Finding]:
    for comment in comments(context):
        if _is_ignore(comment):
            rules, reason = _read(comment)
            if not rules or not reason:
                message = "nl-ignore gives no reason" if rules else "nl-ignore names no rule"
                yield Finding(message=message, line=comment.line, column=comment.column, width=comment.width)


def _not_reviewed(context: Context) -> Iterator[Finding]:
    for comment in comments(context):
        if re.match(r"review\b", comment.text.strip()):
            message = "this was drafted and is not reviewed"
            yield Finding(message=message, line=comment.line, column=comment.column, width=comment.width)


_LINK = "[click here](https://example.com/exports)"

RULES = (
    Rule(
        id="NL014",
        severity=WARNING,
        scope=Scope.SOURCE,
        summary="An `nl-ignore` names no rule or gives no reason; it counts for nothing.",
        why="Whoever edits the issue next has to know whether the reason still holds.",
        fix="Write `<!-- nl-ignore NL210: why it is right here -->`.",
        fires=Example(body=f"The button says {_LINK}. <!-- nl-ignore NL210 -->"),
        passes=Example(body=f"The button says {_LINK}. <!-- nl-ignore NL210: quotes the button -->"),
        find=_unexplained,
    ),
    Rule(
        id="NL015",
        severity=WARNING,
        scope=Scope.SOURCE,
        summary="An `nl-ignore` that no problem needs.",
        why="It would hide the next mistake on its line.",
        fix="Remove the comment.",
        fires=Example(body="Good morning. <!-- nl-ignore NL210: quotes the button -->"),
        passes=Example(body=f"The button says {_LINK}. <!-- nl-ignore NL210: quotes the button -->"),
        find=found_while_parsing,
    ),
    Rule(
        id="NL016",
        severity=WARNING,
        scope=Scope.SOURCE,
        summary="A sentence that was drafted from a source is still marked for review.",
        why="`newsletter draft` quotes its sources; somebody has to read the quotation before readers do.",
        fix="Read it, put it into your own words, and remove `<!-- review -->`.",
        fires=Example(body="The vote was put off by a week. <!-- review -->"),
        passes=Example(body="The vote was put off by a week."),
        find=_not_reviewed,
    ),
)
