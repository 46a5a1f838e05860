"""What `newsletter new` wrote is never mailed, whole or in part; what an author wrote always is."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from newsletter.checks.catalogue import RULES
from newsletter.checks.context.context import EarlierIssues
from newsletter.checks.context.rule import Example
from newsletter.checks.gate import Stopped, gate
from newsletter.checks.run import open_context, run_rules
from newsletter.config import PublicationSettings, load_publication
from newsletter.errors import Problem
from newsletter.issues.scaffold import issue_file
from newsletter.rendering.build import build_issue
from newsletter.rendering.theme import Theme
from tests.checks.publications import check, make
from tests.conftest import Run

OWN = """---
subject: "$subject"
preheader: "What this letter is about."
---
Dear {{ first_name }},

## A heading of the letter

Begin with what happened to you *this week*. Say why it matters
to people who were not there.

| place | price |
|---|---|
| Name a place | Name its price |

:::quote by="Somebody wise"
Words that are worth repeating.
:::

<!-- nl-ignore NL024: our farewell -->
Yours, the editors of this letter.
"""
STARTERS = ("issue", "weekly", "letter")
PLACEHOLDERS = (
    "What happened, in a sentence or two.",
    "*Why it matters* comes next.",
    "Who: one fact to a line.",
    "Short lines are read!",
    "This was the week.",
    "The story of the week, in a few sentences.",
    "- **A headline** Readers stayed away.",
    "- [Another headline](https://example.com/read) Readers stayed away.",
    "- One sentence that says what is new",
    "One thing that readers\nmay look forward to.",
    "# A heading of the letter",
    "Begin with what happened to you **this week**.",
    "Say why it matters to people who were not there.",
    "| Name a place | ten euros |\n|---|---|\n| London | ten euros |",
    ':::quote by="Somebody wise"\nGo west.\n:::',
    ":::note\nWords that are worth repeating.\n:::",
)


@pytest.fixture(scope="module")
def theme(tmp_path_factory: pytest.TempPathFactory) -> Theme:
    """The templates of a publication with a starter of its own, `letter`."""
    folder = tmp_path_factory.mktemp("starters")
    make(folder, Example(files={"templates/starter/issue-letter.md": OWN}))
    return Theme(publication=load_publication(folder / "newsletter.toml"))


def starter_problems(theme: Theme, text: str) -> list[Problem]:
    """Return what the rule says of an issue with this text."""
    path = theme.publication.issues / "2025-01-18-tried.md"
    context, _ = open_context(path, theme, EarlierIssues(publication=theme.publication), text=text)
    return list(run_rules(context, [RULES["NL024"]]))


def attempts(publication: PublicationSettings, number: int) -> Iterator[str]:
    """Yield starters in whole or in part: some of their lines, and some of their sentences in an author's text."""
    chance = random.Random(1843)
    for _ in range(number // 2):
        front, body = issue_file("Mars", publication, template=chance.choice(STARTERS)).decode().split("---\n", 2)[1:]
        lines = [line for line in body.splitlines() if not line.startswith(("|", ":::quote"))]
        kept = [line for line in lines if line.startswith(":::") or not line or chance.random() < 0.6]
        told = [line for line in kept if line.strip() and not line.startswith(":::") and "editors" not in line]
        yield f"---\n{front}---\n" + "\n".join(kept if told else lines)
        yield f"---\nsubject: Mars\n---\nWe flew there.\n\n{chance.choice(PLACEHOLDERS)}\n\nIt was red.\n"


def test_two_hundred_attempts_to_send_a_starter_in_whole_or_part_mail_nobody(theme: Theme) -> None:
    tried = list(attempts(theme.publication, 200))

    assert len(tried) == 200
    assert [text for text in tried if not starter_problems(theme, text)] == []


@pytest.mark.parametrize("sentence", PLACEHOLDERS)
def test_a_single_sentence_of_a_starter_is_an_error_at_its_line(theme: Theme, sentence: str) -> None:
    problems = starter_problems(theme, f"---\nsubject: Mars\n---\nWe flew there.\n\n{sentence}\n")

    assert problems
    assert all(5 < problem.line <= 6 + sentence.count("\n") for problem in problems)


def test_a_finding_quotes_starter_text_without_half_of_its_emphasis(theme: Theme) -> None:
    (problem,) = starter_problems(theme, "---\nsubject: Mars\n---\nWe flew. *Why it matters* comes next.\n")

    assert 'the starter\'s: "Why it matters comes next"' in problem.message


def test_the_place_of_starter_text_is_that_of_the_sentence(theme: Theme) -> None:
    (problem,) = starter_problems(
        theme, "---\nsubject: Mars\n---\nWe flew. What happened, in a sentence or two. Red.\n"
    )

    assert (problem.line, problem.column) == (4, 10)
    assert '"What happened, in a sentence or two"' in problem.message


@pytest.mark.parametrize(
    "body",
    [
        'Good morning {{ first_name | default("there") }}.\n\nWe flew to Mars.',
        "Yours, the editors of this letter.\n\nWe flew to Mars.",
        ':::news title="Also this week"\n- **Mars** We flew there.\n:::',
        "- **Who:** Ada.\n- **When:** on Monday.",
        "What happened, in a sentence: we flew.",
        "It was the week in which a headline was one fact.",
        "<!-- What happened, in a sentence or two. -->\nWe flew to Mars.",
    ],
)
def test_words_that_belong_in_every_issue_stay(theme: Theme, body: str) -> None:
    assert starter_problems(theme, f"---\nsubject: Mars\n# preheader: What this letter is about.\n---\n{body}\n") == []


@pytest.mark.parametrize(
    "body", ['Good morning {{ first_name | default("there") }}.', "Yours, the editors of this letter."]
)
def test_an_issue_of_which_only_the_greeting_is_left_is_not_written_yet(theme: Theme, body: str) -> None:
    (problem,) = starter_problems(theme, f'---\nsubject: Mars\n---\n{body}\n\n:::article title="Mars"\n:::\n')

    assert (problem.line, problem.message) == (4, "nothing is written yet: every word is the starter's")


def test_a_preheader_of_a_starter_is_an_error(theme: Theme) -> None:
    texts = ["The line that inboxes show after the subject.", "What this letter is about."]

    lines = [
        starter_problems(theme, f"---\nsubject: Mars\npreheader: {text}\n---\nWe flew.\n")[0].line for text in texts
    ]

    assert lines == [3, 3]


def test_the_mark_of_words_that_stay_is_not_copied_into_issues(theme: Theme) -> None:
    written = issue_file("Mars", theme.publication, template="letter").decode()

    assert "nl-ignore" not in written
    assert written.endswith(":::\n\nYours, the editors of this letter.\n")


def test_an_author_may_keep_one_sentence_of_a_starter_with_a_reason(tmp_path: Path) -> None:
    kept = Example(body="We flew. This was the week. <!-- nl-ignore NL024: our motto -->")

    assert "NL024" not in [problem.rule for problem in check(tmp_path, kept)]


def test_starter_text_holds_a_campaign_and_each_sentence_is_named_on_a_line_of_its_own(tmp_path: Path) -> None:
    path = make(tmp_path, Example(body="We flew.\n\nWhat happened, in a sentence or two.\n\n- Short lines are read."))
    publication = load_publication(tmp_path / "newsletter.toml")

    with pytest.raises(Stopped) as refused:
        gate(publication, build_issue(publication, path))

    lines = str(refused.value).splitlines()
    assert [line.partition(": ")[0].strip() for line in lines[1:3]] == [
        f"issues/{path.name}:7:1",
        f"issues/{path.name}:9:3",
    ]


def test_a_new_issue_is_not_mailed_until_it_is_written_but_a_test_of_it_is(
    newsletter: Run, publication_folder: Path
) -> None:
    newsletter("subscribers", "add", "ada@example.com", cwd=publication_folder)
    path = publication_folder / newsletter("new", "Hello", cwd=publication_folder).stdout.strip()

    tested = newsletter("test", "hello", "--to", "bob@example.com", cwd=publication_folder)
    sent = newsletter("send", "hello", "--yes", cwd=publication_folder)
    scheduled = newsletter("schedule", "hello", "--at", "2099-01-01 07:00", "--yes", cwd=publication_folder)
    path.write_text("---\nsubject: Hello\n---\nWe flew to Mars.\n", encoding="utf-8")
    written = newsletter("send", "hello", "--yes", cwd=publication_folder)

    assert [tested.returncode, sent.returncode, scheduled.returncode, written.returncode] == [0, 1, 1, 0]
    assert "[NL024]" in sent.stderr
    assert len([*(publication_folder / "outbox").rglob("*.eml")]) == 2
