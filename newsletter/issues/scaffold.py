"""Begin a publication or an issue: make its files from templates/starter/ and write all of them or none.

No file that exists is ever overwritten.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from string import Template

from newsletter.config import CONFIG_NAME, PublicationSettings
from newsletter.errors import ConfigError, NewsletterError, nearest, not_utf8, suggestion
from newsletter.issues.issue import issue_files, shown_path, slug_of
from newsletter.issues.json_schema import config_schema
from newsletter.issues.slugs import free_slug, slugify
from newsletter.issues.templates import package_templates, template_names

GIT_IGNORE = ".gitignore"
EDITOR = ".vscode/"
"""The folder with an editor's settings (docs/editors.md)."""
_STAYS_MARK = r"(?:<!--\s*nl-ignore\s+NL024\s*:[^\n]*?-->|#\s*nl-ignore\s+NL024\s*:[^\n]*)"
"""A mark in a starter that a sentence may stay in every issue; the issues themselves do without."""
_STAYS_LINE = re.compile(rf"^[ \t]*{_STAYS_MARK}[ \t]*\n", re.MULTILINE)
_STAYS = re.compile(rf"[ \t]*{_STAYS_MARK}(?=[ \t]*$)", re.MULTILINE)


def publication_files(*, name: str, url: str, sender: str, timezone: str) -> dict[str, bytes]:
    """Return the files of a new publication by path. A path that ends in `/` is an empty folder."""
    values = {"name": name, "url": url, "sender": sender, "timezone": timezone}
    return {
        CONFIG_NAME: starter("newsletter.toml", {key: _quoted(value) for key, value in values.items()}),
        "issues/": b"",
        "images/": b"",
        "templates/README.md": starter("templates.md", {}),
        f"{EDITOR}tasks.json": starter("tasks.json", {}),
        f"{EDITOR}extensions.json": starter("extensions.json", {}),
        f"{EDITOR}newsletter.schema.json": (json.dumps(config_schema(), indent=1) + "\n").encode(),
        GIT_IGNORE: starter("gitignore", {}),
    }


def template_files() -> dict[str, bytes]:
    """Return every template of the package that a publication may change, by path."""
    root = package_templates()
    files = (
        path for path in sorted(root.rglob("*")) if path.is_file() and "starter" not in path.relative_to(root).parts
    )
    return {f"templates/{path.relative_to(root).as_posix()}": path.read_bytes() for path in files}


def changeable_templates() -> list[str]:
    """Return the path, below `templates/`, of every template that a publication may have a version of its own of."""
    paths = (path.removeprefix("templates/") for path in template_files())
    return [path for path in paths if not path.startswith(("preview/", "api/"))]  # the program's own pages


def copy_template(publication: PublicationSettings, name: str) -> str:
    """Copy a template of the package into the publication to be changed; return its path below `templates/`.

    `name` is the path, or the name of a file without its ending. Raises NewsletterError when the publication has the
    file already, ConfigError when there is no such template.
    """
    known = changeable_templates()
    path = next(iter(templates_named(name)), "")
    if not path:
        near = nearest(name, {*known, *map(_stem, known)})
        meant = f'Did you mean "{near}"? ' if near else ""
        raise ConfigError(f'no template is named "{name}"', hint=f"{meant}See them all with: newsletter template")
    if (publication.templates / path).exists():
        hint = "Change it, or remove it to begin again with the program's."
        place = str(publication.templates / path)
        raise NewsletterError("the publication has this template already", place=place, hint=hint)
    content = template_files()[f"templates/{path}"]
    write_new(publication.templates, {path: content})
    return path


def templates_named(name: str) -> list[str]:
    """Return the templates with this path or name: layouts before blocks, emails and pages, MJML before text."""
    wanted = name.removeprefix("templates/")
    known = changeable_templates()
    if wanted in known:
        return [wanted]
    folders = ["", "blocks", "emails", "pages", "translations"]
    named = [path for path in known if wanted in (_stem(path), path.rpartition(".")[0])]
    return sorted(named, key=lambda path: (folders.index(path.rpartition("/")[0]), path.endswith(".txt"), path))


def _stem(path: str) -> str:
    return path.rpartition("/")[2].partition(".")[0]


def new_issue(
    title: str, publication: PublicationSettings, *, day: str | None = None, template: str | None = None
) -> Path:
    """Write the file of a new issue, named for its day and its title, and return its path.

    Raises ConfigError for an impossible title, day or template, NewsletterError when an issue of that name exists.
    """
    title = _title(title)
    date_ = issue_day(day, publication)
    text = issue_file(title, publication, template=template)
    path = publication.issues / f"{date_}-{_slug(publication, title, date_)}.md"
    write_new(publication.root, {f"issues/{path.name}": text})
    return path


def _title(text: str) -> str:
    """Return the title on one line. Raises ConfigError for a title that no subject or file name may hold."""
    title = " ".join(text.split())
    if re.search(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]", title):
        raise ConfigError("the title holds a control character", hint="Write it again without.")
    if not slugify(title):
        hint = "The file and its web address are named for them."
        raise ConfigError(f'the title "{title}" has no letter and no digit', hint=hint)
    return title


