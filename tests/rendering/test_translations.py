"""Translations: the catalogues are complete and well formed, and readers get the language they ask for."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st

from newsletter.config import load_publication
from newsletter.errors import NewsletterError
from newsletter.rendering.theme import Theme
from newsletter.rendering.translations import PLACEHOLDER, SOURCE, Translations, direction, wrong_placeholder
from tests.support.writing import built, message_for
from tools.translations import CATALOGUES, collected, forms

TRANSLATIONS = Translations([CATALOGUES.parent])
SHIPPED = ("ar", "de", "es", "fr")
BODY = ':::article title="Chips" author="Ada" source="Example" url=https://example.com/a\nA lead.\n:::'


def theme(folder: Path) -> Theme:
    return Theme(publication=load_publication(folder / "newsletter.toml"))


def in_language(folder: Path, code: str) -> Path:
    """Set the publication's language, and return its folder."""
    config = folder / "newsletter.toml"
    config.write_text(config.read_text().replace("[publication]", f'[publication]\nlanguage = "{code}"'))
    return folder


def own_catalogue(folder: Path, name: str, *pairs: tuple[str, str]) -> None:
    """Write a catalogue of the publication's own."""
    path = folder / "templates" / "translations" / name
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(f'msgid "{source}"\nmsgstr "{said}"\n' for source, said in pairs), encoding="utf-8")


@pytest.mark.parametrize("code", SHIPPED)
def test_a_shipped_catalogue_has_every_message_and_its_placeholders(code: str) -> None:
    with (CATALOGUES / f"{code}.po").open("rb") as stream:
        known = {message.id: message for message in read_po(stream, locale=code) if message.id}

    wanted = {message.id: message for message in collected() if message.id}

    assert known.keys() == wanted.keys(), "run `make translations`, then translate what is empty"
    for source, message in known.items():
        assert all(forms(message.string)), f"{source} is not translated"
        assert not message.fuzzy
        assert not wrong_placeholder(source, forms(message.string))
        # In the last form, that of many, nothing may be missing; "one reader" needs no number.
        assert set(PLACEHOLDER.findall(forms(message.string)[-1])) == set(PLACEHOLDER.findall(forms(source)[-1])), (
            source
        )


def test_the_shipped_languages_are_those_of_the_documentation() -> None:
    assert sorted(path.stem for path in CATALOGUES.glob("*.po")) == list(SHIPPED)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("de", ["Freitag, 17. Januar", "Von Ada", "Quelle: ", "Abmelden", "Jetzt abonnieren"]),
        ("fr", ["Vendredi 17 janvier", "Par Ada", "Source\N{NO-BREAK SPACE}: ", "Se désabonner", "S’abonner"]),
        ("es", ["Viernes, 17 de enero", "Por Ada", "Fuente: ", "Darse de baja", "Suscribirme"]),
        ("ar", ["الجمعة", "بقلم Ada", "المصدر: ", "إلغاء الاشتراك", "اشترك الآن"]),
    ],
)
def test_an_issue_speaks_its_publications_language(publication_folder: Path, code: str, words: list[str]) -> None:
    message = message_for(built(in_language(publication_folder, code), BODY))

    for said in (message.html, message.text):
        assert [word for word in words if word not in said] == []
        assert not re.search("Unsubscribe|Preferences|View in browser|Friday|Join|because", said)
    assert f'lang="{code}" dir="{direction(code)}"' in message.html


def test_a_list_has_a_language_of_its_own(publication_folder: Path) -> None:
    config = publication_folder / "newsletter.toml"
    config.write_text(config.read_text() + '\n[lists.woche]\ntitle = "Die Woche"\nlanguage = "de"\n')

    message = built(publication_folder, BODY, "subject: Hallo\nlist: woche").message

    assert "Abmelden" in message.text
    assert message.language == "de"


def test_a_publication_replaces_a_word_and_keeps_the_others(publication_folder: Path) -> None:
    own_catalogue(publication_folder, "de.po", ("Unsubscribe", "Tschüss <b>"))

    message = message_for(built(in_language(publication_folder, "de"), BODY))

    assert "Tschüss <b> <" in message.text
    assert "Tschüss &lt;b&gt;" in message.html
    assert "Einstellungen" in message.text


def test_a_publication_replaces_a_word_of_the_english_too(publication_folder: Path) -> None:
    own_catalogue(publication_folder, "en.po", ("Unsubscribe", "Leave"))

    assert "\nLeave <" in built(publication_folder, BODY).message.text


def test_a_publication_adds_a_language(publication_folder: Path) -> None:
    own_catalogue(publication_folder, "it.po", ("By %(author)s", "Di %(author)s"))

    text = built(in_language(publication_folder, "it"), BODY).message.text

    assert "Di Ada" in text
    assert "Venerdì 17 gennaio" in text
    assert "Unsubscribe" in text, "what has no translation stays English"


