"""The command line: a literal table of commands, each imported when it is run.

`newsletter --help` loads click and nothing heavy. Standard output is data, standard error is
narration. Errors raised on purpose end here, as one message and an exit code.
"""

from __future__ import annotations

import gc
import importlib
import os
import re
import sys

import click

from newsletter import __version__

COMMANDS = {
    "init": "Make a new publication.",
    "new": "Start an issue and print its path.",
    "draft": "Draft an issue from feeds and pages.",
    "digest": "Make one issue of the last days' issues.",
    "template": "Copy a template into the publication, to change it.",
    "check": "Check issues and print what is wrong, line by line.",
    "schema": "Print JSON Schema for editors.",
    "build": "Write the email of an issue to a folder.",
    "preview": "Show what readers will see, while you write.",
    "test": "Send a marked test of an issue to a few addresses.",
    "subscribers": "Add, import, export, list, show and remove readers.",
    "send": "Send an issue, to each reader once.",
    "schedule": "Schedule an issue to be sent at a time.",
    "run": "Send what is scheduled, when it is due.",
    "worker": "Send beside other machines, on PostgreSQL.",
    "workers": "List the workers that live, and what each sends.",
    "serve": "Serve the readers' pages: join, confirm, read, leave.",
    "push": "Hand an issue over to the server that sends it.",
    "approve": "Say that an issue may be sent as it is.",
    "report": "Show what a change does to issues, with pictures.",
    "archive": "Amend or withdraw the page of a sent issue.",
    "campaigns": "List every campaign and its state.",
    "status": "Show how far a campaign is: its deliveries by state.",
    "stats": "Show figures: growth, campaigns, mailbox providers.",
    "bench": "Measure sending on this machine; nobody is mailed.",
    "pause": "Stop handing over a campaign's messages.",
    "resume": "Let a paused campaign go on.",
    "cancel": "End a campaign for good.",
    "retry": "Send again what was rejected and may work now.",
    "reconcile": "Ask the provider about unknown deliveries.",
    "resolve": "Decide about unknown deliveries.",
    "why": "Show what happened to one reader's copy.",
    "suppressions": "List and change the addresses never mailed.",
    "bounces": "Read the mail that comes back.",
    "events": "Apply what providers reported once more.",
    "webhooks": "List what is still to be told to other programs.",
    "keys": "Make, list and revoke keys of the HTTP API.",
    "doctor": "Find out what would keep mail from arriving.",
    "backup": "Copy the database into one file, while it is in use.",
    "restore": "Put a backup in the place of the database.",
    "adopt": "Let a database that was copied here send from here.",
    "migrate": "Bring the database's tables up to date.",
    "database": "Copy everything to another database; delete what is old.",
}
"""Every command and its one line; `commands/<name>.py` holds it as `command`, but for those below."""
_FILES = dict.fromkeys(("pause", "resume", "cancel"), "campaign_state")
"""Commands that share a file of `commands/`, which holds each under its own name."""

_UNWRITABLE = re.compile(r"[\ud800-\udfff]")
"""Stands for a byte that is not UTF-8 (PEP 383)."""


def load_command(name: str) -> click.Command:
    """Import a command of COMMANDS."""
    module = importlib.import_module(f"newsletter.cli.commands.{_FILES.get(name, name)}")
    command = getattr(module, name if name in _FILES else "command")
    assert isinstance(command, click.Command)
    return command


class LazyGroup(click.Group):
    """Imports a command only when it is run or asked for its own help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Return one command, imported now; None when there is none of that name."""
        return load_command(name) if name in COMMANDS else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table, so that help imports nothing."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command a user means. Raises click.UsageError: with the nearest name, or about an argument."""
        _refuse_unwritable(args, ctx)
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from newsletter.errors import suggestion

            known = suggestion(args[0], COMMANDS, "Commands")
            raise click.UsageError(f'No command is named "{args[0]}".\n{known}', ctx)
        return super().resolve_command(ctx, args)


def _refuse_unwritable(args: list[str], ctx: click.Context) -> None:
    """Refuse an argument that is not UTF-8, unless it names a file: no database can keep it, and no page show it."""
    for argument in args:
        if not argument.isascii() and _UNWRITABLE.search(argument) and not os.path.lexists(argument):
            shown = os.fsencode(argument).decode("utf-8", "backslashreplace")
            raise click.UsageError(f'The argument "{shown}" is not UTF-8 text; write it in UTF-8.', ctx)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "color": True})
@click.option("--config", metavar="PATH", help="Another newsletter.toml  (env: NEWSLETTER_CONFIG)")
@click.option("--verbose", is_flag=True, help="Log what happens to standard error  (env: NEWSLETTER_LOG=info)")
@click.version_option(__version__, prog_name="newsletter")
@click.pass_context
def cli(ctx: click.Context, config: str | None, verbose: bool) -> None:
    """A newsletter as code: write an issue in a text file, send it to every reader once.

    \b
    Start here:
        newsletter init news && cd news
        newsletter new "Hello"
        newsletter preview
    """
    from newsletter.cli.logs import start_logging
    from newsletter.cli.session import Session

    # click would drop colour codes from what is piped, and say nothing: safe_output.py shows them instead.
    start_logging(verbose=verbose)
    ctx.obj = ctx.with_resource(Session(config))


def main() -> None:
    """Run the `newsletter` command, and turn errors raised on purpose into words and an exit code."""
    from newsletter.cli.safe_output import protect_terminal
    from newsletter.errors import NewsletterError

    protect_terminal()
    gc.set_threshold(20_000)  # imports make many objects and no garbage; looking for it so often shows in a build
    try:
        cli(standalone_mode=True)
    except NewsletterError as error:
        click.echo(f"newsletter: error: {error}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:  # a full disk, a closed pipe: what was meant for stdout cannot be written
        place = f"{error.filename}: " if error.filename else ""
        click.echo(f"newsletter: error: {place}{error.strerror or error}", err=True)
        _forget_stdout()
        sys.exit(1)


def _forget_stdout() -> None:
    """Close standard output: Python writes what is left in its buffer at exit, and would fail once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
