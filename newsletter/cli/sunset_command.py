"""`newsletter subscribers sunset`: ask inactive readers whether they still want it, and part with the silent ones."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from newsletter.campaigns.reports import readers
from newsletter.cli.options import json_option
from newsletter.cli.session import Session
from newsletter.config.segments import list_named
from newsletter.times import Duration, utc_now

if TYPE_CHECKING:
    _Parameter = click.ParamType[Duration]
else:
    _Parameter = click.ParamType  # a generic class from Click 8.3 on; 8.2 is allowed, too


class _Time(_Parameter):
    """A length of time: `180d`."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Duration:
        """Parse it, and say what is allowed."""
        try:
            time = Duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if not time.delta:
            self.fail("a time is needed, not `off`; write 180d", param, ctx)
        return time


@click.command()
@click.option("--inactive", type=_Time(), required=True, metavar="TIME", help="Who did nothing for so long: 180d")
@click.option("--after", type=_Time(), default="14d", show_default=True, metavar="TIME", help="Time to answer")
@click.option("--list", "list_name", metavar="LIST", help="Of this list  [default: the default list]")
@click.option("--dry-run", is_flag=True, help="Count them; ask and unsubscribe nobody")
@json_option("the numbers")
@click.pass_obj
def sunset_command(
    session: Session, inactive: Duration, after: Duration, list_name: str | None, dry_run: bool, as_json: bool
) -> None:
    """Ask inactive readers once whether they still want it, and unsubscribe who does not answer.

    Inactive is who was sent at least 5 campaigns in that time, and of whom no person opened or clicked anything;
    only [tracking] level = "individual" knows. `newsletter serve` sends the question. Run this once a day: it
    unsubscribes those whose time is over, and asks those who became inactive. Whoever opens, clicks, presses the
    button or changes anything stays.

    \b
    Examples:
        newsletter subscribers sunset --inactive 180d --dry-run
        newsletter subscribers sunset --inactive 180d --after 14d
    """
    from newsletter.publishing.sunset import Sunset, sunset

    wanted = Sunset(list=list_named(session.publication, list_name), inactive=inactive, after=after)
    report = sunset(session.publication, session.database, wanted, utc_now(), dry_run=dry_run)
    if as_json:
        click.echo(json.dumps(asdict(report)))
        return
    click.echo(f"{readers(report.inactive)} of {wanted.list} inactive for {inactive}")
    verb = "would be " if dry_run else ""
    click.echo(f"  {verb}asked now       {report.asked:>9,}")
    click.echo(f"  have time left  {report.waiting:>9,}")
    click.echo(f"  {verb}unsubscribed    {report.unsubscribed:>9,}")
    if report.asked and not dry_run:
        click.echo("The question waits: `newsletter serve` sends it.", err=True)
