"""One issue with thirty planted mistakes gets thirty problems, each on the right line."""

from __future__ import annotations

import re
from pathlib import Path

from newsletter.checks.run import check_issue
from newsletter.config import load_publication
from tests.checks.publications import SETTINGS

ISSUE = """---
subject: "CHIP RULES ARE HERE" #! NL506
preheader: "View in browser" #! NL507
date: 2025-01-17
---
Good morning {{ first_name }}. #! NL009

You work at {{ name | default("work") | escape }}. #! NL013

[](https://example.com/empty) is a link. #! NL210

A word with a hid\u200bden character. #! NL107

A word with a cont\u0081rol character. #! NL105

- Read [the law](/law) before you answer. #! NL401
- Read [the answers](https://localhost:8000/answers) then. #! NL401
- Read [the question](https://example.com/the question) again. #! NL401
- Write to [nobody](mailto:) about it. #! NL401

Read [the comment](http://example.com/comment) too. #! NL402

> Read [https://example.com/report](https://example.com/report) #! NL210
> and [click here](https://example.com/form) #! NL210
> and [the form](https://example.com/form), or
> [the form](https://example.com/other-form) of another agency. #! NL210

Read [the answer](https://bit.ly/4abcDEF) after that. #! NL406

Look at [the data](https://example.com/data?utm_source=daily) again.

Look at [the map](https://example.com/map?utm_source=Daily) again. #! NL405

![](https://example.com/chart.png) #! NL201

![chart.png](https://example.com/chart.png) #! NL202

![A heavy chart of exports](images/heavy.gif) #! NL404

:::image src=images/wide.gif alt="Exports by year." width=60 / #! NL407

![A chart of exports as a drawing](images/chart.svg) #! NL408

![A chart of exports](https://example.com/chart.png "chart.png") #! NL511

The <b>new</b> rules are out. #! NL302

The vote was put off by a week. <!-- review --> #! NL016

Nothing is wrong here. <!-- nl-ignore NL210: it was, once --> #! NL015

Nothing was wrong here either. <!-- nl-ignore NL210 --> #! NL014

Two words and a space at the end.\x20 #! NL017

#### The small print #! NL209

{% if plan == "pro" %}
:::button https://example.com/pro #! NL210
Read more
:::
{% endif %}
"""
BROKEN = """---
subject: "Chip rules, workflow agents and a camera"
preheder: "What the new export controls change, whom they slow down." #! NL002
list: dayly #! NL011
date: 2025-01-17
---
Good morning {{ first_nmae }}. #! NL007

:::qoute by="Ada" #! NL003
Words that [click here](https://example.com/words) #! NL210
:::

:::button #! NL006
Read it
:::

![A chart of exports](images/missing.png) #! NL012

::: #! NL004
"""
_NOTE = re.compile(r" ?#! (NL\d{3})$", re.MULTILINE)


def planted(text: str) -> tuple[str, list[tuple[int, str]]]:
    """The issue without the notes, and the line and the rule of each note."""
    expected = [(number, note[1]) for number, line in enumerate(text.split("\n"), 1) if (note := _NOTE.search(line))]
    return _NOTE.sub("", text), expected


def reported(folder: Path, text: str) -> list[tuple[int, str]]:
    """The line and the rule of each problem."""
    (folder / "newsletter.toml").write_text(SETTINGS, encoding="utf-8")
    for name, content in {
        "images/heavy.gif": b"GIF89a\x64\x00\x64\x00" + bytes(300_000),
        "images/wide.gif": b"GIF89a\x00\x04\x64\x00",
        "images/chart.svg": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        "issues/2025-01-17-chips.md": text.encode(),
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    publication = load_publication(folder / "newsletter.toml")
    return [(p.line, p.rule) for p in check_issue(publication, folder / "issues" / "2025-01-17-chips.md")]


def test_thirty_planted_mistakes_are_thirty_problems_each_at_its_line(tmp_path: Path) -> None:
    text, expected = planted(ISSUE)

    problems = reported(tmp_path, text)

    assert problems == expected
    assert len(expected) == 30
    assert len({line for line, _ in expected}) == 30


def test_a_file_that_does_not_build_has_its_source_checked_all_the_same(tmp_path: Path) -> None:
    text, expected = planted(BROKEN)

    assert [problem for problem in reported(tmp_path, text) if problem[1] != "NL507"] == expected
