"""What looks like markup and became none is told at its place; code, prose and escapes are left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.checks.catalogue import RULES
from newsletter.checks.context.context import EarlierIssues
from newsletter.checks.run import open_context, run_rules
from newsletter.config import load_publication
from newsletter.errors import Severity
from newsletter.rendering.theme import Theme
from tests.support.writing import findings, write

CHECKED = ("NL021", "NL022", "NL023", "NL401")


def found(folder: Path, body: str, front: str = "subject: Hello") -> list[tuple[str, int, int]]:
    """Return rule, line of the body (from 1) and column of what these rules find in a body."""
    path = write(folder, f"---\n{front}\n---\n{body}\n")
    theme = Theme(publication=load_publication(folder / "newsletter.toml"))
    context, mistakes = open_context(path, theme, EarlierIssues(publication=theme.publication))
    assert not [mistake for mistake in mistakes if mistake.severity is Severity.ERROR]
    told = sorted(run_rules(context, [RULES[id] for id in CHECKED]), key=lambda p: (p.line, p.column))
    return [(p.rule, p.line - 3 - front.count("\n"), p.column) for p in told]


@pytest.mark.parametrize(
    ("body", "rule", "line", "column"),
    [
        ('A [link](https://example.com/a){:target="_blank"}.', "NL021", 1, 32),
        ("Words\n{: .lead}", "NL021", 2, 1),
        ("Words {.lead #top}", "NL021", 1, 7),
        ("## Title {#title}", "NL021", 1, 10),
        ("![A](https://example.com/a.png){ width=300 }", "NL021", 1, 32),
        ("Out :tada: now", "NL021", 1, 5),
        ("- item :+1:", "NL021", 1, 8),
        ("a ==marked== b", "NL021", 1, 3),
        ("a ~gone~ b", "NL021", 1, 3),
        ("a ||hidden|| b", "NL021", 1, 3),
        ("see [[Page]]", "NL021", 1, 5),
        ("> see [[Page|words]]", "NL021", 1, 7),
        ("- [x] done", "NL021", 1, 3),
        ("1. [ ] open", "NL021", 1, 4),
        ("> - [X] done", "NL021", 1, 5),
        ("Term\n: Its definition", "NL021", 2, 1),
        ("> [!NOTE]\n> Know this.", "NL021", 1, 3),
        ("[TOC]", "NL021", 1, 1),
        ("!!! warning", "NL021", 1, 1),
        ("##Title", "NL021", 1, 1),
        ("$$x^2$$", "NL021", 1, 1),
        ("** bold ** words", "NL021", 1, 1),
        ("a <!-- open", "NL021", 1, 3),
        ("| a |\n|---|\n| ==b== |", "NL021", 3, 3),
        (':::note title="The **new** rules"\nx\n:::', "NL021", 1, 16),
        ("Hello *|FNAME|*.", "NL022", 1, 7),
        ("Hello *|IF:X|*.", "NL022", 1, 7),
        ("Hello %recipient.name%.", "NL022", 1, 7),
        ("Hello %%first_name%%.", "NL022", 1, 7),
        ("Hello %FIRSTNAME%.", "NL022", 1, 7),
        ("Hello {first_name}.", "NL022", 1, 7),
        ("Hello {first_name|there}.", "NL022", 1, 7),
        ("Hello ${name}.", "NL022", 1, 7),
        ("Hello #{name}.", "NL022", 1, 7),
        ("Hello {!firstname}.", "NL022", 1, 7),
        ("Hello -first_name-.", "NL022", 1, 7),
        ("Hello <%= name %>.", "NL022", 1, 7),
        ("Hello ##NAME##.", "NL022", 1, 7),
        ("Hello [FIRST_NAME].", "NL022", 1, 7),
        (':::note title="For *|FNAME|*"\nx\n:::', "NL022", 1, 16),
        ("[a](https://example.com/my report.pdf)", "NL401", 1, 1),
        ("[**a**](https://example.com/my report (1).pdf)", "NL401", 1, 1),
        ("[the report] (https://example.com/a)", "NL401", 1, 1),
        ("(the report)[https://example.com/a]", "NL401", 1, 1),
        ("[the report](https://example.com/a now", "NL401", 1, 1),
        ("![a](my picture.png)", "NL401", 1, 1),
        ("[the report][rep]", "NL401", 1, 1),
        ("[the report][]", "NL401", 1, 1),
        ("- [the **report**][rep]", "NL401", 1, 3),
        ("Prices.[^1]", "NL023", 1, 8),
    ],
)
def test_what_became_no_markup_is_told_at_its_place(
    publication_folder: Path, body: str, rule: str, line: int, column: int
) -> None:
    assert found(publication_folder, body) == [(rule, line, column)]
    assert found(publication_folder, f"Code:\n\n````\n{body}\n````") == []


@pytest.mark.parametrize(
    "prose",
    [
        "He said it [sic], at 5:30:00, in array[0][1] of C::D and std::vector::size.",
        "a == b, a++ and ++i, C++ and C++, 2**3**4, x ~ y, ~5 to ~6, ~/a and ~/b, a || b || c",
        "50 % of 100 %, 5%off, #newsletter, @ada, -1 to -2, a -word- b, {}, { }, $5 and $6",
        "`:tada:` `==x==` `[[x]]` `*|FNAME|*` `[a] (https://example.com/)` `[a][b]` `[^1]`",
        "\\:tada: \\==x== \\[[x]] \\*|FNAME|\\* \\[a] (https://example.com/) \\[a][b] \\[^1] \\{name}",
        "[a :tada](https://example.com/:tada:/==x==/%7Bname%7D) and https://example.com/a:b:c/%recipient%/",
        "Note: this: that; a:b:c; http: and :: and (:smile)",
        '[1] and [2], see [3](https://example.com/a "Title")',
        "- [ ]\n- [a] b\n- x",
        "5. [a][1]\n\n[1]: https://example.com/a",
        "**bold** and ~~struck~~, a * b ** c, \\*\\* twice \\*\\*",
        '{{ first_name | default("*|X|*") }} and {% if plan %}x{% endif %}',
        "Time: 10:15\n\nRatio 4:3:2",
        "<!-- :tada: ==x== [a] (https://example.com/) -->",
        "Chapter [2](https://example.com/)[3](https://example.com/b)",
    ],
)
def test_prose_and_code_raise_no_alarm(publication_folder: Path, prose: str) -> None:
    assert found(publication_folder, prose) == []


def test_an_author_can_ignore_what_is_told(publication_folder: Path) -> None:
    body = "Out :tada: <!-- nl-ignore NL021: meant -->\n\n*|FNAME|* <!-- nl-ignore NL022: meant -->\n\nOut :tada:"
    path = write(publication_folder, f"---\nsubject: Hello\n---\n{body}\n")
    assert [(p.rule, p.line) for p in findings(path) if p.rule in CHECKED] == [("NL021", 8)]


def test_a_merge_tag_of_another_program_in_the_subject_is_told(publication_folder: Path) -> None:
    front = 'subject: "Hello *|FNAME|*"\npreheader: "For {first_name}"'
    assert [rule for rule, _, _ in found(publication_folder, "x", front)] == ["NL022", "NL022"]
