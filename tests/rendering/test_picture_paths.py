"""A picture is found under the name that its author wrote, by everything that looks for it."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.checks.run import check_issue
from newsletter.config import PublicationSettings, load_publication
from newsletter.issues.images import picture_path, picture_url
from newsletter.preview.local_images import local_pictures
from newsletter.rendering.preview_file import with_pictures
from newsletter.web.public.image_cache import locate_image
from tests.support.writing import PNG, built, write

BASE = "https://news.example.com"
NFD = unicodedata.normalize("NFD", "grün.png")
MARKDOWN = [
    ("my chart.png", "<images/my chart.png>"),
    ("my chart.png", "images/my%20chart.png"),
    ("my chart.png", "./images/my%20chart.png"),
    ("my chart.png", "images/../images/my%20chart.png"),
    ("my chart.png", "images\\my%20chart.png"),
    ("my%20chart.png", "images/my%20chart.png"),
    ("grün.png", "images/grün.png"),
    ("grün.png", "images/gr%C3%BCn.png"),
    ("grün.png", f"images/{NFD}"),
    (NFD, "images/grün.png"),
    (NFD, "images/gr%C3%BCn.png"),
    ("100%.png", "images/100%.png"),
    ("100%.png", "images/100%25.png"),
    ("what?.png", "images/what?.png"),
    ("no#1.png", "images/no#1.png"),
    ("no#1.png", "images/no%231.png"),
    ("a&b.png", "images/a&b.png"),
    ("it's (new).png", "<images/it's (new).png>"),
    ("CHART.PNG", "images/CHART.PNG"),
    ("zwei/tief.png", "images/zwei//tief.png"),
]
FIELDS = [
    *((stored, written.strip("<>")) for stored, written in MARKDOWN),
    ("my chart.png", "images/my chart.png"),
]


def _with_picture(folder: Path, stored: str) -> None:
    file = folder / "images" / stored
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(PNG)


def _addresses(html: str) -> list[str]:
    return re.findall(r'<img [^>]*src="([^"]*)"', html)


@pytest.mark.parametrize(("stored", "written"), MARKDOWN)
def test_a_picture_in_markdown_is_the_file_of_that_name(publication_folder: Path, stored: str, written: str) -> None:
    _with_picture(publication_folder, stored)

    html = built(publication_folder, f"![A chart]({written})").message.html

    assert _addresses(html) == [f"{BASE}/images/{quote(stored)}"]


@pytest.mark.parametrize("form", ["x[^1]\n\n[^1]: {}", ":::news\n- {} **Title** x\n:::", "| {} |\n|---|"])
def test_a_picture_is_found_by_its_name_wherever_markdown_stands(publication_folder: Path, form: str) -> None:
    _with_picture(publication_folder, "grün 1.png")

    html = built(publication_folder, form.format("![A chart](images/gr%C3%BCn%201.png)")).message.html

    assert _addresses(html) == [f"{BASE}/images/gr%C3%BCn%201.png"]


@pytest.mark.parametrize(("stored", "written"), FIELDS)
def test_a_picture_in_a_field_is_the_file_of_that_name(publication_folder: Path, stored: str, written: str) -> None:
    _with_picture(publication_folder, stored)
    value = written.replace("\\", "\\\\")

    html = built(publication_folder, f':::image src="{value}" alt="A chart" /').message.html

    assert _addresses(html) == [f"{BASE}/images/{quote(stored)}"]


@pytest.mark.parametrize(("stored", "written"), MARKDOWN)
def test_check_preview_server_and_file_show_the_same_picture(
    publication_folder: Path, stored: str, written: str
) -> None:
    _with_picture(publication_folder, stored)
    body = f"![A chart]({written})\n\n:::news\n- ![A chart]({written}) Title\n:::\n"
    built_issue = built(publication_folder, body)
    publication, html = built_issue.theme.publication, built_issue.message.html
    file = publication_folder / "images" / stored

    path = write(publication_folder, f"---\nsubject: Hello\n---\n{body}")
    found = {problem.rule for problem in check_issue(publication, path)}
    shown = local_pictures(publication, html)
    served = locate_image(publication.root, stored)

    assert not found & {"NL012", "NL401", "NL402", "NL404", "NL303"}
    assert [picture.file.resolve() for picture in shown] == [file.resolve()]
    assert served
    assert served[0] == file.resolve()
    assert 'src="data:image/png;base64,' in with_pictures(html, publication)


def test_a_picture_that_is_missing_is_named_as_its_author_wrote_it(publication_folder: Path) -> None:
    path = write(publication_folder, "---\nsubject: Hello\n---\n![A chart](images/grün%20.png)\n")

    problem = next(p for p in check_issue(_opened(publication_folder), path) if p.rule == "NL012")

    assert problem.message == 'no picture "images/grün .png"'


@pytest.mark.parametrize("path", ["x" * 5_000 + ".png", "a\0.png", "images/%00.png", "..%2foutside.png"])
def test_a_path_that_can_be_no_file_is_one_finding(publication_folder: Path, path: str) -> None:
    issue = write(publication_folder, f'---\nsubject: Hello\n---\n:::image src="{path}" alt="A chart" /\n')

    problems = [p for p in check_issue(_opened(publication_folder), issue) if p.severity == "error"]

    assert len(problems) == 1


def _opened(folder: Path) -> PublicationSettings:
    return load_publication(folder / "newsletter.toml")


NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="/\0\\", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(name=NAMES.filter(lambda name: name.strip(".") == name and len(name.encode()) < 200))
def test_whatever_a_file_is_called_its_address_leads_back_to_it(tmp_path: Path, name: str) -> None:
    file = tmp_path / "images" / f"{name}.png"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(PNG)
    written = f"images/{name}.png"

    address = picture_url(tmp_path, BASE, written)

    assert address == f"{BASE}/images/{quote(name)}.png"
    assert picture_path(tmp_path, quote(written)) == written
    file.unlink()
