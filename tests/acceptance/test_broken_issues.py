"""Fifty broken issue files: each is one error, with its line and what to do; nothing is built."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from time import process_time

import pytest

import newsletter.cli.commands.build  # noqa: F401  # its import is not a file's fault
from newsletter.cli.main import main

SETTINGS = """
[fields]
plan = "text"

[segments.engaged]
tags_any = ["pro"]

[sponsors.acme]
name = "Acme"
"""
HEAD = "---\nsubject: Hello\n---\n"
PATH = "issues/2025-01-17-broken.md"
MIB = 1024 * 1024


@dataclass(frozen=True)
class Broken:
    """What is wrong with a file, where the error points, and some of its words."""

    what: str
    text: str | bytes
    line: int
    words: str


FILES = [
    # the file
    Broken("an empty file", "", 1, "empty"),
    Broken("white space only", "\n \n\t\n", 1, "empty"),
    Broken("binary", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)), 3, "not a text file"),
    Broken("a NUL byte", HEAD.encode() + b"Hello\0.\n", 4, "NUL"),
    Broken("Latin-1", "---\nsubject: Grüße\n---\n".encode("latin-1"), 2, "not UTF-8 (byte 0xfc)"),
    Broken("UTF-16", HEAD.encode("utf-16"), 1, "not "),
    Broken("ten megabytes", HEAD + "word " * (2 * MIB), 1, "at most 1 MiB"),
    Broken("ten megabytes of open blocks", HEAD + ":::article\n" * 1_000_000, 1, "at most 1 MiB"),
    # front matter
    Broken("no front matter", "Hello.\n", 1, "no front matter"),
    Broken("front matter that does not end", "---\nsubject: Hello\n\nHello.\n", 1, "not closed"),
    Broken("front matter that is a list", "---\n- subject\n---\nHello.\n", 2, "`key: value`"),
    Broken("front matter that is a word", "---\nsubject\n---\nHello.\n", 2, "`key: value`"),
    Broken("an open quote in YAML", '---\nsubject: "Hello\ndate: 2025-01-17\n---\nHello.\n', 2, "not YAML"),
    Broken("a colon in a bare value", "---\nsubject: Chips: the rules\n---\nHello.\n", 2, "not YAML"),
    Broken("a tab that indents YAML", "---\nsubject: Hello\n\tauthor: Ada\n---\n", 3, "not YAML"),
    Broken("an open bracket in YAML", "---\nsubject: [Hello\n---\nHello.\n", 2, "not YAML"),
    Broken("an anchor that is not there", "---\nsubject: *hello\n---\nHello.\n", 2, "not YAML"),
    Broken("a control character in YAML", "---\nsubject: Hello\x07\n---\nHello.\n", 2, "forbids"),
    Broken("a missing subject", "---\nauthor: Ada\n---\nHello.\n", 1, "the subject is missing"),
    Broken("an empty front matter", "---\n---\nHello.\n", 1, "the subject is missing"),
    Broken("an empty subject", '---\nsubject: ""\n---\nHello.\n', 2, "the subject is empty"),
    Broken("a subject that is null", "---\nsubject: null\n---\nHello.\n", 2, "the subject is empty"),
    Broken("a subject that is a list", "---\nsubject: [a, b]\n---\nHello.\n", 2, '"subject" is not text'),
    Broken("a subject that is a map", "---\nsubject:\n  en: Hello\n---\nHello.\n", 2, '"subject" is not text'),
    Broken("a key twice", "---\nsubject: A\nsubject: B\n---\nHello.\n", 3, '"subject" is set twice'),
    Broken("an unknown key", "---\nsubject: Hello\npreheder: x\n---\n", 3, 'Did you mean "preheader"?'),
    Broken("a date that is none", "---\nsubject: Hello\ndate: 2025-02-30\n---\n", 3, "is not a date"),
    Broken("a time that is none", "---\nsubject: Hello\nsend_at: tomorrow\n---\n", 3, "is not a time"),
    Broken("an hour that is none", "---\nsubject: Hello\nsend_at: 2025-01-17 25:00\n---\n", 3, "send_at"),
    Broken("the last time of all", "---\nsubject: Hello\nsend_at: 9999-12-31 23:59\n---\n", 3, '"9999-12-31 23:59"'),
    Broken("a time zone that is none", "---\nsubject: Hello\nsend_at: 2025-01-17 07:00 Mars\n---\n", 3, "time zone"),
    Broken("an unknown list", "---\nsubject: Hello\nlist: dayly\n---\n", 3, 'Did you mean "daily"?'),
    Broken("an unknown segment", "---\nsubject: Hello\nsegment: engagd\n---\n", 3, 'Did you mean "engaged"?'),
    Broken("an unknown template", "---\nsubject: Hello\ntemplate: isue\n---\n", 3, 'Did you mean "issue"?'),
    Broken("a switch that is none", "---\nsubject: Hello\nsignup: maybe\n---\n", 3, "is not true or false"),
    # blocks
    Broken("an unknown block", f'{HEAD}\n:::qoute by="Ada"\nWords.\n:::\n', 5, 'Did you mean "quote"?'),
    Broken("an unclosed block", f'{HEAD}\n:::article title="A"\nWords.\n', 5, "not closed"),
    Broken("a closing line too many", f'{HEAD}\n:::article title="A"\nWords.\n:::\n\n:::\n', 9, ":::"),
    Broken("a block without its title", f"{HEAD}\n:::article\nWords.\n:::\n", 5, "has no title"),
    Broken("an unknown field", f'{HEAD}\n:::article titel="A"\nWords.\n:::\n', 5, 'Did you mean "title"?'),
    Broken("an open quote in a field", f'{HEAD}\n:::article title="A\nWords.\n:::\n', 5, "a quote is not closed"),
    Broken("curly quotes", f"{HEAD}\n:::article title=“A b”\nWords.\n:::\n", 5, "curly quotes"),
    Broken("a field twice", f'{HEAD}\n:::article title="A" title="B"\nWords.\n:::\n', 5, "set twice"),
    Broken("a link that is none", f'{HEAD}\n:::article title="A" url=chips\nWords.\n:::\n', 5, "is not a web address"),
    Broken("a script for a link", f"{HEAD}\n:::button javascript:alert(1)\nGo\n:::\n", 5, "is not a web address"),
    Broken("a picture without words", f'{HEAD}\n:::article title="A" image=images/a.png\nW.\n:::\n', 5, "has no alt"),
    Broken("a missing picture", f'{HEAD}\n:::image src=images/none.png alt="" /\n', 5, 'no picture "images/none.png"'),
    Broken("a picture outside", f'{HEAD}\n:::image src=../../a.png alt="" /\n', 5, "outside the publication"),
    Broken("a picture that is none", f'{HEAD}\n:::image src=newsletter.toml alt="" /\n', 5, "is not a picture"),
    Broken("a picture missing in the text", f"{HEAD}\nLook: ![A chip](images/none.png)\n", 5, "no picture"),
    Broken("a width that is none", f'{HEAD}\n:::image src=images/a.png alt="" width=wide /\n', 5, "is not a width"),
    Broken("an unknown sponsor", f"{HEAD}\n:::sponsor acne /\n", 5, 'Did you mean "acme"?'),
    Broken("news that is no list", f"{HEAD}\n:::news\nJust words.\n:::\n", 6, "one list"),
    Broken("a button without words", f"{HEAD}\n:::button https://example.com/\n:::\n", 5, "is empty"),
    Broken("a divider with a body", f"{HEAD}\n:::divider\nWords.\n:::\n", 6, "has no body"),
    # merge tags
    Broken("a merge tag that does not end", f"{HEAD}\nHello {{{{ first_name.\n", 5, "not closed"),
    Broken("a merge tag with a slip", f"{HEAD}\nHello {{{{ frist_name }}}}.\n", 5, 'Did you mean "first_name"?'),
    Broken("a merge tag of nothing", f"{HEAD}\nHello {{{{ }}}}.\n", 5, "empty"),
    Broken("a merge tag that cannot be read", f"{HEAD}\nHello {{{{ first_name | }}}}.\n", 5, "cannot be read"),
    Broken("an unknown filter", f'{HEAD}\nHello {{{{ first_name | defalt("x") }}}}.\n', 5, 'Did you mean "default"?'),
    Broken("a statement that sets", f"{HEAD}\n{{% set x = 1 %}}\n", 5, "is not a condition"),
    Broken("a condition that does not end", f'{HEAD}\n{{% if plan == "pro" %}}\nHi\n', 5, "has no {% endif %}"),
    Broken("an end without a condition", f"{HEAD}\nHi\n\n{{% endif %}}\n", 7, "has no {% if %}"),
    Broken("a merge tag in a subject with a slip", '---\nsubject: "Hi {{ emial }}"\n---\nHello.\n', 2, '"email"'),
]
"""More than fifty: all that authors were seen to do, and a few things they might."""


@pytest.mark.parametrize("broken", FILES, ids=lambda broken: broken.what)
def test_a_broken_issue_is_one_error_with_its_line(
    broken: Broken, publication_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(publication_folder, broken.text)
    monkeypatch.chdir(publication_folder)
    monkeypatch.setattr(sys, "argv", ["newsletter", "build", PATH])

    started = process_time()
    with pytest.raises(SystemExit) as end:
        main()
    seconds = process_time() - started  # of our own: not what the machine does besides

    out, error = capsys.readouterr()
    assert end.value.code == 1
    assert re.match(rf"newsletter: error: {PATH}:{broken.line}:\d+: ", error), error
    assert broken.words in error
    assert error.count(PATH) == 1, f"more than one error:\n{error}"
    assert "Traceback" not in error
    assert out == ""
    assert not (publication_folder / "build").exists()
    assert seconds < 1


def test_fifty_files_are_broken_each_in_its_own_way() -> None:
    assert len({broken.what for broken in FILES}) == len(FILES) >= 50


def write(folder: Path, text: str | bytes) -> None:
    """A publication whose one issue is the text."""
    settings = folder / "newsletter.toml"
    settings.write_text(settings.read_text() + SETTINGS)
    (folder / "images").mkdir()
    (folder / "images" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\2\0\0\0")
    (folder / "issues").mkdir()
    (folder / PATH).write_bytes(text if isinstance(text, bytes) else text.encode())
