"""The JSON Schemas for editors: a validator accepts right files and refuses wrong ones."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from newsletter.config import Config, load_publication
from newsletter.errors import ConfigError
from newsletter.issues.front_matter import KEYS
from newsletter.issues.front_matter_yaml import split
from newsletter.issues.json_schema import config_schema, issue_schema
from tests import ROOT
from tests.conftest import Run


class EditorLoader(yaml.SafeLoader):
    """YAML as editors read it (1.2): a date is text."""


EditorLoader.yaml_implicit_resolvers = {
    sign: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for sign, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def mistakes(schema: dict[str, Any], value: object) -> list[str]:
    return [error.message for error in Draft202012Validator(schema).iter_errors(value)]


def front_matter(text: str) -> object:
    parts = split(text)
    assert parts
    return yaml.load(parts[0], Loader=EditorLoader)


def minimal(**changes: Any) -> dict[str, Any]:
    publication = {"name": "N", "url": "https://news.example.com", "from": "N <n@example.com>"}
    return {"publication": publication, "lists": {"daily": {"title": "N"}}, **changes}


@pytest.fixture(scope="module")
def sample() -> dict[str, Any]:
    return issue_schema(load_publication(ROOT / "newsletter.toml"))


def test_both_are_schemas_of_draft_2020_12(sample: dict[str, Any]) -> None:
    for schema in (config_schema(), issue_schema(None), sample):
        Draft202012Validator.check_schema(schema)
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_they_know_every_key_of_the_program_and_say_what_it_is() -> None:
    assert tuple(issue_schema(None)["properties"]) == KEYS
    assert set(config_schema()["properties"]) == set(Config.__struct_encode_fields__)
    assert all(key["description"] for key in issue_schema(None)["properties"].values())


def test_editors_say_of_a_setting_what_the_documentation_says() -> None:
    sections = config_schema()["properties"]

    assert sections["send"]["properties"]["rate"]["description"].startswith("At most so many messages in a time")
    assert sections["sponsors"]["additionalProperties"]["properties"]["image"]["description"] == "A path or an address."
    assert sections["draft"]["properties"]["from"]["description"].startswith("A list of feeds and pages")


def test_the_sample_files_are_right(sample: dict[str, Any]) -> None:
    assert mistakes(config_schema(), tomllib.loads((ROOT / "newsletter.toml").read_text(encoding="utf-8"))) == []
    for path in (ROOT / "issues").glob("*.md"):
        assert mistakes(sample, front_matter(path.read_text(encoding="utf-8"))) == [], path.name


def test_a_new_publication_and_a_new_issue_are_right(newsletter: Run, tmp_path: Path) -> None:
    newsletter("init", "news", "--timezone", "Asia/Kolkata")
    folder = tmp_path / "news"
    issue = folder / newsletter("new", "Hello: a #title", cwd=folder).stdout.strip()

    printed = newsletter("schema", "issue", cwd=folder)

    assert printed.returncode == 0
    assert mistakes(json.loads(printed.stdout), front_matter(issue.read_text(encoding="utf-8"))) == []
    assert mistakes(config_schema(), tomllib.loads((folder / "newsletter.toml").read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "front",
    [
        "preheader: no subject",
        "subject: ''",
        "subject: Hi\nsubjekt: Hi",
        "subject: Hi\ndate: tomorrow",
        "subject: Hi\nlist: dialy",
        "subject: Hi\nsegment: nobody",
        "subject: Hi\ntemplate: letter",
        "subject: Hi\nsignup: maybe",
        "subject: Hi\nsend_at: at noon",
        "subject: [Hi]",
    ],
)
def test_wrong_front_matter_is_found(sample: dict[str, Any], front: str) -> None:
    assert mistakes(sample, yaml.load(front, Loader=EditorLoader))


@pytest.mark.parametrize(
    "front",
    [
        "subject: 2025",
        "subject: Hi\npreheader:\nsegment: null",
        "subject: Hi\nsend_at: 2025-01-17T07:00:30 Europe/Berlin\nsignup: false",
        "subject: Hi\nsend_at: 2025-01-17 07:00 local\nsegment: engaged\nlist: weekly\ntemplate: issue",
    ],
)
def test_right_front_matter_is_left_alone(sample: dict[str, Any], front: str) -> None:
    assert mistakes(sample, yaml.load(front, Loader=EditorLoader)) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"send": {"rate": "fast"}},
        {"send": {"on_unknown": "maybe"}},
        {"send": {"patience": "a while"}},
        {"sned": {}},
        {"lists": {}},
        {"lists": {"daily": {}}},
        {"theme": {"accent": "blue"}},
        {"theme": {"logo_width": "wide"}},
        {"draft": {"limit": 0}},
        {"draft": {"from": "feed.xml"}},
        {"fields": {"plan": "words"}},
        {"publication": {"name": "N", "url": "http://news.example.com", "from": "n@example.com"}},
        {"publication": {"name": "N", "from": "n@example.com"}},
    ],
    ids=str,
)
def test_what_the_program_refuses_in_the_settings_editors_see(tmp_path: Path, wrong: dict[str, Any]) -> None:
    assert mistakes(config_schema(), minimal()) == []
    assert mistakes(config_schema(), minimal(**wrong))

    path = tmp_path / "newsletter.toml"
    path.write_text(toml_of(minimal(**wrong)))
    with pytest.raises(ConfigError):
        load_publication(path)


def toml_of(tables: dict[str, Any], above: str = "") -> str:
    """Return TOML of nested tables; the values are written as JSON, which TOML reads."""
    text = ""
    for name, value in tables.items():
        if isinstance(value, dict):
            text += f"[{above}{name}]\n" + toml_of({k: v for k, v in value.items() if not isinstance(v, dict)})
            text += toml_of({k: v for k, v in value.items() if isinstance(v, dict)}, f"{above}{name}.")
        else:
            text += f"{name} = {json.dumps(value)}\n"
    return text


def test_without_a_publication_any_name_may_be_one(newsletter: Run, tmp_path: Path) -> None:
    schema = json.loads(newsletter("schema", "issue").stdout)

    assert mistakes(schema, {"subject": "Hi", "list": "any", "template": "any"}) == []
    assert newsletter("--config", "gone.toml", "schema", "issue").returncode == 2
    assert newsletter("schema", "issues").returncode == 2
