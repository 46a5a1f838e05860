"""Every rule of the catalogue is fired by one of its examples and not by the other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from newsletter.checks.catalogue import RULES
from newsletter.checks.context.rule import ERROR, Example, Rule, Scope, rule
from tests.checks.publications import check

EVERY_BLOCK = """Good morning {{ first_name | default("there") }}.

:::article title="The rules on chips tighten" url=https://example.com/chips source="Example Wire" label=Policy
What happened, in a sentence.
:::

:::news title="Recent news"
- [A camera that follows you](https://example.com/camera) It costs less than a dinner.
:::

:::sponsor name="Acme" url=https://acme.example.com
Servers that start before you ask.
:::

:::quote by="Grace Hopper" url=https://example.com/hopper
It has always been done that way.
:::

:::button https://example.com/read
Read the full story
:::

:::divider /

:::note title="A correction"
It was Monday.
:::

:::signup /
"""


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_the_example_of_a_rule_fires_it(rule: Rule, tmp_path: Path) -> None:
    problems = check(tmp_path, rule.fires)

    assert rule.id in [problem.rule for problem in problems]


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_the_other_example_of_a_rule_does_not(rule: Rule, tmp_path: Path) -> None:
    problems = check(tmp_path, rule.passes)

    assert rule.id not in [problem.rule for problem in problems]


def test_an_issue_without_a_fault_has_no_problem(tmp_path: Path) -> None:
    assert check(tmp_path, Example()) == []


def test_no_block_of_the_theme_is_found_fault_with_when_its_author_made_none(tmp_path: Path) -> None:
    problems = check(tmp_path, Example(body=EVERY_BLOCK))

    assert [(problem.rule, problem.message) for problem in problems] == []


def test_no_two_rules_share_an_id() -> None:
    register = rule("NL001", ERROR, Scope.SOURCE, summary="", why="", fix="", fires=Example(), passes=Example())

    with pytest.raises(ValueError, match="there is a rule NL001 already"):
        register(RULES["NL001"].find)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_every_rule_says_what_why_and_what_to_do_in_sentences(rule: Rule) -> None:
    assert re.fullmatch(r"NL\d{3}", rule.id)
    for sentence in (rule.summary, rule.why, rule.fix):
        assert re.fullmatch(r"[A-Z`].*\.", sentence), sentence
