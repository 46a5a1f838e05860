"""Find the templates that an issue may use: layouts, blocks, and where they lie on the disk.

A template absent from the publication's `templates/` comes from the package. Filling templates with
values is `rendering.theme`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from newsletter.config import PublicationSettings
from newsletter.errors import NewsletterError, not_utf8
from newsletter.issues.blocks import KINDS, BlockKind, kind_from_template

_PACKAGE = Path(__file__).resolve().parent.parent


def package_templates() -> Path:
    """Return the folder of the templates that come with the program: in the wheel, else in the checkout."""
    inside = _PACKAGE / "templates"
    return inside if inside.is_dir() else _PACKAGE.parent / "templates"


def template_folders(publication: PublicationSettings) -> tuple[Path, ...]:
    """Return the existing folders in which templates are looked for, the publication's own first."""
    return tuple(folder for folder in (publication.templates, package_templates()) if folder.is_dir())


def template_names(publication: PublicationSettings) -> frozenset[str]:
    """Return the names that `template:` in front matter may say."""
    return frozenset(file.stem for folder in template_folders(publication) for file in folder.glob("*.mjml"))


def block_kinds(publication: PublicationSettings) -> Mapping[str, BlockKind]:
    """Return the kinds of block by name: the built-in ones, and those of the publication's own templates.

    Raises NewsletterError at the template whose fields cannot be read.
    """
    own = publication.templates / "blocks"
    names = sorted(file.stem for file in own.glob("*.mjml")) if own.is_dir() else []
    # A file named like a built-in kind changes its look and keeps its fields.
    added = {name: _read_kind(own / f"{name}.mjml") for name in names if name not in KINDS and name != "text"}
    return {**KINDS, **added}


def _read_kind(file: Path) -> BlockKind:
    try:
        return kind_from_template(file.stem, file.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise not_utf8(error, f"templates/blocks/{file.name}") from error
    except (ValueError, OSError) as error:
        raise NewsletterError(str(error), place=f"templates/blocks/{file.name}:1") from error


class TemplateLoader(FileSystemLoader):
    """Loads templates for Jinja; one that is not UTF-8 is an error at its line."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        """Return the text of a template as Jinja wants it. Raises NewsletterError when it is not UTF-8."""
        try:
            return super().get_source(environment, template)
        except UnicodeDecodeError as error:
            raise not_utf8(error, f"templates/{template}") from error
