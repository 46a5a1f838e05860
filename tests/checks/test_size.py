"""Sizes: the bytes of each block, the place where Gmail cuts, and the block to leave out."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.checks.context.context import EarlierIssues
from newsletter.checks.context.rule import Example
from newsletter.checks.rules.size import CLIPPED, Sizes, sizes
from newsletter.checks.run import open_context
from newsletter.config import load_publication
from newsletter.rendering.theme import Theme
from tests.checks.publications import check, make

SENTENCE = "A sentence that says nothing, at length. "


def note(sentences: int) -> str:
    return f":::note\n{SENTENCE * sentences}\n:::\n\n"


def weighed(folder: Path, example: Example) -> tuple[Sizes, int]:
    """The sizes of an example, and the bytes of its HTML with slots open."""
    path = make(folder, example)
    publication = load_publication(folder / "newsletter.toml")
    context, _ = open_context(path, Theme(publication=publication), EarlierIssues(publication=publication))
    return sizes(context), len(context.message.html.encode())


def test_a_block_weighs_what_its_words_weigh_more(tmp_path: Path) -> None:
    few, _ = weighed(tmp_path, Example(body=note(1)))
    many, _ = weighed(tmp_path, Example(body=note(101)))

    assert many.blocks[0].size - few.blocks[0].size == 100 * len(SENTENCE)
    assert many.total - few.total == 100 * len(SENTENCE)


def test_every_link_weighs_what_tracking_adds(tmp_path: Path) -> None:
    body = "Read [the report](https://example.com/report)."
    plain, _ = weighed(tmp_path, Example(body=body, settings="[check]\nlink_allowance = 0\n"))
    tracked, _ = weighed(tmp_path, Example(body=body, settings="[check]\nlink_allowance = 100\n"))

    assert tracked.blocks[0].size - plain.blocks[0].size == 100
    assert (tracked.total - plain.total) % 100 == 0


def test_the_longest_reader_is_weighed(tmp_path: Path) -> None:
    body = 'Good morning {{ first_name | default("x") }}. ' * 50
    heavy, compiled = weighed(tmp_path, Example(body=body, settings="[check]\nlink_allowance = 0\n"))

    assert heavy.total > compiled + 50 * 150


def test_the_cut_is_named_with_the_smallest_block_whose_loss_is_enough(tmp_path: Path) -> None:
    body = note(600) + note(1000) + note(900) + "The end.\n"

    (problem,) = [problem for problem in check(tmp_path, Example(body=body)) if problem.rule == "NL102"]

    assert problem.line == 5 + 4 + 4
    assert 'Gmail cuts it in the block "note"' in problem.message
    assert 'Cut the block "note" on line 5 (' in problem.hint
    assert problem.hint.index("line 9 ") < problem.hint.index("line 13 ")
    total = int(problem.message.split(" bytes")[0].split()[-1].replace(",", ""))
    assert total > CLIPPED


def test_a_cut_behind_the_last_block_is_in_the_footer(tmp_path: Path) -> None:
    light, _ = weighed(tmp_path, Example(body=note(1)))
    footer = light.total - light.blocks[0].start - light.blocks[0].size
    sentences = (CLIPPED - light.total + footer // 2) // len(SENTENCE) + 1

    (problem,) = [p for p in check(tmp_path, Example(body=note(sentences))) if p.rule == "NL102"]

    assert "in the footer" in problem.message


@pytest.mark.parametrize(
    ("sheet", "is_nested"),
    [
        ("@media screen { .g { color: red } } @media print { .g { color: red } }", False),
        ("@import url(a.css); @media screen { .g { color: red } }", False),
        ("@media screen { .g { color: red } @supports (color: red) { .g { color: red } } }", True),
    ],
)
def test_at_rules_beside_each_other_are_not_nested(tmp_path: Path, sheet: str, is_nested: bool) -> None:
    problems = check(tmp_path, Example(files={"templates/head.css": sheet}))

    assert bool([problem for problem in problems if problem.rule == "NL104"]) is is_nested
