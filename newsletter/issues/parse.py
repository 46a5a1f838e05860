"""Parse an issue file into an Issue: the first of the three steps of a build.

Collects every mistake of the file before it raises; decides nothing about looks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from newsletter.config import PublicationSettings
from newsletter.errors import IssueError, Problem, Severity
from newsletter.issues import tag_errors
from newsletter.issues.blocks import BlockKind
from newsletter.issues.body import read_comments, read_content
from newsletter.issues.front_matter import (
    check_keys,
    check_slug,
    read_after,
    read_date,
    read_kind,
    read_known,
    read_line,
    read_send_at,
    read_switch,
)
from newsletter.issues.front_matter_yaml import FrontMatter, parse_front_matter
from newsletter.issues.issue import Block, Condition, Issue, issue_text, read_issue, shown_path, slug_of
from newsletter.issues.markdown.source import Source, read_source
from newsletter.issues.parse_state import ParseState
from newsletter.messages.merge_tags import MOST_TAGS, TagStore


def parse_issue(
    path: Path, publication: PublicationSettings, kinds: Mapping[str, BlockKind], templates: frozenset[str]
) -> Issue:
    """Read and check one file. Raises IssueError with every mistake in it.

    `kinds` are the known kinds of block, `templates` the names that `template:` may say.
    """
    issue, problems = inspect_issue(path, publication, kinds, templates)
    # Warnings travel with the issue; only errors stop a build.
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    if errors:
        raise IssueError(errors)
    return issue


def inspect_issue(
    path: Path,
    publication: PublicationSettings,
    kinds: Mapping[str, BlockKind],
    templates: frozenset[str],
    text: str | None = None,
) -> tuple[Issue, list[Problem]]:
    """Return as much of an issue as can be read, and every mistake in it; for `check` and the preview.

    `text` stands in for the file's own. Raises IssueError only when the file is no text, or has too many merge tags.
    An issue with errors must not be built.
    """
    shown = shown_path(publication, path)
    text = read_issue(path, shown) if text is None else issue_text(text.encode("utf-8", "replace"), shown)
    source = read_source(text)
    tag_store, hidden = source.tag_store, source.hidden
    _check_number(tag_store, shown)
    state = ParseState(
        publication=publication,
        kinds=kinds,
        templates=templates,
        shown=shown,
        lines=hidden.split("\n"),
        tag_store=tag_store,
    )
    front, problems = parse_front_matter(hidden, shown)
    _unquote_tags(tag_store, front.body_line)
    for problem in problems:
        place = (problem.line, problem.column)
        state.add_problem(problem.rule, problem.message, *place, problem.hint, width=problem.width, why=problem.why)
    return _issue(state, path, front, source), state.problems


def _check_number(tag_store: TagStore, shown: str) -> None:
    """Raise IssueError at the first merge tag too many: checking them all would take minutes."""
    for tags in (tag_store.tags, tag_store.unclosed):
        if len(tags) > MOST_TAGS:
            tag = tags[MOST_TAGS]
            message, hint = f"more than {MOST_TAGS:,} merge tags", "Split the issue, or write fewer."
            raise IssueError(
                [
                    Problem(
                        rule="NL007",
                        message=message,
                        path=shown,
                        line=tag.line,
                        column=tag.column,
                        hint=hint,
                        why="Each is worked out for each reader, so that sending would take days.",
                    )
                ]
            )


def _unquote_tags(tag_store: TagStore, body_line: int) -> None:
    """Undo YAML's doubled and escaped quotes inside merge tags: `'{{ x | default(''y'') }}'`."""
    for index, tag in enumerate(tag_store.tags):
        if tag.line <= body_line and not tag_errors.is_readable(tag):
            tag_store.tags[index] = replace(tag, source=tag.source.replace("''", "'").replace('\\"', '"'))


def _issue(state: ParseState, path: Path, front: FrontMatter, source: Source) -> Issue:
    content = read_content(state, source)
    values = front.values
    check_keys(state, front)
    check_slug(state, path)
    kind = read_kind(state, front)
    issue = Issue(
        path=path,
        slug=slug_of(path),
        subject=read_line(values.get("subject")),
        preheader=read_line(values.get("preheader")),
        date=read_date(state, path, front),
        author=read_line(values.get("author")),
        list=read_known(state, values.get("list"), "list", state.publication.config.lists)
        or state.publication.default_list,
        segment=read_known(state, values.get("segment"), "segment", state.publication.config.segments) or None,
        send_at=read_send_at(state, values.get("send_at")),
        template=read_known(state, values.get("template"), "template", state.templates) or "issue",
        signup=read_switch(state, front, "signup") and kind == "issue",  # the reader of a welcome has joined
        archive=read_switch(state, front, "archive") and kind == "issue",
        kind=kind,
        after=read_after(state, front, kind),
        content=content,
        body_line=front.body_line + 1,
        comments=tuple(read_comments(state, source)),
        notes=tuple(source.markdown.notes),
        tag_store=state.tag_store,
    )
    _check_tags(state, front, content)
    return _with_warnings(issue, state)


def _with_warnings(issue: Issue, state: ParseState) -> Issue:
    return replace(issue, warnings=tuple(p for p in state.problems if p.severity is not Severity.ERROR))


def _check_tags(state: ParseState, front: FrontMatter, content: tuple[Block | Condition, ...]) -> None:
    for finding in tag_errors.check_tags(
        state.tag_store, tag_errors.containers(front, content), state.publication.config.fields
    ):
        problem = Problem(
            rule="NL007",
            message=finding.message,
            path=state.shown,
            line=finding.line,
            column=finding.column,
            hint=finding.hint,
            why=finding.why,
            width=finding.width,
            severity=Severity.ERROR if finding.is_error else Severity.WARNING,
        )
        state.problems.append(problem)
