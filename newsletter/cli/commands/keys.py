"""`newsletter keys`: the keys with which other programs use the HTTP API."""

from __future__ import annotations

import json

import click

from newsletter import api_keys
from newsletter.cli.options import json_option
from newsletter.cli.session import Session
from newsletter.times import utc_now


@click.group()
def command() -> None:
    """Make, list and revoke keys of the HTTP API.

    `newsletter serve` answers them with `[api] enabled = true`. Scopes: read, subscribers, campaigns, publish.

    \b
    Examples:
        newsletter keys add shop --scope read,subscribers
        newsletter keys list
        newsletter keys revoke shop
    """


@command.command()
@click.argument("name")
@click.option("--scope", "scopes", metavar="SCOPES", multiple=True, help="What it may do; required, repeatable")
@json_option("the key and its scopes")
@click.pass_obj
def add(session: Session, name: str, scopes: tuple[str, ...], as_json: bool) -> None:
    """Make a key called NAME and print it, once.

    Only its hash is kept: a key that is lost is revoked, and another is made. Its writes are on record as
    `api:NAME`. Scopes: read, subscribers (readers and suppressions), campaigns, publish (issues from a
    repository).

    \b
    Examples:
        newsletter keys add shop --scope read,subscribers
        newsletter keys add ci --scope publish
    """
    wanted = api_keys.parse_scopes(scopes)
    with session.database.begin() as connection:
        key, secret = api_keys.add_key(connection, name, wanted, utc_now())
    click.echo(json.dumps({**key.as_json(), "key": secret}, indent=2) if as_json else secret)
    click.echo("Keep it now: it is not shown again.", err=True)
    if not session.publication.config.api.enabled:
        click.echo("The API is off: set `enabled = true` under [api] in newsletter.toml.", err=True)


@command.command("list")
@json_option("them")
@click.pass_obj
def list_(session: Session, as_json: bool) -> None:
    """List the keys, with what each may do; revoked ones too.

    \b
    Examples:
        newsletter keys list
        newsletter keys list --json
    """
    with session.database.read() as connection:
        keys = api_keys.all_keys(connection)
    if as_json:
        click.echo(json.dumps([key.as_json() for key in keys], indent=2))
        return
    width = max((len(key.name) for key in keys), default=0)
    for key in keys:
        end = f"  revoked {key.revoked_at}" if key.revoked_at else ""
        click.echo(f"{key.name:<{width}}  {', '.join(sorted(key.scopes)):<32}  {key.created_at}{end}".rstrip())
    click.echo("1 key" if len(keys) == 1 else f"{len(keys):,} keys", err=True)


@command.command()
@click.argument("name")
@click.pass_obj
def revoke(session: Session, name: str) -> None:
    """Make the key called NAME worthless, at once.

    \b
    Examples:
        newsletter keys revoke shop
    """
    with session.database.begin() as connection:
        key = api_keys.revoke_key(connection, name, utc_now())
    click.echo(f"{key.name} is revoked since {key.revoked_at}.", err=True)
