"""A build refuses settings that name missing pictures or unknown fields."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.errors import ConfigError
from tests.support.writing import PNG, built


@pytest.mark.parametrize(
    ("added", "line", "words"),
    [
        ('[theme]\nlogo = "images/none.png"', 11, '[theme] no picture "images/none.png"'),
        ('[sponsors.acme]\nname = "Acme"\nimage = "../acme.png"', 12, "[sponsors.acme] picture"),
        ('[segments.paying]\nplann = "pro"', 11, "plann"),
        (
            '[sponsors.acme]\nname = "Acme"\ntext = """\nWords.\n\n:::note\nWords.\n:::\n"""',
            15,
            "[sponsors.acme] text: a block",
        ),
        ('[sponsors.acme]\nname = "Acme"\ntext = """Words.\n\n:::\n"""', 14, '":::" closes a block, and none is open'),
        ('[sponsors.acme]\nname = "Acme"\ntext = "| a |\\n|---|\\n| b | c |"', 12, "more cells than its table"),
        ('[sponsors.acme]\nname = "Acme"\ntext = "![A](none.png)"', 12, 'no picture "none.png"'),
    ],
)
def test_a_setting_that_names_what_is_not_there_stops_the_build(
    publication_folder: Path, added: str, line: int, words: str
) -> None:
    settings = publication_folder / "newsletter.toml"
    settings.write_text(settings.read_text() + added)
    with pytest.raises(ConfigError) as caught:
        built(publication_folder, "Hello.")
    assert words in str(caught.value)
    assert caught.value.place.endswith(f"newsletter.toml:{line}")


def test_all_settings_that_name_what_is_not_there_are_said_at_once(publication_folder: Path) -> None:
    settings = publication_folder / "newsletter.toml"
    added = (
        '[segments.paying]\nplann = "pro"\nscore = "high"\n[theme]\nlogo = "none.png"\nlogo_dark = "dark.png"\n'
        '[sponsors.acme]\nname = "Acme"\nimage = "acme.png"\ntext = "![A](words.png)"\n'
    )
    settings.write_text(settings.read_text() + added)
    with pytest.raises(ConfigError) as caught:
        built(publication_folder, "Hello.")

    lines = settings.read_text().splitlines()
    wrong = [lines[int(error.place.rpartition(":")[2]) - 1].partition(" =")[0] for error in caught.value.each]
    assert wrong == ["plann", "score", "logo", "logo_dark", "image", "text"]


def test_a_logo_stands_in_the_masthead(publication_folder: Path) -> None:
    settings = publication_folder / "newsletter.toml"
    settings.write_text(settings.read_text() + '[theme]\nlogo = "logo.png"\nlogo_width = 120\n')
    (publication_folder / "logo.png").write_bytes(PNG)
    page = built(publication_folder, "Hello.").message.html
    assert 'src="https://news.example.com/images/logo.png"' in page
    assert 'width="120"' in page
