"""The front matter of an issue: the keys it may have, and the check and value of each.

front_matter_yaml.py reads the YAML; mistakes in the values go to the ParseState.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

from newsletter.errors import nearest, suggestion
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
            message = f'no key is named "{name}"'
            state.add_problem("NL002", message, line, column, suggestion(name, KEYS, "Keys"), width=len(name))
    subject = front.values.get("subject")
    # After broken YAML a missing subject would be a mistake that follows from another.
    if "subject" not in front.places and not any(p.rule == "NL001" for p in state.problems):
        state.add_problem("NL001", "the subject is missing", 1, 1, "Add `subject: ...` to the front matter.")
    elif subject and not subject.text.strip():
        state.add_problem(
            "NL001", "the subject is empty", subject.line, subject.column, "Write one, in 60 characters at most."
        )


def check_slug(state: ParseState, path: Path) -> None:
    """Add a mistake when another file has the slug of this one."""
    if namesake := same_slug(state.publication, path):
        hint = f"{namesake.name} has it too; rename one."
        why = "The slug is the address of the issue's web page, and names it on the command line."
        state.add_problem("NL001", f'the slug "{slug_of(path)}" is not unique in the publication', 1, 1, hint, why=why)


def read_date(state: ParseState, path: Path, front: FrontMatter) -> date:
    """Return the front matter's date, else the file name's; without either `date.min`, and a mistake."""
    value = front.values.get("date")
    if value and not value.is_null:
        try:
            return date.fromisoformat(value.text.strip())
        except ValueError:
            why = "The date puts the issues in order, and stands in the archive."
            _add(state, value, f'date: "{value.text}" is not a date', "Write it as 2025-01-17.", why)
    # A file name that begins with a date needs none in its front matter.
    elif (file_date := date_of(path)) is not None:
        return file_date
    elif not any(p.rule == "NL001" for p in state.problems):
        hint = "Add `date: 2025-01-17`, or begin the file name with one."
        why = "The date puts the issues in order, and stands in the archive."
        state.add_problem("NL001", "the issue has no date", 1, 1, hint, why=why)
    return date.min


def is_misspelt(front: FrontMatter, key: str) -> bool:
    """Tell whether an unknown key of the front matter probably means this one."""
    return any(name not in KEYS and nearest(name, KEYS) == key for name in front.places)


def _add(state: ParseState, value: FrontMatterValue, message: str, hint: str = "", why: str = "") -> None:
    """Add NL011 at a value."""
    state.add_problem("NL011", message, value.line, value.column, hint, width=value.width, why=why)


def read_known(
    state: ParseState, value: FrontMatterValue | None, what: str, known: Mapping[str, object] | frozenset[str]
) -> str:
    """Return a name, and add a mistake when it is not among the known ones; `what` names its key."""
    name = read_line(value)
    if value and name and name not in known:
        hint = suggestion(name, known, f"{what.title()}s") or f"newsletter.toml has no {what}s."
        _add(state, value, f'{what}: there is no {what} "{name}"', hint, _NEEDED[what])
    return name


_NEEDED = {
    "list": "The readers of the issue are those of its list.",
    "segment": "The readers of the issue are those of its segment.",
    "template": "The template is the design of the email.",
}
"""Why a name must be known, by its key."""


def read_send_at(state: ParseState, value: FrontMatterValue | None) -> Moment | None:
    """Return the time to send at, in the publication's time zone unless it names another."""
    if not value or not value.text.strip():
        return None
    try:
        return parse_moment(value.text, state.publication.config.publication.timezone)
    except ValueError as error:
        _add(state, value, f"send_at: {error}", why="`newsletter schedule` sends the issue at this time.")
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
        _add(state, value, message, SWITCHES[key], "Any other word could mean either.")
    return text != "false"


def read_kind(state: ParseState, front: FrontMatter) -> Kind:
    """Return the kind of the file: an issue, unless it says `kind: welcome`."""
    value = front.values.get("kind")
    name = read_line(value)
    if value and name and name not in KINDS:
        hint = suggestion(name, KINDS, "Kinds")
        why = "The kind says who gets it: an issue goes to a list, a welcome to each reader who joins."
        _add(state, value, f'kind: there is no kind "{name}"', hint, why)
    return "welcome" if name == "welcome" else "issue"


def read_after(state: ParseState, front: FrontMatter, kind: Kind) -> timedelta:
    """Return the time between a reader's joining and a welcome."""
    value = front.values.get("after")
    if not value or not value.text.strip():
        return timedelta(0)
    if kind != "welcome":
        hint = "It says when a welcome is sent: add `kind: welcome`, or remove it."
        _add(state, value, "after: this is no welcome", hint, "Only a welcome waits after a reader has joined.")
    try:
        return Duration(value.text.strip()).delta
    except ValueError as error:
        _add(state, value, f"after: {error}", why="It is the time between joining and this welcome.")
        return timedelta(0)
