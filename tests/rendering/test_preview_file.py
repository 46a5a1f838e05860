"""`preview.html`: an email that shows its pictures wherever the file is opened."""

from __future__ import annotations

import re
from base64 import b64encode
from pathlib import Path

from newsletter.config import load_publication
from newsletter.rendering.output_files import files
from newsletter.rendering.preview_file import with_pictures
from tests.support.writing import PNG, built, message_for

EMBEDDED = f"data:image/png;base64,{b64encode(PNG).decode()}"


def preview(folder: Path, body: str) -> str:
    built_issue = built(folder, body)
    return files(built_issue.theme.publication, built_issue)["preview.html"].decode()


def test_it_is_the_email_with_the_publications_pictures_inside(publication_folder: Path) -> None:
    (publication_folder / "images").mkdir()
    (publication_folder / "images" / "a chip.png").write_bytes(PNG)
    (publication_folder / "logo.png").write_bytes(PNG)

    page = preview(publication_folder, ':::image src="images/a chip.png" alt="A chip" /\n\n![A logo](logo.png)')

    assert re.findall(r'<img\b[^>]*?\ssrc="([^"]*)"', page) == [EMBEDDED, EMBEDDED]
    without = page.replace(EMBEDDED, "")
    assert "https://news.example.com/images/" not in without
    assert 'alt="A chip"' in without


def test_a_picture_of_another_site_stays_an_address(publication_folder: Path) -> None:
    page = preview(
        publication_folder, "![](https://example.com/x.png)\n\n![](https://news.example.com/images/gone.png)"
    )

    assert 'src="https://example.com/x.png"' in page
    assert 'src="https://news.example.com/images/gone.png"' in page


def test_a_link_to_a_picture_stays_a_link(publication_folder: Path) -> None:
    (publication_folder / "chip.png").write_bytes(PNG)
    publication = load_publication(publication_folder / "newsletter.toml")
    address = "https://news.example.com/images/chip.png"

    page = with_pictures(f'<a href="{address}">x</a><td background="{address}" style="b:url({address})">', publication)

    assert page == f'<a href="{address}">x</a><td background="{EMBEDDED}" style="b:url({EMBEDDED})">'


def test_no_other_file_holds_a_picture(publication_folder: Path) -> None:
    (publication_folder / "chip.png").write_bytes(PNG)
    built_issue = built(publication_folder, "![](chip.png)")

    assert not [
        name for name, content in files(built_issue.theme.publication, built_issue).items() if b"data:" in content
    ][:-1]
    assert "data:" not in message_for(built_issue).html
