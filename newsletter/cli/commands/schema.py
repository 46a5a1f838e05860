"""`newsletter schema`: print JSON Schema for editors."""

from __future__ import annotations

import json

import click

from newsletter.cli.session import Session
from newsletter.config import PublicationSettings, find_config
from newsletter.issues.json_schema import config_schema, issue_schema


@click.command()
@click.argument("what", metavar="issue|config", type=click.Choice(["issue", "config"]))
@click.option("--json", "_as_json", is_flag=True, help="For scripts; the schema is JSON either way")
@click.pass_context
def command(context: click.Context, what: str, _as_json: bool) -> None:
    """Print the JSON Schema of an issue's front matter, or of newsletter.toml.

    Inside a publication, the schema allows only its own lists, segments and templates. Changes nothing.

    \b
    Examples:
        newsletter schema config > .vscode/newsletter.schema.json
        newsletter schema issue > .vscode/issue.schema.json
    """
    schema = (
        config_schema()
        if what == "config"
        else issue_schema(_publication(context.obj, context.find_root().params["config"]))
    )
    click.echo(json.dumps(schema, ensure_ascii=False, indent=2))


def _publication(session: Session, named: str | None) -> PublicationSettings | None:
    """Return the publication; None where there is no newsletter.toml and none was named. Raises ConfigError."""
    return session.publication if named or find_config().exists() else None
