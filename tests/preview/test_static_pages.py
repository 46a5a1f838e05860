"""`newsletter preview --static`: every issue in every view as files, which need no server and load nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from newsletter.cli.main import cli
from newsletter.config import PublicationSettings, load_publication
from newsletter.errors import ConfigError
from newsletter.issues.issue import issue_files
from newsletter.preview.static_pages import SHOWN, write_static
from tests import ROOT


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("static")
    publication = load_publication(ROOT / "newsletter.toml")
    write_static(publication, issue_files(publication), folder)
    return folder


def test_every_issue_is_there_in_every_view(written: Path) -> None:
    slugs = {path.parent.name for path in written.glob("*/index.html")}
    assert slugs == {"chip-rules", "sanctions-so-far", "zero-sum"}
    for slug in slugs:
        assert {path.stem for path in (written / slug).iterdir()} == {"index", *SHOWN} - {"phone"}


def test_every_link_leads_to_a_file_of_the_folder(written: Path) -> None:
    for page in [written / "index.html", *written.glob("*/index.html")]:
        for address in re.findall(r'(?:href|src)="([^"#]+)"', page.read_text(encoding="utf-8")):
            assert (page.parent / address).resolve().is_relative_to(written)
            assert (page.parent / address).is_file(), address


def test_the_pages_run_no_script_and_load_nothing_from_elsewhere(written: Path) -> None:
    for page in written.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "<script" not in text
        assert not re.search(r'(?:src|background)="https?://|url\(["\']?https?://|<link', text), page
        if page.name != "index.html":
            assert "default-src 'none'" in text


def test_pictures_are_files_that_issues_share(written: Path) -> None:
    text = (written / "chip-rules" / "desktop.html").read_text(encoding="utf-8")
    names = re.findall(r"\.\./pictures/([0-9a-f]{16}\.png)", text)
    assert len(names) >= 4
    assert all((written / "pictures" / name).is_file() for name in names)


def test_an_issue_that_cannot_be_built_shows_what_is_wrong(tmp_path: Path, publication_folder: Path) -> None:
    (publication_folder / "issues").mkdir()
    path = publication_folder / "issues" / "2025-01-17-broken.md"
    path.write_text('---\nsubject: "A <b>bold</b> subject"\n---\n:::nonsense\n:::\n', encoding="utf-8")
    publication: PublicationSettings = load_publication(publication_folder / "newsletter.toml")
    write_static(publication, [path], tmp_path / "out")

    page = (tmp_path / "out" / "broken" / "index.html").read_text(encoding="utf-8")
    assert "iframe src" not in page
    assert "nonsense" in page
    assert "A &lt;b&gt;bold&lt;/b&gt; subject" in page
    assert "it would not be sent" in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")


def test_the_command_writes_one_issue_or_all(tmp_path: Path) -> None:
    config = ["--config", str(ROOT / "newsletter.toml"), "preview"]
    result = CliRunner().invoke(cli, [*config, "zero-sum", "--static", str(tmp_path / "one")])
    assert result.stdout == f"{tmp_path / 'one' / 'index.html'}\n"
    assert [path.parent.name for path in (tmp_path / "one").glob("*/index.html")] == ["zero-sum"]


def test_a_folder_that_cannot_be_written_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    publication = load_publication(ROOT / "newsletter.toml")
    with pytest.raises(ConfigError, match="cannot be written"):
        write_static(publication, [], tmp_path / "file" / "out")
