"""Update the shipped catalogues with the messages of templates, pages and code.

    python tools/translations.py            update every catalogue: add new messages, empty, and drop old ones
    python tools/translations.py it         begin a catalogue for Italian, too

Maintainers run it after a change of words (`make translations`) and fill in the empty translations. The test
of the catalogues fails until every message is there.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_python
from babel.messages.pofile import read_po, write_po
from jinja2.ext import babel_extract

from newsletter.config import SignupSection
from newsletter.rendering.translations import FOLDER, TRANSLATED_SETTINGS

ROOT = Path(__file__).parent.parent
CATALOGUES = ROOT / "templates" / FOLDER
_KEYWORDS: dict[str, Any] = {"_": None, "gettext": None, "ngettext": (1, 2)}
_COMMENTS = ["Translators:"]
_WIDTH = 110
_HEADER = r"""msgid ""
msgstr ""
"Language: {code}\n"
"Content-Type: text/plain; charset=utf-8\n"
"Plural-Forms: {plural};\n"

"""


def main(new: list[str]) -> None:
    """Write every catalogue anew, and one for each language in `new`."""
    words = collected()
    for file in sorted({*CATALOGUES.glob("*.po"), *(CATALOGUES / f"{code}.po" for code in new)}):
        known = _known(file)
        known.update(words, no_fuzzy_matching=True, update_header_comment=False, update_creation_date=False)
        write(file, known)
        empty = sum(not all(forms(message.string)) for message in known if message.id)
        print(f"{file.relative_to(ROOT)}: {len(known)} messages" + (f", {empty} to translate" if empty else ""))


def write(file: Path, catalogue: Catalog) -> None:
    """Write a catalogue without what changes at every writing: times and line numbers."""
    with file.open("wb") as stream:
        stream.write(_HEADER.format(code=file.stem, plural=catalogue.plural_forms.rstrip(";")).encode())
        options = {"ignore_obsolete": True, "include_lineno": False, "sort_by_file": True}
        write_po(stream, catalogue, width=_WIDTH, omit_header=True, **options)


def collected() -> Catalog:
    """Return every message that readers may see, with the files that hold it."""
    catalogue = Catalog()
    for path, function, message, comments in _messages():
        # The third argument of ngettext("one", "many", n) is no text.
        ids = tuple(message[:2]) if function == "ngettext" and isinstance(message, tuple) else message
        if isinstance(ids, tuple) and function != "ngettext":
            ids = ids[0]
        catalogue.add(ids, locations=[(str(path.relative_to(ROOT)), 0)], auto_comments=comments)
    for name in TRANSLATED_SETTINGS:
        text = getattr(SignupSection(), name).replace("%", "%%")
        catalogue.add(text, locations=[("newsletter/config/settings.py", 0)], auto_comments=[f"[signup] {name}"])
    return catalogue


def forms(text: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
    """Return a message's forms: one, or as many as the language has for numbers."""
    return (text or "",) if isinstance(text, str | None) else tuple(text)


def _messages() -> Iterator[tuple[Path, str | None, Any, list[str]]]:
    templates = (path for path in (ROOT / "templates").rglob("*") if path.suffix in (".mjml", ".txt", ".html", ".xml"))
    for path in sorted(path for path in templates if "starter" not in path.parts):
        with path.open("rb") as stream:
            options = {"newstyle_gettext": "true", "silent": "false"}
            for _line, function, message, comments in babel_extract(stream, tuple(_KEYWORDS), _COMMENTS, options):
                yield path, function, message, comments
    for path in sorted((ROOT / "newsletter").rglob("*.py")):
        with path.open("rb") as stream:
            for _line, function, message, comments in extract_python(stream, _KEYWORDS, _COMMENTS, {}):
                if message and all(forms(message)[:1]):
                    yield path, function, message, comments


def _known(file: Path) -> Catalog:
    if not file.exists():
        return Catalog(locale=file.stem.replace("-", "_"))
    with file.open("rb") as stream:
        return read_po(stream, locale=file.stem.replace("-", "_"))


if __name__ == "__main__":
    main(sys.argv[1:])
