"""Translations: the program's own words in a reader's language, and the choice of that language.

English is the source: it is written in the templates, needs no catalogue, and Babel is not imported for it.
Other languages are `translations/<language>.po` beside the templates, a publication's before the package's.
`tools/translations.py` collects the messages from the templates.
"""

from __future__ import annotations

import gettext
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import msgspec

from newsletter.config import SignupSection
from newsletter.errors import NewsletterError, not_utf8

SOURCE = "en"
"""The language that templates are written in."""
FOLDER = "translations"
PLACEHOLDER = re.compile(r"%\((\w+)\)s")
TRANSLATED_SETTINGS = ("heading", "text", "button", "forwarded")
"""Keys of `[signup]` whose default is translated; a publication's own words are not."""
_RIGHT_TO_LEFT = {"ar", "arc", "ckb", "dv", "fa", "he", "ks", "ps", "sd", "ug", "ur", "yi"}
"""Languages written from right to left (CLDR, layout.xml)."""
_AMERICAN = ("en", "en-US")
"""Languages whose dates are written without Babel."""
_RANGE = re.compile(r"\s*([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*)?")


def direction(code: str) -> str:
    """Return `rtl` for a language written from right to left, else `ltr`."""
    return "rtl" if _base(code) in _RIGHT_TO_LEFT else "ltr"


@dataclass(frozen=True, kw_only=True)
class Language:
    """A language: its words where there is a catalogue, English words where there is none, and its dates."""

    code: str
    """The code as the settings or a browser have it: `de`, `pt-BR`."""
    _catalogue: gettext.NullTranslations = field(repr=False)

    @property
    def direction(self) -> str:
        """The direction of writing, `ltr` or `rtl`."""
        return direction(self.code)

    def gettext(self, message: str, **values: object) -> str:
        """Return the message with its placeholders filled."""
        return self._catalogue.gettext(message) % values

    def ngettext(self, singular: str, plural: str, n: int, **values: object) -> str:
        """Return the form of the message that goes with the number, which is the placeholder `n`."""
        return self._catalogue.ngettext(singular, plural, n) % {"n": n, **values}

    def for_templates(self, safe: Callable[[object], Any]) -> dict[str, Callable[..., Any]]:
        """Return the functions behind `_()`, `ngettext()` and `{% trans %}`; `safe` escapes words for the template."""

        def filled(message: str, values: Mapping[str, object]) -> Any:
            return safe(message) % {name: safe(value) for name, value in values.items()}

        @lru_cache(maxsize=1024)
        def whole(message: str) -> Any:
            return filled(self._catalogue.gettext(message), {})

        def translate(message: str, **values: object) -> Any:
            return filled(self._catalogue.gettext(message), values) if values else whole(message)

        def translate_plural(singular: str, plural: str, n: int, **values: object) -> Any:
            return filled(self._catalogue.ngettext(singular, plural, n), {"n": n, **values})

        return {"gettext": translate, "ngettext": translate_plural}

    def signup(self, section: SignupSection) -> SignupSection:
        """Return `[signup]` with its default words in this language."""
        default = SignupSection()
        words = {name: getattr(section, name) for name in TRANSLATED_SETTINGS}
        changed = {
            name: self.gettext(text.replace("%", "%%"))
            for name, text in words.items()
            if text and text == getattr(default, name)
        }
        return msgspec.structs.replace(section, **changed)

    def listed(self, names: Sequence[str]) -> str:
        """Return names as a list in words: `Daily and Weekly`."""
        if _base(self.code) == SOURCE:
            return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
        from babel.lists import format_list

        locale = locale_of(self.code)
        return str(format_list(names, locale=locale)) if locale else ", ".join(names)

    def date_line(self, day: date) -> str:
        """Return a day with its day of the week: `Friday, January 17`."""
        return self._written(f"{day:%A, %B} {day.day}", day, _day_of_the_week)

    def full_date(self, day: date) -> str:
        """Return a day with its year: `January 17, 2025`."""
        return self._written(f"{day:%B} {day.day}, {day.year}", day, lambda _locale: "long")

    def _written(self, american: str, day: date, pattern: Callable[[Any], str]) -> str:
        if self.code in _AMERICAN:
            return american
        from babel.dates import format_date

        locale = locale_of(self.code)
        if locale is None:
            return american
        text: str = format_date(day, pattern(locale), locale)
        return text[:1].upper() + text[1:]  # it begins a line


def locale_of(code: str) -> Any | None:
    """Return Babel's data of a language and its country; None for a language that it does not know."""
    from babel import Locale, UnknownLocaleError

    try:
        return Locale.parse(code.replace("_", "-"), sep="-")
    except (UnknownLocaleError, ValueError):
        return None


def _day_of_the_week(locale: Any) -> str:
    """Return a language's pattern of day, month and day of the week, in full."""
    from babel.dates import match_skeleton

    patterns = locale.datetime_skeletons
    pattern = patterns[match_skeleton("MMMMEEEEd", patterns)].pattern
    return re.sub(r"('[^']*')|E+|c+|M{3,}", lambda part: part[1] or part[0][0] * 4, pattern)