def test_words_that_the_publication_chose_are_not_translated(publication_folder: Path) -> None:
    config = in_language(publication_folder, "de") / "newsletter.toml"
    config.write_text(config.read_text() + '\n[signup]\nheading = "100 % Chips"\n')

    text = built(publication_folder, BODY).message.text

    assert "100 % Chips\nEilmeldungen" in text


@pytest.mark.parametrize("said", ["Von %(autor)s", "Von %s", "100 % %(author)s"])
def test_a_translation_that_cannot_be_filled_is_an_error_with_its_line(publication_folder: Path, said: str) -> None:
    own_catalogue(publication_folder, "de.po", ("Preferences", "Wahl"), ("By %(author)s", said))

    with pytest.raises(NewsletterError) as caught:
        theme(publication_folder).translations.language("de")

    assert caught.value.place == "templates/translations/de.po:4"


def test_a_broken_catalogue_is_an_error_with_its_line(publication_folder: Path) -> None:
    own_catalogue(publication_folder, "de.po")
    (publication_folder / "templates/translations/de.po").write_text('msgid "Preferences"\nWahl\n')

    with pytest.raises(NewsletterError) as caught:
        theme(publication_folder).translations.language("de")

    assert caught.value.place.startswith("templates/translations/de.po:")


@pytest.mark.parametrize(
    ("asked", "accepted", "chosen"),
    [
        ([], "de-AT,de;q=0.9,en;q=0.5", "de"),
        ([], "en;q=0.5, fr;q=0.8", "fr"),
        ([], "tlh, ar-EG;q=0.3", "ar"),
        ([], "de;q=0, *;q=0.1", "en"),
        ([], "en-gb", "en-GB"),
        ([], "en-xy;q=0.9", "en"),
        ([], "en-US", "en"),
        ([], ",;=;;q=x" * 1000, "en"),
        (["", "es"], "de", "es"),
        (["klingon", "FR"], "de", "fr"),
        (["../../etc/passwd"], "", "en"),
    ],
)
def test_the_language_is_what_the_reader_asks_for(asked: list[str], accepted: str, chosen: str) -> None:
    translations = Translations([CATALOGUES.parent])

    assert translations.choose(asked, accepted, SOURCE).code == chosen


@given(st.lists(st.text(max_size=12), max_size=3), st.text(max_size=200) | st.from_regex(r"([a-z-]{1,9};q=[01.]*,?)*"))
def test_whatever_a_browser_says_it_is_answered_in_a_language_there_is(asked: list[str], accepted: str) -> None:
    chosen = TRANSLATIONS.choose(asked, accepted, SOURCE).code

    assert chosen in SHIPPED or chosen.split("-")[0] == SOURCE


def test_dates_are_written_as_the_country_does() -> None:
    translations = Translations([CATALOGUES.parent])

    dates = {
        code: translations.language(code).full_date(date(2025, 1, 17)) for code in ("en", "en-GB", "de", "xx", "x-y")
    }

    assert dates == {
        "en": "January 17, 2025",
        "en-GB": "17 January 2025",
        "de": "17. Januar 2025",
        "xx": "January 17, 2025",
        "x-y": "January 17, 2025",
    }


def test_numbers_take_the_form_of_their_language(publication_folder: Path) -> None:
    path = publication_folder / "templates" / "translations" / "pl.po"
    path.parent.mkdir(parents=True)
    rule = '"Plural-Forms: nplurals=3; plural=(n==1 ? 0 : n%10>=2 && n%10<=4 ? 1 : 2);\\n"'
    some = "".join(f'msgstr[{at}] "%(n)s {word}"\n' for at, word in enumerate(["dzień", "dni", "dni!"]))
    path.write_text(f'msgid ""\nmsgstr ""\n{rule}\n\nmsgid "%(n)s day"\nmsgid_plural "%(n)s days"\n{some}')

    polish, english = (theme(publication_folder).translations.language(code) for code in ("pl", "en"))

    assert [polish.ngettext("%(n)s day", "%(n)s days", n) for n in (1, 3, 5)] == ["1 dzień", "3 dni", "5 dni!"]
    assert [english.ngettext("%(n)s day", "%(n)s days", n) for n in (1, 2)] == ["1 day", "2 days"]


def test_an_english_build_loads_no_babel(publication_folder: Path) -> None:
    built(publication_folder, BODY)
    program = (
        "import sys; from pathlib import Path; from tests.support.writing import built\n"
        f"built(Path({str(publication_folder)!r}), {BODY!r})\n"
        "print([name for name in sys.modules if name.split('.')[0] == 'babel'])"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=Path.cwd())

    assert done.stdout == "[]\n"
