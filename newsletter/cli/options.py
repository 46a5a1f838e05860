"""Options that several commands take, each with one name and one help."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

Command = Callable[..., None]

list_option = click.option(
    "--list", "list_name", metavar="LIST", help="Whose readers get it  [default: the issue's list]"
)
segment_option = click.option(
    "--segment", metavar="SEGMENT", help="Which of them  [default: the issue's segment, else all]"
)
readers_of_option = click.option(
    "--to-readers-of", "readers_of", metavar="CAMPAIGN", help="Only those who got this campaign: a correction"
)
yes_option = click.option("--yes", is_flag=True, help="Do not ask")
allow_option = click.option("--allow", metavar="RULES", help="Errors of `check` to send with nevertheless: NL401,NL302")
priority_option = click.option(
    "--priority",
    type=click.Choice(("high", "normal", "low")),
    help="Go before or after other campaigns; those of one priority take turns  [default: normal]",
)


def json_option(what: str = "the campaign's status") -> Callable[[Command], Command]:
    """Give a command `--json`, as the parameter `as_json`; `what` is printed as JSON then."""
    return click.option("--json", "as_json", is_flag=True, help=f"Print {what} as JSON")


def audience_options(command: Command) -> Command:
    """Give a command the options that choose an issue's readers and rules: --list, --segment, --to-readers-of, ..."""
    options: tuple[Callable[[Any], Any], ...] = (
        list_option,
        segment_option,
        readers_of_option,
        yes_option,
        allow_option,
    )
    return functools.reduce(lambda wrapped, option: option(wrapped), reversed(options), command)
