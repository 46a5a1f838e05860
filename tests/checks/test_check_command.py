"""`newsletter check`: its output for people, scripts and code hosts, and its exit codes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from newsletter.checks.catalogue import RULES
from newsletter.checks.context.rule import Example
from tests import ROOT
from tests.checks.publications import make
from tests.conftest import Run

BAD = Example(body="Über {{ first_name | default('dich') }}: [click here](/form) 世界.")


def test_the_sample_issues_have_no_problem(newsletter: Run) -> None:
    done = newsletter("check", "--strict", "--json", cwd=ROOT)

    assert (done.returncode, json.loads(done.stdout)) == (0, [])
    assert done.stderr == "3 issues checked: nothing wrong\n"


def test_a_problem_is_shown_with_its_line_a_caret_why_and_what_to_do(newsletter: Run, tmp_path: Path) -> None:
    make(tmp_path, BAD)

    done = newsletter("check", "chips", "--select", "NL210")

    assert done.returncode == 0
    assert done.stdout == (
        'issues/2025-01-17-chips.md:5:42: warning: the link says only "click here" [NL210]\n'
        "  |\n"
        "5 | Über {{ first_name | default('dich') }}: [click here](/form) 世界.\n"
        f"  | {' ' * 41}^^^^^^^^^^^^^^^^^^^\n"
        f"  = why: {RULES['NL210'].why}\n  = fix: {RULES['NL210'].fix}\n\n"
    )


def test_json_has_six_keys_and_counts_columns_in_characters(newsletter: Run, tmp_path: Path) -> None:
    make(tmp_path, BAD)

    done = newsletter("check", "--json", "--select", "NL401")

    assert done.returncode == 1
    assert json.loads(done.stdout) == [
        {
            "rule": "NL401",
            "severity": "error",
            "path": "issues/2025-01-17-chips.md",
            "line": 5,
            "column": 55,
            "message": '"/form" is not a whole address',
        }
    ]


def test_annotations_survive_percent_signs_and_lines(newsletter: Run, tmp_path: Path) -> None:
    make(tmp_path, Example(body="See [the form](/50%,form)."))

    done = newsletter("check", "--format", "github")

    assert done.stdout.startswith("::error file=issues/2025-01-17-chips.md,line=5,col=16,endColumn=25,title=NL401::")
    assert '"/50%2525,form"' in done.stdout
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "code"), [(["--strict"], 1), ([], 0), (["--strict", "--ignore", "NL210"], 0), (["--select", "NL4"], 0)]
)
def test_a_warning_fails_only_when_strict(newsletter: Run, tmp_path: Path, options: list[str], code: int) -> None:
    make(tmp_path, Example(body="See [click here](https://example.com/form)."))

    assert newsletter("check", *options).returncode == code


def test_settings_choose_rules_and_the_longer_match_decides(newsletter: Run, tmp_path: Path) -> None:
    make(tmp_path, Example(body=BAD.body, settings='[check]\nselect = ["NL4", "NL210"]\nignore = ["NL2"]\n'))

    done = newsletter("check", "--json")

    assert [problem["rule"] for problem in json.loads(done.stdout)] == ["NL210", "NL401"]


@pytest.mark.parametrize("option", ["--select", "--ignore", "--explain"])
def test_a_rule_that_is_none_is_a_wrong_option(newsletter: Run, tmp_path: Path, option: str) -> None:
    make(tmp_path, BAD)

    done = newsletter("check", option, "NL999")

    assert done.returncode == 2
    assert f'{option}: no rule is named "NL999"' in done.stderr


def test_a_rule_that_is_none_in_the_settings_is_told_with_its_line(newsletter: Run, tmp_path: Path) -> None:
    make(tmp_path, Example(settings='[check]\nignore = ["NL21O"]\n'))

    done = newsletter("check")

    assert done.returncode == 2
    assert re.match(r'newsletter: error: newsletter.toml:\d+: \[check\] ignore: no rule is named "NL21O"', done.stderr)


def test_every_rule_is_explained_without_a_publication(newsletter: Run) -> None:
    done = newsletter("check", "--explain", "nl102")

    assert done.returncode == 0
    for part in (RULES["NL102"].summary, RULES["NL102"].why, RULES["NL102"].fix, "40 long notes"):
        assert part in done.stdout


def test_build_warns_of_what_the_parser_noticed_and_asks_no_rule(newsletter: Run, tmp_path: Path) -> None:
    make(tmp_path, Example(body="Hello {{ company }}."))

    done = newsletter("build", "chips")

    assert done.returncode == 0
    assert done.stderr.count("newsletter: warning:") == 1
    assert 'field "company" is not declared' in done.stderr


def test_settings_that_are_wrong_are_told_once_for_all_issues(newsletter: Run, tmp_path: Path) -> None:
    settings = '[publication]\nname = "News"\nurl = "https://news.example.com"\nfrom = "News <no-reply@example.com>"\n'
    path = make(tmp_path, Example(settings=settings))
    (path.parent / "2025-01-18-more.md").write_text(path.read_text(encoding="utf-8"), encoding="utf-8")

    done = newsletter("check", "--json", "--select", "NL502,NL504")

    assert [problem["rule"] for problem in json.loads(done.stdout)] == ["NL502", "NL504"]
