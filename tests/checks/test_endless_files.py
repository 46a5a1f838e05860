"""Files that would kill or hang a careless program: each is built or refused, in a time like that of a plain file.

Every file is checked by the real command in a process of its own, so that a crash is seen. Its processor time is
compared with that of plain words of the same size in the same run.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.checks.publications import SETTINGS

FRONT = "---\nsubject: The rules\n---\n"
SIZE = 150_000
"""Characters; a time that grows with the square of the size shows as hundreds of times that of words."""
MOST = 25
"""Times the processor time of plain words of the same size."""


def many(piece: str) -> str:
    return (piece * (SIZE // len(piece)))[:SIZE]


def numbered(piece: str) -> str:
    return "".join(piece.format(n) for n in range(SIZE // (len(piece) + 4)))


FILES = {
    "lists in front matter": "---\nsubject: " + "[" * 30_000 + "\n---\nx\n",
    "maps in front matter": "---\nsubject: " + "{a: " * 30_000 + "\n---\nx\n",
    "dashes in front matter": "---\nsubject:\n" + "- " * 8_000 + "\n---\nx\n",
    "brackets in short front matter": "---\nsubject: " + "[" * 15_000 + "\n---\nx\n",
    "keys": "---\nsubject: x\n" + numbered("k{}: v\n") + "---\nx\n",
    "invisible subject": "---\nsubject: " + "\u200b" * SIZE + "\n---\nx\n",
    "invisible words": FRONT + many("a\u200b"),
    "invisible references": FRONT + many("&shy;"),
    "fields": FRONT + ":::article " + numbered("f{}=x ") + "\nx\n:::\n",
    "quotes of fields": FRONT + ":::article " + many('a="') + "\nx\n:::\n",
    "open blocks": FRONT + many(":::note\n"),
    "closed blocks": FRONT + many(":::note\nx\n:::\n"),
    "empty blocks": FRONT + many(":::divider /\n"),
    "unknown blocks": FRONT + many(":::nope\nx\n:::\n"),
    "closing lines": FRONT + many(":::\n"),
    "deep lists": FRONT + "".join("  " * n + "- x\n" for n in range(500)),
    "deep quotations": FRONT + many(">"),
    "lists in lists": FRONT + many("- - - - - - - x\n"),
    "items": FRONT + many("- x\n"),
    "merge tags": FRONT + many("{{ first_name }} "),
    "conditions": FRONT + many("{% if x %}"),
    "unclosed merge tags": FRONT + many("{{ \n"),
    "unclosed quotes of tags": FRONT + many('{{ "'),
    "a long merge tag": FRONT + "{{ " + many("x+") + "x }}",
    "links": FRONT + numbered("[a{0}](https://example.com/{0})\n"),
    "references": FRONT + numbered("[a{}]: /x\n"),
    "a long line": FRONT + many("x"),
    "spaces": FRONT + many(" ") + "x",
    "comments": FRONT + many("<!--"),
    "brackets": FRONT + many("["),
    "words in an open bracket": FRONT + "[" + many("x y "),
    "words in closed brackets": FRONT + "[" + many("x y ") + "]",
    "links with spaces": FRONT + numbered("[a](x y) https://example.com/{0}\n"),
    "bare addresses": FRONT + many("www.example.com "),
    "notes": FRONT + numbered("x[^{0}]\n\n[^{0}]: x\n\n"),
    "merge tags in code": FRONT + many("`{{ x }}` "),
    "merge tags that may be code": FRONT + many("{{ x`y }} "),
    "pictures": FRONT + many("!["),
    "addresses": FRONT + many("[x](<"),
    "stars": FRONT + many("**a "),
    "mixed stars": FRONT + many("*a_b "),
    "backticks": FRONT + "".join("`" * n + " " for n in range(1, 700)),
    "columns": FRONT + "|" + "a|" * 5_000 + "\n|" + "-|" * 5_000 + "\n" + ("|" + "b|" * 5_000 + "\n") * 30,
    "angles": FRONT + many("<a "),
    "elements": FRONT + many("<b>x</b> "),
    "ignored rules": FRONT + many("<!-- nl-ignore NL210: x -->\n\n"),
    "control characters": FRONT + many("\x07"),
}


@lru_cache(maxsize=2)
def plain_seconds() -> float:
    return seconds(FRONT + many("Some plain words of a paragraph.\n\n"))


def seconds(text: str) -> float:
    """Check a file in a process of its own, and return its processor time. Fails when the process crashes."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "issues").mkdir()
        (folder / "newsletter.toml").write_text(SETTINGS, encoding="utf-8")
        (folder / "issues" / "2025-01-17-endless.md").write_text(text, encoding="utf-8")
        before = os.times().children_user
        command = [sys.executable, "-m", "newsletter", "check", "endless"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 1), done.stderr[-2_000:]
        assert "Traceback" not in done.stderr
        return os.times().children_user - before


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", FILES)
def test_a_file_made_to_hang_is_built_or_refused_like_any_other(name: str) -> None:
    assert seconds(FILES[name]) < MOST * max(1.0, plain_seconds())
