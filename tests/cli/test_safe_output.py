"""Nothing that a reader, a provider or a file says reaches the terminal as a command to it."""

from __future__ import annotations

import ast
import csv
import io
import json
import os
import pty
import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import update

from newsletter.database.connection import open_database
from newsletter.database.tables import campaign, delivery_exception, subscriber
from tests import ROOT
from tests.conftest import Run
from tests.support.sending import settings

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\x7f\u202egpj\u2028\r\x85end"
STEERING = re.compile("[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]|\r(?!\n)")
COMMANDS = [
    ("subscribers", "list"),
    ("subscribers", "list", "--json"),
    ("subscribers", "show", "ada@example.com"),
    ("subscribers", "show", "ada@example.com", "--json"),
    ("status", "1"),
    ("status", "1", "--json"),
    ("why", "ada@example.com", "hello"),
    ("campaigns",),
    ("check",),
    ("check", "--format", "json"),
    ("check", f"no{EVIL}file"),
    ("build", "hello", "--out", f"out{EVIL.replace('/', '')}"),
    ("subscribers", "show", f"{EVIL}@example.com"),
    ("subscribers", "import", "bad.csv"),
    ("schedule", "hello", "--at", EVIL),
    ("new", f"A {EVIL} title"),
    (EVIL,),
]


@pytest.fixture
def folder(tmp_path: Path, newsletter: Run) -> Path:
    """A publication whose reader, campaign, issue and files say what steers a terminal."""
    publication = settings(tmp_path, '[fields]\nnote = "text"\n', issue=True)
    (tmp_path / "bad.csv").write_text(f'email,note\n"{EVIL}",x\n"a\nb",y\n', encoding="utf-8")
    issue = f"---\nsubject: Hello\n---\n\n:::{EVIL}\n\nText {EVIL} text {{{{ {EVIL} }}}}\n"
    newsletter("subscribers", "add", "ada@example.com", cwd=tmp_path)
    newsletter("send", "hello", "--yes", "--allow", "NL201", cwd=tmp_path)
    (tmp_path / "issues" / "2025-01-18-evil.md").write_text(issue, encoding="utf-8")
    with closing(open_database(publication)) as database, database.begin() as connection:
        fields = json.dumps({"note": f"{EVIL}\nnewsletter: error: forged"})
        connection.execute(update(subscriber).values(first_name=EVIL, fields=fields, tags=json.dumps([EVIL])))
        connection.execute(update(campaign).values(state="paused", reason=f"{EVIL}\nforged", subject=EVIL))
        row = {
            "campaign_id": 1,
            "subscriber_id": 1,
            "batch_no": 1,
            "state": "rejected",
            "at": "2025-01-17T12:00:00.000Z",
        }
        connection.execute(delivery_exception.insert().values(**row, detail=f"{EVIL}\nforged"))
    return tmp_path


@pytest.mark.parametrize(
    "command", COMMANDS, ids=lambda command: " ".join(command).encode("unicode_escape").decode()[:60]
)
def test_what_commands_print_steers_no_terminal(folder: Path, newsletter: Run, command: tuple[str, ...]) -> None:
    ran = newsletter(*command, cwd=folder)

    assert ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr
    assert STEERING.findall(ran.stdout + ran.stderr) == []
    assert not re.search("^forged|^newsletter: error: forged", ran.stdout + ran.stderr, re.MULTILINE)


def test_json_says_what_the_reader_wrote(folder: Path, newsletter: Run) -> None:
    (reader,) = json.loads(newsletter("subscribers", "list", "--json", cwd=folder).stdout)

    assert (reader["tags"], reader["fields"]["first_name"]) == ([EVIL], EVIL)


def test_an_export_into_a_file_keeps_every_byte(folder: Path) -> None:
    command = [sys.executable, "-m", "newsletter", "subscribers", "export"]
    exported = subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout.decode()

    assert next(csv.DictReader(io.StringIO(exported, newline="")))["first_name"] == EVIL


@pytest.mark.parametrize("command", [("subscribers", "export"), ("status", "1", "--follow"), ("subscribers", "list")])
def test_a_real_terminal_gets_only_what_draws_our_own_tables(folder: Path, command: tuple[str, ...]) -> None:
    master, slave = pty.openpty()
    words = [sys.executable, "-m", "newsletter", *command]
    process = subprocess.Popen(words, cwd=folder, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    seen = b""
    try:
        while chunk := os.read(master, 4_096):
            seen += chunk
    except OSError:  # Linux ends a terminal with an error
        pass
    process.wait(60)
    os.close(master)

    text = seen.decode()
    assert "u001b]0;owned" in text
    for sequence in ("\x1b]0", "\x1b[2J", "\x9b", "\x7f", "\u202e"):
        assert sequence not in text


def test_every_module_prints_through_the_safe_streams() -> None:
    """`print`, click and logging write to sys.stdout and sys.stderr, which are safe; these names lead around them."""
    around = {"__stdout__", "__stderr__", "rich_proxied_file", "openpty"}
    allowed = {"newsletter/cli/safe_output.py", "newsletter/signals.py"}
    found = set()
    for path in (ROOT / "newsletter").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = ast.unparse(node) if isinstance(node, ast.Attribute) else ""
            if names in ("sys.stdout.buffer", "sys.stderr.buffer") or names.rpartition(".")[2] in around:
                found.add(str(path.relative_to(ROOT)))

    assert found <= allowed
    rich = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "newsletter").rglob("*.py")
        if re.search(r"^\s*from rich", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert all(re.search(r"\b(?:printable|one_line)\(", (ROOT / name).read_text(encoding="utf-8")) for name in rich), (
        rich
    )
