"""The front matter of an issue: the keys it may have, and the check and value of each.

front_matter_yaml.py reads the YAML; mistakes in the values go to the ParseState.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

from newsletter.errors import suggestion
from newsletter.issues.front_matter_yaml import FrontMatter, FrontMatterValue
from newsletter.issues.issue import KINDS, Kind, date_of, same_slug, slug_of
from newsletter.issues.parse_state import ParseState
from newsletter.times import Duration, Moment, parse_moment

KEYS = (
    *("subject", "preheader", "date", "author", "list", "segment", "send_at", "template", "signup", "archive"),
    *("kind", "after"),
)
"""The keys of front matter."""


def read_line(value: FrontMatterValue | None) -> str:
    """Return a value on one line: line breaks of a folded value become spaces."""
    return re.sub(r"[ \t\r\n]+", " ", value.text).strip(" ") if value else ""


def check_keys(state: ParseState, front: FrontMatter) -> None:
    """Add a mistake for each unknown key, and for a missing or empty subject."""
    for name, (line, column) in front.places.items():
        if name not in KEYS:
            state.add_problem("NL002", f'no key is named "{name}"', line, column, suggestion(name, KEYS, "Keys"))
    subject = front.values.get("subject")
    # After broken YAML a missing subject would be a mistake that follows from another.
    if "subject" not in front.places and not any(p.rule == "NL001" for p in state.problems):
        state.add_problem("NL001", "the subject is missing", 1, 1, "Add `subject: ...` to the front matter.")
    elif subject and not subject.text.strip():
        state.add_problem(
            "NL001", "the subject is empty", subject.line, subject.column, "Readers choose by it: write one."
        )


def check_slug(state: ParseState, path: Path) -> None:
    """Add a mistake when another file has the slug of this one."""
    if namesake := same_slug(state.publication, path):
        hint = f"{namesake.name} has it too; rename one."
        state.add_problem("NL001", f'the slug "{slug_of(path)}" is not unique in the publication', 1, 1, hint)


def read_date(state: ParseState, path: Path, front: FrontMatter) -> date:
    """Return the front matter's date, else the file name's; without either `date.min`, and a mistake."""
    value = front.values.get("date")
    if value and not value.is_null:
        try:
            return date.fromisoformat(value.text.strip())
        except ValueError:
            state.add_problem(
                "NL011", f'date: "{value.text}" is not a date', value.line, value.column, "Write it as 2025-01-17."
            )
    # A file name that begins with a date needs none in its front matter.
    elif (file_date := date_of(path)) is not None:
        return file_date
    elif not any(p.rule == "NL001" for p in state.problems):
        state.add_problem(
            "NL001", "the issue has no date", 1, 1, "Add `date: 2025-01-17`, or begin the file name with one."
        )
    return date.min


def read_known(
    state: ParseState, value: FrontMatterValue | None, what: str, known: Mapping[str, object] | frozenset[str]
) -> str:
    """Return a name, and add a mistake when it is not among the known ones; `what` names its key."""
    name = read_line(value)
    if value and name and name not in known:
        hint = suggestion(name, known, f"{what.title()}s") or f"newsletter.toml has no {what}s."
        state.add_problem("NL011", f'{what}: there is no {what} "{name}"', value.line, value.column, hint)
    return name


def read_send_at(state: ParseState, value: FrontMatterValue | None) -> Moment | None:
    """Return the time to send at, in the publication's time zone unless it names another."""
    if not value or not value.text.strip():
        return None
    try:
        return parse_moment(value.text, state.publication.config.publication.timezone)
    except ValueError as error:
        state.add_problem("NL011", f"send_at: {error}", value.line, value.column)
        return None


SWITCHES = {
    "signup": "Write `signup: false` to leave the block out.",
    "archive": "Write `archive: false` to keep the issue off the web.",
}
"""Keys that are `true` or `false`, and the hint for any other value."""


def read_switch(state: ParseState, front: FrontMatter, key: str) -> bool:
    """Return a switch: `true`, which is the default, or `false`."""
    value = front.values.get(key)
    text = value.text.strip().lower() if value else "true"
    if value and text not in ("true", "false"):
        message = f'{key}: "{value.text}" is not true or false'
        state.add_problem("NL011", message, value.line, value.column, SWITCHES[key])
    return text != "false"


def read_kind(state: ParseState, front: FrontMatter) -> Kind:
    """Return the kind of the file: an issue, unless it says `kind: welcome`."""
    value = front.values.get("kind")
    name = read_line(value)
    if value and name and name not in KINDS:
        hint = suggestion(name, KINDS, "Kinds")
        state.add_problem("NL011", f'kind: there is no kind "{name}"', value.line, value.column, hint)
    return "welcome" if name == "welcome" else "issue"


def read_after(state: ParseState, front: FrontMatter, kind: Kind) -> timedelta:
    """Return the time between a reader's joining and a welcome."""
    value = front.values.get("after")
    if not value or not value.text.strip():
        return timedelta(0)
    if kind != "welcome":
        hint = "It says when a welcome is sent: add `kind: welcome`, or remove it."
        state.add_problem("NL011", "after: this is no welcome", value.line, value.column, hint)
    try:
        return Duration(value.text.strip()).delta
    except ValueError as error:
        state.add_problem("NL011", f"after: {error}", value.line, value.column)
        return timedelta(0)
