"""`newsletter init`: make a new publication in a folder."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from textwrap import indent
from typing import Any

import click

from newsletter.addresses import parse_mailbox
from newsletter.config import CONFIG_NAME, PublicationSettings, load_publication, parse_web_address
from newsletter.errors import NewsletterError
from newsletter.issues import scaffold
from newsletter.issues.forge_files import SOURCE, agents_file, workflow_files
from newsletter.times import parse_zone


def _checked(parse: Callable[[str], object]) -> Callable[[click.Context, click.Parameter, str | None], str | None]:
    """Return a callback that keeps a value as typed and raises BadParameter when `parse` raises ValueError."""

    def check(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
        try:
            if value is not None:
                parse(value)
        except ValueError as error:
            raise click.BadParameter(str(error)) from error
        return value

    return check


def _parse_name(text: str) -> None:
    if not text.strip() or re.search(r"[\x00-\x1f\x7f-\x9f]", text):
        raise ValueError("write a name of one line")


@click.command()
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path))
@click.option("--name", callback=_checked(_parse_name), help="Name that readers see  [default: the folder's name]")
@click.option("--url", default="https://news.example.com", callback=_checked(parse_web_address), show_default=True,
              help="Address of the readers' pages")  # fmt: skip
@click.option("--from", "sender", metavar="MAILBOX", callback=_checked(parse_mailbox),
              help='Sender of the mail: "Name <name@example.com>"')  # fmt: skip
@click.option("--timezone", default="UTC", callback=_checked(parse_zone), show_default=True,
              help="Time zone of the publication: Europe/Berlin")  # fmt: skip
@click.option("--github", "forges", flag_value="github", multiple=True, help="Write workflows for GitHub, too")
@click.option("--gitlab", "forges", flag_value="gitlab", multiple=True, help="Write a pipeline for GitLab, too")
@click.option("--agents", is_flag=True, help="Write AGENTS.md, for programs that write issues, too")
@click.option("--install-from", "source", metavar="PLACE", default=SOURCE, show_default=True,
              help="Where runners install newsletter from: a folder, a wheel, git+https://host/path")  # fmt: skip
@click.option("--with-templates", is_flag=True, help="Copy every template, to change the look")
def command(
    folder: Path,
    name: str | None,
    sender: str | None,
    forges: tuple[str, ...],
    agents: bool,
    source: str,
    with_templates: bool,
    **settings: Any,
) -> None:
    """Make a new publication: newsletter.toml, issues/, images/ and templates/.

    Overwrites nothing: if one of its files exists, nothing is made. Adds .vscode/ for editors, unless
    there is one. With --github, --gitlab or --agents a publication that exists gets those files alone.

    \b
    Examples:
        newsletter init
        newsletter init news --name "Morning News" --timezone Europe/Berlin
        newsletter init news --url https://news.example.com --from "News <news@example.com>"
        newsletter init --github --agents
    """
    config = folder / CONFIG_NAME
    if (forges or agents) and config.exists():
        added = _more(load_publication(config.absolute()), forges, source, agents=agents)
        scaffold.write_new(folder, added)
        return click.echo("\n".join(str(folder / path) for path in added))
    name = (name or _name_of(folder)).strip()
    files = scaffold.publication_files(name=name, sender=sender or _mailbox(name), **settings)
    for path in [*_workflows(forges, source), *(["AGENTS.md"] if agents else [])]:
        if (folder / path).exists():
            raise NewsletterError("this file exists and is left as it is", place=str(folder / path))
    if with_templates:
        files |= scaffold.template_files()
    ignored = files.pop(scaffold.GIT_IGNORE) if (folder / scaffold.GIT_IGNORE).exists() else b""
    if (folder / scaffold.EDITOR).exists():
        files = {path: content for path, content in files.items() if not path.startswith(scaffold.EDITOR)}
    scaffold.write_new(folder, files)
    if added := _more(load_publication(config.absolute()), forges, source, agents=agents):
        scaffold.write_new(folder, added)
    click.echo("\n".join([str(config), *(str(folder / path) for path in added)]))
    if ignored:
        kept = f"{folder / scaffold.GIT_IGNORE} is left as it is; it should have these lines:"
        click.echo(f"{kept}\n{indent(ignored.decode(), '    ')}", err=True)
    click.echo(_next(folder), err=True)


def _more(publication: PublicationSettings, forges: tuple[str, ...], source: str, *, agents: bool) -> dict[str, bytes]:
    """Return the files beside a publication that were asked for, by path."""
    return {**(agents_file(publication) if agents else {}), **_workflows(forges, source)}


def _workflows(forges: tuple[str, ...], source: str) -> dict[str, bytes]:
    return {path: content for forge in forges for path, content in workflow_files(forge, source).items()}


def _name_of(folder: Path) -> str:
    """Return the name for a folder: `morning-news` gives "Morning News". Raises NewsletterError for a file."""
    if folder.exists() and not folder.is_dir():
        raise NewsletterError("this is a file, not a folder", place=str(folder))
    words = re.sub(r"[\W_]+", " ", folder.absolute().resolve().name).strip()
    return words.title() or "Newsletter"


def _mailbox(name: str) -> str:
    """Return a mailbox of the name and a sample address, quoted where RFC 5322 section 3.2.3 requires it."""
    plain = not re.search(r'[()<>\[\]:;@\\,."]', name)
    shown = name if plain else '"{}"'.format(name.replace("\\", r"\\").replace('"', r"\""))
    return f"{shown} <news@example.com>"


def _next(folder: Path) -> str:
    first = "" if folder == Path() else f"    cd {shlex.quote(str(folder))}\n"
    return f'Next:\n{first}    newsletter new "Hello"\n    newsletter preview'
