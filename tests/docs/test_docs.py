"""The documentation is true: what the program has is in it, and has an example."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec
import pytest

import newsletter
from newsletter.cli.main import COMMANDS, load_command
from newsletter.config import Config
from newsletter.issues.blocks import KINDS
from newsletter.issues.front_matter import KEYS
from newsletter.providers import PROVIDERS
from tests import ROOT

PAGES = {path.name: path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]}
ALL = "\n".join(PAGES.values())


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command and sub-command, by the words that run it."""
    for name in COMMANDS:
        command = load_command(name)
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {part}", child) for part, child in command.commands.items())


def keys_of(section: type) -> list[str]:
    return [field.encode_name for field in msgspec.structs.fields(section)]


def section_of(page: str, heading: str) -> str:
    """The text under `## [heading...` or `## [[heading...`, to the next."""
    found = re.search(rf"^## \[\[?{heading}[^\n]*\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert found, f"no section ## [{heading}] in docs/configuration.md"
    return found[1]


def struct_of(annotation: object) -> type | None:
    """The settings of a section, or of each entry of a section of named ones."""
    kinds = [annotation, *getattr(annotation, "__args__", ())]
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, msgspec.Struct)), None)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_documentation(name: str) -> None:
    assert f"newsletter {name}" in ALL


def test_every_command_has_help_a_promise_and_an_example() -> None:
    for words, command in commands():
        text = command.help or ""
        assert re.match(r"[A-Z][^\n]+\.(\n|$)", text), f"{words}: the help begins with a sentence"
        assert "Examples:" in text, f"{words}: no examples"
        assert f"newsletter {words.split()[0]}" in text.partition("Examples:")[2], (
            f"{words}: an example runs something else"
        )


def test_every_option_is_explained_without_a_full_stop() -> None:
    for words, command in commands():
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.help, f"{words} {option.opts[0]}: no help"
                assert not option.help.endswith("."), f"{words} {option.opts[0]}: ends with a full stop"


@pytest.mark.parametrize("field", msgspec.structs.fields(Config), ids=lambda field: field.name)
def test_every_setting_is_in_the_documentation(field: msgspec.structs.FieldInfo) -> None:
    text = section_of(PAGES["configuration.md"], field.encode_name)

    settings = struct_of(field.type)
    missing = [key for key in keys_of(settings) if f"`{key}`" not in text] if settings else []

    assert not missing, f"[{field.encode_name}] is documented without {missing}"


def test_the_documentation_has_no_setting_that_is_not_there() -> None:
    for field in msgspec.structs.fields(Config):
        settings = struct_of(field.type)
        text = section_of(PAGES["configuration.md"], field.encode_name)
        told = [
            key for row in re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE) for key in re.findall(r"`(\w+)`", row)
        ]
        assert not settings or set(told) <= set(keys_of(settings)), field.encode_name


def test_every_default_in_the_documentation_is_the_one_in_the_program() -> None:
    for field in msgspec.structs.fields(Config):
        settings = struct_of(field.type)
        for setting in msgspec.structs.fields(settings) if settings else ():
            default = setting.default
            if isinstance(default, str) and default:
                rows = re.findall(
                    rf"^\|[^|]*`{setting.encode_name}`[^|]*\|([^\n]+)",
                    section_of(PAGES["configuration.md"], field.encode_name),
                    re.MULTILINE,
                )
                assert rows, f"{field.encode_name}.{setting.encode_name} has no row"
                assert f'`"{default}"`' in rows[0], (
                    f"{field.encode_name}.{setting.encode_name} is {default!r} in the program"
                )


@pytest.mark.parametrize("name", KINDS)
def test_every_block_and_each_of_its_fields_is_in_the_documentation(name: str) -> None:
    row = re.search(rf"^\| `{name}` \|[^\n]*", PAGES["writing.md"].partition("## Blocks")[2], re.MULTILINE)

    assert row, f"no row for {name} in docs/writing.md"
    assert not [field for field in KINDS[name].fields if f"`{field}" not in row[0]]


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_provider_and_each_of_its_keys_is_in_the_documentation(name: str) -> None:
    module, _, attribute = PROVIDERS[name].partition(":")
    provider = getattr(importlib.import_module(module), attribute)
    row = re.search(rf"^\| `{name}` \|[^\n]*", PAGES["configuration.md"], re.MULTILINE)

    assert row, f"no row for {name} in docs/configuration.md"
    assert not [setting.name for setting in provider.settings if f"`{setting.name}`" not in row[0]]


@pytest.mark.parametrize("key", KEYS)
def test_every_key_of_front_matter_is_in_the_documentation(key: str) -> None:
    assert f"| `{key}` |" in PAGES["writing.md"].partition("## Blocks")[0]


def test_links_between_pages_lead_somewhere() -> None:
    for name, text in PAGES.items():
        folder = ROOT if name == "README.md" else ROOT / "docs"
        prose = re.sub(r"```.*?```|`+[^`\n]*`+", "", text, flags=re.DOTALL)
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", prose):
            assert (folder / target).exists(), f"{name} links to {target}"


def test_links_to_a_heading_find_it() -> None:
    anchors = {name: {anchor(line) for line in re.findall(r"^#+ (.*)$", text, re.M)} for name, text in PAGES.items()}
    for name, text in PAGES.items():
        for page, heading in re.findall(r"\]\((?!https?:|mailto:)([^)#\s]*)#([^)\s]+)\)", text):
            target = Path(page).name or name
            assert target not in PAGES or heading in anchors[target], f"{name} links to {page}#{heading}"


def anchor(heading: str) -> str:
    """The address of a heading, as GitHub and GitLab write it: no punctuation, dashes for spaces."""
    shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", shown.strip().lower()).replace(" ", "-")


def test_the_map_names_every_package_and_ground_file_and_none_that_is_gone() -> None:
    words = newsletter.__doc__ or ""
    folders = {folder.name for folder in (ROOT / "newsletter").iterdir() if (folder / "__init__.py").exists()}
    files = {path.name for path in (ROOT / "newsletter").glob("*.py")} - {"__main__.py", "__init__.py"}

    assert set(re.findall(r"^    (\w+)/ ", words, re.MULTILINE)) == folders
    assert files <= set(re.findall(r"\b\w+\.py\b", words))


@pytest.mark.parametrize("init", sorted((ROOT / "newsletter").rglob("__init__.py")), ids=lambda path: path.parent.name)
def test_a_package_s_docstring_names_files_that_are_there(init: Path) -> None:
    named = re.findall(r"\b[\w/]+\.py\b", ast.get_docstring(ast.parse(init.read_text(encoding="utf-8"))) or "")
    there = (init.parent, init.parent.parent, ROOT / "newsletter", init.parent.parent.parent)

    assert not [name for name in named if not any((folder / name).exists() for folder in there)]
