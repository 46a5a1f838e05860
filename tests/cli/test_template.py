"""`newsletter template`: copy one template into the publication, to change it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from newsletter.config import load_publication
from newsletter.issues.scaffold import changeable_templates, copy_template
from newsletter.issues.templates import package_templates
from tests.conftest import Run
from tests.support.sending import settings

TEMPLATES = package_templates()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    settings(tmp_path, issue=True)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("issue", "issue.mjml"),
        ("article", "blocks/article.mjml"),
        ("blocks/article", "blocks/article.mjml"),
        ("templates/blocks/news.mjml", "blocks/news.mjml"),
        ("confirmation", "emails/confirmation.mjml"),
        ("emails/confirmation.txt", "emails/confirmation.txt"),
        ("subscribe", "pages/subscribe.html"),
        ("dark", "dark.css"),
        ("de", "translations/de.po"),
    ],
)
def test_a_template_is_copied_by_its_name_or_path(newsletter: Run, folder: Path, name: str, path: str) -> None:
    done = newsletter("template", name, cwd=folder)

    assert (done.returncode, done.stdout) == (0, f"templates/{path}\n")
    assert (folder / "templates" / path).read_bytes() == (TEMPLATES / path).read_bytes()


def test_files_of_the_same_name_are_named_beside_the_one_that_is_copied(newsletter: Run, folder: Path) -> None:
    assert "There are also: issue.txt, pages/issue.html." in newsletter("template", "issue", cwd=folder).stderr


def test_a_template_of_the_publication_is_never_overwritten(newsletter: Run, folder: Path) -> None:
    newsletter("template", "article", cwd=folder)
    own = folder / "templates" / "blocks" / "article.mjml"
    own.write_text("mine", encoding="utf-8")

    done = newsletter("template", "article", cwd=folder)

    assert done.returncode == 1
    assert "templates/blocks/article.mjml: the publication has this template already" in done.stderr
    assert own.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("name", ["artcle", "../newsletter.toml", "/etc/passwd", "preview/base.html", ""])
def test_a_template_that_does_not_exist_is_refused(newsletter: Run, folder: Path, name: str) -> None:
    done = newsletter("template", name, cwd=folder)

    assert done.returncode == 2
    assert "See them all with: newsletter template" in done.stderr
    assert not (folder / "templates").exists()


def test_all_templates_are_listed_with_those_of_the_publication(newsletter: Run, folder: Path) -> None:
    newsletter("template", "issue", cwd=folder)

    listed = newsletter("template", cwd=folder).stdout.splitlines()
    rows = json.loads(newsletter("template", "--json", cwd=folder).stdout)

    assert listed[0] == "blocks/article.mjml"
    assert "issue.mjml   (your own)" in listed
    assert [row["template"] for row in rows if row["own"]] == ["issue.mjml"]


def test_an_issue_looks_the_same_with_copies_of_its_templates(newsletter: Run, folder: Path) -> None:
    newsletter("build", "hello", cwd=folder)
    before = (folder / "build" / "hello" / "message.html").read_bytes()
    publication = load_publication(folder / "newsletter.toml")
    for path in changeable_templates():
        copy_template(publication, path)

    newsletter("build", "hello", cwd=folder)

    assert (folder / "build" / "hello" / "message.html").read_bytes() == before
