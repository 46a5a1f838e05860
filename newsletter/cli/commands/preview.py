"""`newsletter preview`: show in the browser what readers will see, and rebuild on save."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser
from pathlib import Path

import click

from newsletter.cli.session import Session
from newsletter.issues.issue import find_issue, issue_files, slug_of
from newsletter.signals import Interrupts


@click.command()
@click.argument("issue", required=False)
@click.option("--port", type=click.IntRange(1, 65_535), default=8000, help="Where it listens  [default: 8000]")
@click.option("--no-open", is_flag=True, help="Open no browser")
@click.option("--static", "folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path),
              help="Write it as files instead, for a static host")  # fmt: skip
@click.pass_obj
def command(session: Session, issue: str | None, port: int, no_open: bool, folder: Path | None) -> None:
    """Show what readers will see, in the browser, while you write.

    Rebuilt on save: the issue, its pictures, templates and newsletter.toml. On a phone and a desktop, in the dark,
    without pictures, in Outlook, as text; with everything that `check` says. Only this machine can reach it, nothing
    is fetched from the network, and nobody is mailed unless you ask on the page. A taken port gives way to the next.

    \b
    Examples:
        newsletter preview
        newsletter preview chip-rules
        newsletter preview --port 9000 --no-open
        newsletter preview chip-rules --static public
    """
    if folder is not None:
        return _write_files(session, issue, folder)
    from newsletter.preview.workspace import Workspace
    from newsletter.web import server
    from newsletter.web.preview.app import preview_app
    from newsletter.web.preview.open_pages import OpenPages

    path = f"/issues/{slug_of(find_issue(session.publication, issue))}" if issue else "/"
    open_pages = OpenPages()
    app = preview_app(Workspace(session.config), open_pages)
    with server.listen_near("127.0.0.1", port) as sock, Interrupts("Stopping.") as interrupts:
        click.echo(server.address(sock) + path)
        sys.stdout.flush()
        click.echo("Rebuilding on save; stop with Ctrl-C.", err=True)
        if not no_open and _has_screen():
            _open(server.address(sock) + path)
        server.serve(app, sock, interrupts.asked, open_pages.close)


def _write_files(session: Session, issue: str | None, folder: Path) -> None:
    from newsletter.preview.static_pages import write_static

    publication = session.publication
    named = [find_issue(publication, issue)] if issue else list(reversed(issue_files(publication)))
    pages = write_static(publication, named, folder)
    click.echo(str(pages[0]))
    click.echo(f"{len(pages) - 1} {'issue' if len(pages) == 2 else 'issues'}, in every view", err=True)


def _open(url: str) -> None:
    """Open the user's browser. The socket listens already, so the browser waits until the server answers."""
    threading.Thread(target=webbrowser.open, args=[url], daemon=True).start()


def _has_screen() -> bool:
    """Tell whether there is a screen; without one, `webbrowser` would start a text browser in this terminal."""
    return sys.platform != "linux" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
