"""Render the readers' pages from the templates in `templates/pages/`, and their one style sheet.

A template that the publication does not have comes from the package, as with issues. Values are escaped for HTML;
a template's `_("...")` is translated into the reader's language.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import ChoiceLoader, Environment, StrictUndefined
from markupsafe import Markup, escape

from newsletter.config import PublicationSettings
from newsletter.issues.images import picture_url
from newsletter.issues.templates import TemplateLoader, package_templates
from newsletter.rendering import colours
from newsletter.rendering.translations import Language, Translations


class Pages:
    """The pages of one publication; each template is compiled when it is first rendered."""

    def __init__(self, publication: PublicationSettings) -> None:
        self._publication = publication
        folders = [folder for folder in (publication.templates, package_templates()) if folder.is_dir()]
        self.translations = Translations(folders)
        self._environment = _environment(folders)
        self._by_language: dict[str, Mapping[str, object]] = {}
        self.url = publication.config.publication.url
        self.zone = publication.config.publication.timezone
        self.base = urlsplit(self.url).path
        """The prefix of all our paths: empty, unless the publication lives in a folder of its host."""

    def render(self, name: str, language: Language, values: Mapping[str, object]) -> str:
        """Return a template, filled, in a language."""
        template = self._environment.get_template(f"pages/{name}")
        return template.render({**self._shared_values, **self._language_values(language), **values})

    def version(self, name: str) -> str:
        """Return a template's version: it changes with the template's source."""
        loader = self._environment.loader
        assert loader is not None
        source, _, _ = loader.get_source(self._environment, f"pages/{name}")
        return hashlib.sha256(source.encode()).hexdigest()[:12]

    def path(self, path: str) -> str:
        """Return the address under which a browser finds one of our paths."""
        return self.base + path

    @cached_property
    def style(self) -> bytes:
        """The style sheet, made from the theme's settings."""
        theme = self._publication.config.theme
        schemes = {"light": asdict(colours.light(theme)), "dark": asdict(colours.dark(theme))}
        # A style sheet is no HTML: its quotes have to stay.
        template = self._environment.overlay(autoescape=False).get_template("pages/style.css")
        return template.render(theme=theme, **schemes).encode()

    @cached_property
    def style_path(self) -> str:
        """The style sheet's address, which changes with its content, so that browsers may keep it for ever."""
        return self.path(f"/style.css?{hashlib.sha256(self.style).hexdigest()[:16]}")

    @cached_property
    def _shared_values(self) -> dict[str, object]:
        """The values that every page may use, in any language."""
        config = self._publication.config
        logo, logo_dark = config.theme.logo, config.theme.logo_dark
        return {
            "publication": config.publication,
            "lists": config.lists,
            "theme": config.theme,
            "light": colours.light(config.theme),
            "dark": colours.dark(config.theme),
            "path": self.path,
            "address": _address,
            "style_path": self.style_path,
            "logo": picture_url(self._publication.root, self.base, logo) if logo else "",
            "logo_dark": picture_url(self._publication.root, self.base, logo_dark) if logo_dark else "",
        }

    def _language_values(self, language: Language) -> Mapping[str, object]:
        """Return the values that every page may use in a language."""
        if language.code not in self._by_language:
            signup = language.signup(self._publication.config.signup)
            own = {"language": language.code, "dir": language.direction, "signup": signup}
            joined = {"listed": lambda names: Markup(language.listed([isolated(name) for name in names]))}
            self._by_language[language.code] = {**language.for_templates(escape), **own, **joined}
        return self._by_language[language.code]


def isolated(name: str) -> Markup:
    """Return a name for use in a sentence whose script may run the other way."""
    return Markup("<bdi>{}</bdi>").format(name)


def _address(email: str) -> Markup:
    """Return an email address for use in a sentence whose script may run the other way."""
    return Markup('<strong dir="ltr">{}</strong>').format(email)


def _environment(folders: Sequence[Path]) -> Environment:
    environment = Environment(
        loader=ChoiceLoader([TemplateLoader(folder) for folder in folders]),
        extensions=["jinja2.ext.i18n"],
        autoescape=True,
        # A misspelt value fails, instead of showing nothing.
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.extend(newstyle_gettext=True)  # placeholders are filled by what is called
    return environment
