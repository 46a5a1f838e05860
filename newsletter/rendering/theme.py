"""Theme: the templates of a publication, compiled and filled with values.

issues/templates.py finds the files. Whatever a template prints is made safe for MJML, in text and in
attributes alike.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from jinja2 import (
    ChoiceLoader,
    Environment,
    StrictUndefined,
    TemplateError,
    TemplateNotFound,
    TemplateSyntaxError,
)
from markupsafe import Markup

from newsletter.config import PublicationSettings
from newsletter.errors import NewsletterError, suggestion
from newsletter.issues.blocks import BlockKind
from newsletter.issues.templates import TemplateLoader, block_kinds, template_folders, template_names
from newsletter.rendering.translations import Translations

_SAFE = re.compile(r"[ -!#-%'-;=?-\[\]-~]*")
"""ASCII without `"`, `&`, `<`, `>` and the backslash."""
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""The characters that XML cannot hold, not even as references (XML 1.0, section 2.2); they are dropped."""


def encode(value: object) -> Markup:
    """Return a value made safe for MJML text and attributes.

    MRML writes attributes as Rust debug strings: anything but plain ASCII, and backslashes,
    line breaks and quotes, must arrive as character references.
    """
    if hasattr(value, "__html__"):
        return Markup(value)
    text = str(value)
    if _SAFE.fullmatch(text):
        return Markup(text)
    escaped = (
        html.escape(_FORBIDDEN.sub("", text), quote=True)
        .replace("\\", "&#92;")
        .replace("\n", "&#10;")
        .replace("\r", "&#13;")
        .replace("\t", "&#9;")
    )
    return Markup(escaped.encode("ascii", "xmlcharrefreplace").decode())


@dataclass(frozen=True, kw_only=True)
class Theme:
    """The templates of one publication, compiled when first used."""

    publication: PublicationSettings

    @cached_property
    def folders(self) -> tuple[Path, ...]:
        """The folders in which templates are looked for, the publication's own first."""
        return template_folders(self.publication)

    @cached_property
    def environment(self) -> Environment:
        """Jinja2's environment for MJML, with our encoder on everything that is printed."""
        loader = ChoiceLoader([TemplateLoader(folder) for folder in self.folders])
        environment = Environment(
            loader=loader,
            autoescape=True,
            finalize=encode,
            # A misspelt name in a template is an error with its line, not an empty place.
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],  # calls gettext of `Language.for_templates`, which is among the values
        )
        environment.extend(newstyle_gettext=True)  # placeholders are filled by what is called
        return environment

    @cached_property
    def translations(self) -> Translations:
        """The languages that templates can be shown in."""
        return Translations(self.folders)

    @cached_property
    def kinds(self) -> Mapping[str, BlockKind]:
        """The kinds of block: the built-in ones, and those of the publication's own templates."""
        return block_kinds(self.publication)

    @cached_property
    def templates(self) -> frozenset[str]:
        """The names that `template:` of an issue may have."""
        return template_names(self.publication)

    @cached_property
    def text_environment(self) -> Environment:
        """Jinja2's environment for plain text, where nothing needs to be made safe."""
        return self.environment.overlay(autoescape=False, finalize=str)

    def render_text(self, name: str, values: Mapping[str, object]) -> str:
        """Fill a plain-text template. Raises NewsletterError at the template's line."""
        return self._render(self.text_environment, name, values)

    def render(self, name: str, values: Mapping[str, object]) -> str:
        """Fill an MJML, HTML or CSS template. Raises NewsletterError at the template's line."""
        return self._render(self.environment, name, values)

    def _render(self, environment: Environment, name: str, values: Mapping[str, object]) -> str:
        try:
            return environment.get_template(name).render(values)
        except TemplateNotFound as error:
            hint = suggestion(str(error.name), self.templates, "Templates")
            raise NewsletterError(f"no template {error.name}", place=f"templates/{name}", hint=hint) from error
        except TemplateSyntaxError as error:
            raise NewsletterError(str(error.message), place=f"templates/{error.name or name}:{error.lineno}") from error
        except RecursionError as error:
            raise NewsletterError("the template includes itself", place=f"templates/{name}") from error
        except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as error:
            raise NewsletterError(str(error), place=f"templates/{name}:{_line_in_template(error)}") from error


def _line_in_template(error: BaseException) -> int:
    """Return the line that failed: that of the traceback's last frame in a template."""
    line, trace = 1, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.endswith((".mjml", ".css", ".txt", ".html")):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
