"""One reader decides what is code, a comment and a merge tag."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.issues.issue import Block
from newsletter.issues.markdown.source import read_source
from newsletter.messages.merge_tags import MOST_TAGS
from tests.support.writing import built, findings, message_for, problems

FRONT = "---\nsubject: Hello\n---\n"
GREETING = 'Good morning {{ first_name | default("there") }}.'


def tags(body: str) -> list[str]:
    """Return the merge tags of a body."""
    return [tag.source for tag in read_source(f"{FRONT}{body}\n").tag_store.tags]


@pytest.mark.parametrize(
    "code",
    [
        "`{{ code }}`",
        "``{{ ` }}``",
        "`${{ secrets.KEY }}`",
        "`{% if %}`",
        "`{{` and `}}`",
        "`{{`, `{%` and `%}`",
        "`<!--` and {{ x }} and `-->`",
        "```\n{{ code }}\n```",
        "~~~ {{ code }}\n{{ open\n~~~",
        "> ```\n> {{ code }}\n> ```",
        "- ```\n  {{ code }}\n  ```",
        "1. Text\n\n   ```yaml\n   key: ${{ secrets.KEY }}\n   ```",
        "Text.\n\n    {{ code }}",
        "| a |\n|---|\n| `{{ code }}` |",
        "![`{{ code }}`](https://example.com/a.png)",
        "[`{{ code }}`](https://example.com/)",
        ":::note\n```\n:::\n{{ code }}\n```\n:::",
        "The mark `{{` opens one.\n\n```\n{{\n```",
    ],
)
def test_braces_in_code_are_code(code: str) -> None:
    expected = ["{{ x }}"] if "{{ x }}" in code else []
    assert tags(code) == expected
    assert tags(f"{GREETING}\n\n{code}\n\n{GREETING}") == [GREETING[13:-1], *expected, GREETING[13:-1]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{{ x | default("`") }} and `{{ y }}`', ['{{ x | default("`") }}']),
        ('`a` {{ x | default("<!--") }} `b`', ['{{ x | default("<!--") }}']),
        ("<!-- {{ x --> {{ y }}", ["{{ y }}"]),
        ("<!-- ` --> {{ y }} `", ["{{ y }}"]),
        ("<!--\n\n{{ x }}\n```\n-->\n\n{{ y }}", ["{{ y }}"]),
        ("`<!--` {{ y }} `-->`", ["{{ y }}"]),
        ("[a]({{ web_url }}) `{{ x }}`", ["{{ web_url }}"]),
        ('[a](https://example.com/?q={{ x | default("`") }}) `b`', ['{{ x | default("`") }}']),
        ("<https://example.com/{{ x }}> `{{ y }}`", ["{{ x }}"]),
        ('| {{ name | default("you") }} | `{{ name }}` |\n|---|---|', ['{{ name | default("you") }}']),
        ("{% if plan %}\n\n    {{ code }}\n\n{% endif %}", ["{% if plan %}", "{% endif %}"]),
        (':::note title="{{ x }}"\n`{{ y }}`\n:::', ["{{ x }}"]),
        ("a ` b {{ x }}", ["{{ x }}"]),
    ],
)
def test_what_begins_first_decides(text: str, expected: list[str]) -> None:
    assert tags(text) == expected


def test_a_comment_that_begins_in_code_hides_no_greeting(publication_folder: Path) -> None:
    body = f"Write `<!--` to open one.\n\n{GREETING}\n\nWrite `-->` to close it."
    copy = message_for(built(publication_folder, body), first_name="Ada")
    assert "Good morning Ada." in copy.text
    assert "Good morning Ada." in copy.html
    assert "Write <!-- to open one." in copy.text


def test_code_about_merge_tags_is_shown_and_nobody_complains(publication_folder: Path) -> None:
    body = "Write `{{ frist_name }}`, `{{` or `{% if %}`.\n\n```yaml\nkey: ${{ secrets.KEY }}\n```"
    copy = message_for(built(publication_folder, body))
    for part in (copy.text, copy.html):
        assert "${{ secrets.KEY }}" in part
    assert "Write {{ frist_name }}, {{ or {% if %}." in copy.text
    path = publication_folder / "issues" / "2025-01-17-hello.md"
    assert not {"NL007", "NL009", "NL010"} & {problem.rule for problem in findings(path)}


def test_braces_in_code_do_not_count_as_merge_tags_of_an_issue(publication_folder: Path) -> None:
    lines = "{{ x }}\n" * (MOST_TAGS + 1)
    built(publication_folder, f"{{{{ email }}}}\n\n```\n{lines}```")
    (mistake,) = problems(publication_folder, f"{FRONT}```\nx\n```\n\n{lines}")
    assert (mistake.rule, mistake.line) == ("NL007", 8 + MOST_TAGS)


def test_the_column_of_a_mistake_counts_braces_in_code_as_they_stand(publication_folder: Path) -> None:
    body = "`{{ a }}` and `{{ b }}` then {{ frist_name }}"
    (mistake,) = problems(publication_folder, f"{FRONT}{body}\n")
    assert (mistake.line, mistake.column) == (4, body.index("{{ frist") + 1)


def test_an_open_brace_in_code_is_no_mistake_and_one_in_text_is(publication_folder: Path) -> None:
    built(publication_folder, "`{{ a`")
    (mistake,) = problems(publication_folder, f"{FRONT}`{{{{ a` and {{{{ b\n")
    assert (mistake.rule, mistake.line, mistake.column) == ("NL007", 4, 12)


def test_a_closing_line_in_code_closes_no_block(publication_folder: Path) -> None:
    code = "- Item\n  ```\n  :::\n  ```\n\n> ~~~\n> :::\n> ~~~\n\n<!--\n:::\n-->\n\n    :::"
    body = f":::note\n{code}\n\nInside.\n:::\n\nOutside."
    pieces = built(publication_folder, body).issue.content
    blocks = [piece for piece in pieces if isinstance(piece, Block)]
    assert [(block.name, block.line, block.end_line) for block in blocks] == [("note", 4, 21), ("text", 23, 23)]


def test_an_indented_closing_line_closes_the_block_around_its_list(publication_folder: Path) -> None:
    pieces = built(publication_folder, ":::note\n- Item\n  :::\n\nOutside.").issue.content
    assert [piece.name for piece in pieces if isinstance(piece, Block)] == ["note", "text"]


@pytest.mark.parametrize("comment", ["<!-- a -->", "<!-- a --> <!-- b -->", "## <!-- a -->", "> <!-- a --> <!-- b -->"])
def test_a_paragraph_of_comments_leaves_nothing_behind(publication_folder: Path, comment: str) -> None:
    page = built(publication_folder, f"Before.\n\n{comment}\n\nAfter.").document.bodies
    assert not [body for body in page if "<p> </p>" in body or "<p></p>" in body or "<h2" in body]


def test_a_mark_for_check_counts_where_markdown_reads_a_comment(publication_folder: Path) -> None:
    link = "[click here](https://example.com/a)"
    body = f"{link} `<!-- nl-ignore NL210: code -->`\n\n{link} <!-- nl-ignore NL210: quotes `code` -->"
    body += f"\n\n> {link} <!--\n> nl-ignore NL210: quotes -->"
    built(publication_folder, body)
    path = publication_folder / "issues" / "2025-01-17-hello.md"
    assert [problem.line for problem in findings(path) if problem.rule == "NL210"] == [4]