class Translations:
    """The languages of a publication: the shipped ones and its own."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """Look for catalogues beside the templates of `folders`, the publication's first."""
        self._folders = [folder / FOLDER for folder in folders]
        self._languages: dict[str, Language] = {}

    @cached_property
    def codes(self) -> list[str]:
        """The languages with words: English, and each that has a catalogue."""
        return sorted({SOURCE, *(file.stem for folder in self._folders for file in folder.glob("*.po"))})

    def language(self, code: str) -> Language:
        """Return the language with this code. Raises NewsletterError with the line of a broken catalogue."""
        if code not in self._languages:
            self._languages[code] = Language(code=code, _catalogue=self._catalogue(code))
        return self._languages[code]

    def choose(self, preferred: Iterable[str], accept_language: str, default: str) -> Language:
        """Return the first language that has words: of `preferred` in order, then of an `Accept-Language` header.

        Without one, `default` is returned.
        """
        known = {code.lower(): code for code in self.codes}
        for wanted in (*preferred, *_ranges(accept_language)):
            code = known.get(wanted.lower()) or known.get(_base(wanted))
            if code:
                return self.language(_country(wanted) if code == SOURCE else code)
        return self.language(default)

    def _catalogue(self, code: str) -> gettext.NullTranslations:
        names = dict.fromkeys([code, _base(code)])
        files = [folder / f"{name}.po" for name in names for folder in self._folders]
        compiled = [_read(file, file.stat().st_mtime_ns) for file in files if file.is_file()]
        catalogue = gettext.NullTranslations()
        # Each asks the next: the publication's words, the package's, a base language's, English.
        for content in reversed(compiled):
            preferred = gettext.GNUTranslations(io.BytesIO(content))
            preferred.add_fallback(catalogue)
            catalogue = preferred
        return catalogue


# The time of change is an argument only to be part of the key of the cache.
@lru_cache(maxsize=64)
def _read(file: Path, _changed: int) -> bytes:
    """Return a catalogue compiled to the form that the standard library reads (MO)."""
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import PoFileError, read_po

    place = f"templates/{FOLDER}/{file.name}"
    try:
        with file.open("rb") as stream:
            catalogue = read_po(stream, locale=file.stem.replace("-", "_"), abort_invalid=True)
    except PoFileError as error:
        raise NewsletterError(str(error), place=f"{place}:{error.lineno + 1}") from error
    except UnicodeDecodeError as error:
        raise _not_utf8(file, place, error) from error
    except (ValueError, OSError) as error:
        raise NewsletterError(f"not a catalogue: {error}", place=place) from error
    # A wrong placeholder would fail for the reader, in the middle of a page.
    for message in catalogue:
        if message.id and (wrong := wrong_placeholder(message.id, message.string)):
            hint = "A translation fills the places its message has, and writes a percent sign as %%."
            raise NewsletterError(f'no place "{wrong}" in the message', place=f"{place}:{message.lineno}", hint=hint)
    out = io.BytesIO()
    write_mo(out, catalogue)
    return out.getvalue()


def wrong_placeholder(source: str | Sequence[str], translated: str | Sequence[str] | None) -> str:
    """Return the first placeholder of a translation that its message cannot fill; empty when there is none."""
    known = {name for text in _forms(source) for name in PLACEHOLDER.findall(text)}
    for text in _forms(translated):
        unknown = [f"%({name})s" for name in PLACEHOLDER.findall(text) if name not in known]
        if unknown or "%" in PLACEHOLDER.sub("", text).replace("%%", ""):
            return (unknown or ["%"])[0]
    return ""


def _forms(text: str | Sequence[str] | None) -> Sequence[str]:
    return (text or "",) if isinstance(text, str | None) else text


def _country(code: str) -> str:
    """Return the English of a country, such as `en-GB`: it has no catalogue, but dates of its own."""
    if code.lower() in ("en", "en-us"):
        return SOURCE
    locale = locale_of(code)
    return str(locale).replace("_", "-") if locale else SOURCE


def _base(code: str) -> str:
    return re.split("[-_]", code.lower())[0]


def _ranges(header: str) -> list[str]:
    """Return the languages of an `Accept-Language` header (RFC 9110, 12.5.4), the most wanted first."""
    wanted = []
    for part in header[:1000].split(","):
        if (match := _RANGE.fullmatch(part)) and (weight := float(match[2] or 1)) > 0:
            wanted.append((weight, match[1]))
    return [code for _weight, code in sorted(wanted, key=lambda pair: -pair[0])]


def _not_utf8(file: Path, place: str, error: UnicodeDecodeError) -> NewsletterError:
    """Return the error with the line of the file: Babel's knows its own line alone."""
    whole = file.read_bytes()
    return not_utf8(UnicodeDecodeError("utf-8", whole, whole.find(error.object) + error.start, len(whole), ""), place)
