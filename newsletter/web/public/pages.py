"""Pages: the templates in `templates/pages/`, filled and made safe, and their one style sheet.

A template absent from the publication comes from the package, as with issues. Values are
escaped for HTML; what a template calls `_("...")` is said in the reader's language.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from newsletter.config import Publication
from newsletter.issues.images import is_remote, picture_url
from newsletter.issues.templates import package_templates
from newsletter.rendering import colours
from newsletter.rendering.translations import Language, Translations


class Pages:
    """The pages of one publication; templates are compiled when first shown."""

    def __init__(self, publication: Publication) -> None:
        self._publication = publication
        folders = [folder for folder in (publication.templates, package_templates()) if folder.is_dir()]
        self.translations = Translations(folders)
        self._environment = _environment(folders)
        self._words: dict[str, Mapping[str, object]] = {}
        self.url = publication.config.publication.url
        self.base = urlsplit(self.url).path
        """What stands before every path of ours: empty, unless the publication lives in a folder of its host."""

    def render(self, name: str, language: Language, values: Mapping[str, object]) -> str:
        """One page in one language."""
        template = self._environment.get_template(f"pages/{name}")
        return template.render({**self._shared, **self._spoken(language), **values})

    def version(self, name: str) -> str:
        """Which version of a template it is: changes with its source."""
        loader = self._environment.loader
        assert loader is not None
        source, _, _ = loader.get_source(self._environment, f"pages/{name}")
        return hashlib.sha256(source.encode()).hexdigest()[:12]

    def path(self, path: str) -> str:
        """Where a browser finds one of our paths."""
        return self.base + path

    @cached_property
    def style(self) -> bytes:
        """The style sheet, made of the theme's settings."""
        theme = self._publication.config.theme
        schemes = {"light": asdict(colours.light(theme)), "dark": asdict(colours.dark(theme))}
        template = self._environment.overlay(autoescape=False).get_template("pages/style.css")
        return template.render(theme=theme, **schemes).encode()

    @cached_property
    def style_path(self) -> str:
        """Where it is: its address changes with what is in it, so that browsers may keep it for ever."""
        return self.path(f"/style.css?{hashlib.sha256(self.style).hexdigest()[:16]}")

    @cached_property
    def _shared(self) -> dict[str, object]:
        """What every page may use, in whatever language."""
        config = self._publication.config
        logo = config.theme.logo
        return {
            "publication": config.publication,
            "lists": config.lists,
            "theme": config.theme,
            "light": colours.light(config.theme),
            "dark": colours.dark(config.theme),
            "path": self.path,
            "address": _address,
            "style_path": self.style_path,
            "logo": (logo if is_remote(logo) else picture_url(self.base, logo)) if logo else "",
        }

    def _spoken(self, language: Language) -> Mapping[str, object]:
        """What every page may use, in this language."""
        if language.code not in self._words:
            self._words[language.code] = self._words_of(language)
        return self._words[language.code]

    def _words_of(self, language: Language) -> Mapping[str, object]:
        signup = language.signup(self._publication.config.signup)
        words = language.for_templates(escape)
        own = {"language": language.code, "dir": language.direction, "signup": signup}
        return {**words, **own, "listed": lambda names: Markup(language.listed([isolated(name) for name in names]))}


def isolated(name: str) -> Markup:
    """A name in a sentence, which may run the other way."""
    return Markup("<bdi>{}</bdi>").format(name)


def _address(email: str) -> Markup:
    """An email address in a sentence, which may run the other way."""
    return Markup('<strong dir="ltr">{}</strong>').format(email)


def _environment(folders: Sequence[Path]) -> Environment:
    environment = Environment(
        loader=ChoiceLoader([FileSystemLoader(folder) for folder in folders]),
        extensions=["jinja2.ext.i18n"],
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.extend(newstyle_gettext=True)  # placeholders are filled by what is called
    return environment