def _slug(publication: PublicationSettings, title: str, day: date) -> str:
    """Return a slug that no other issue has. Raises NewsletterError when an issue of that day and title exists."""
    slug = slugify(title)
    path = publication.issues / f"{day}-{slug}.md"
    if path.exists():
        hint = "Write on in it, or give the new one another title or day."
        raise NewsletterError("this issue exists and is left as it is", place=shown_path(publication, path), hint=hint)
    return free_slug(slug, {slug_of(file) for file in issue_files(publication)})


def issue_file(title: str, publication: PublicationSettings, *, template: str | None = None) -> bytes:
    """Return the text of a new issue, which builds as it stands whatever the title holds.

    `template` names a skeleton, a layout, or both. Raises ConfigError with the known names when it names neither,
    NewsletterError when a skeleton cannot be read.
    """
    layouts, skeletons = template_names(publication), _skeletons(publication)
    if template and template not in layouts and template not in skeletons:
        hint = suggestion(template, {*layouts, *skeletons}, "Templates")
        raise ConfigError(f'no template is named "{template}"', hint=hint)
    lines = f"template: {_quoted(template)}\n" if template in layouts else ""
    if template in skeletons and template in publication.config.lists:
        lines += f"list: {_quoted(template)}\n"
    skeleton = skeletons.get(template or "issue", skeletons["issue"])
    try:
        text = skeleton.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise not_utf8(error, str(skeleton)) from error
    except OSError as error:
        raise NewsletterError(f"cannot be read: {error}", place=str(skeleton)) from error
    # safe_substitute: a skeleton of the publication may hold a $ of its own, such as a price.
    text = _STAYS_LINE.sub("", text)
    return Template(_STAYS.sub("", text)).safe_substitute(subject=_escaped(title), template=lines).encode()


@dataclass(frozen=True, kw_only=True)
class StarterFile:
    """A file that new issues begin as."""

    path: Path
    is_own: bool
    """Tells whether it is the publication's own."""

    @property
    def shown(self) -> str:
        """The path as messages show it: from the publication's folder, or the file's name alone."""
        return f"templates/starter/{self.path.name}" if self.is_own else self.path.name


def starter_files(publication: PublicationSettings) -> list[StarterFile]:
    """Return every file that an issue of the publication may have begun as: the program's, then its own."""
    folders = {package_templates(): False, publication.templates: True}
    return [
        StarterFile(path=path, is_own=is_own)
        for folder, is_own in folders.items()
        for path in sorted((folder / "starter").glob("issue*.md"))
        if path.name == "issue.md" or path.name.startswith("issue-")
    ]


def _skeletons(publication: PublicationSettings) -> dict[str, Path]:
    """Return the files a new issue may begin as, by name: `starter/issue-<name>.md`, the publication's own first."""
    skeletons: dict[str, Path] = {}
    for folder in (package_templates(), publication.templates):
        for path in (folder / "starter").glob("issue-*.md"):
            skeletons[path.stem.removeprefix("issue-")] = path
        if (plain := folder / "starter" / "issue.md").is_file():
            skeletons["issue"] = plain
    return skeletons


def issue_day(text: str | None, publication: PublicationSettings) -> date:
    """Return the named day, or today in the publication's time zone. Raises ConfigError."""
    if text is None:
        return datetime.now(publication.config.publication.timezone).date()
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or str(day) != text:  # ISO 8601 has other spellings; a file name has one
        raise ConfigError(f'"{text}" is not a date', hint="Write one as 2025-01-17.")
    return day


def starter(file: str, values: Mapping[str, str]) -> bytes:
    """Return a file of templates/starter/ with its `$names` filled in."""
    text = (package_templates() / "starter" / file).read_text(encoding="utf-8")
    return Template(text).substitute(values).encode()


def write_new(root: Path, files: Mapping[str, bytes]) -> None:
    """Write all files below `root`, or none: raises NewsletterError if one exists or cannot be written."""
    for path in files:
        if not path.endswith("/") and (root / path).is_symlink() | (root / path).exists():
            raise NewsletterError("this file exists and is left as it is", place=str(root / path))
    with ExitStack() as undo:
        try:
            for path, content in files.items():
                _write(root / path, content, undo, is_folder=path.endswith("/"))
        except OSError as error:
            place = str(error.filename or root)
            raise NewsletterError(
                f"cannot be written: {error.strerror}", place=place, hint="Nothing was made."
            ) from error
        undo.pop_all()


def _write(path: Path, content: bytes, undo: ExitStack, *, is_folder: bool) -> None:
    for folder in _missing(path if is_folder else path.parent):
        folder.mkdir()
        undo.callback(folder.rmdir)
    if not is_folder:
        # x: a file that appeared meanwhile is not overwritten.
        with path.open("xb") as file:
            undo.callback(path.unlink)
            file.write(content)


def _missing(folder: Path) -> Iterator[Path]:
    """Return the folders that must be made for this one, outermost first."""
    return (each for each in reversed([folder, *folder.parents]) if not each.is_dir())


def _quoted(text: str) -> str:
    """Return a text as a string of TOML and of YAML; both read JSON's strings."""
    return json.dumps(text, ensure_ascii=False)


def _escaped(title: str) -> str:
    """Return the inside of a double-quoted value of YAML and of a block's field; its braces are no merge tag."""
    text = title.replace("\\", "\\\\").replace('"', '\\"')
    return re.sub(r"\{[{%]", r"\\\g<0>", text)
