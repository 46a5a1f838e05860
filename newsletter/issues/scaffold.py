"""What a new publication and a new issue begin as: the files, and writing them or none.

Their words are in templates/starter/. Nothing that exists is ever overwritten.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import date, datetime
from pathlib import Path
from string import Template

from newsletter.config import CONFIG_NAME, Publication
from newsletter.errors import ConfigError, NewsletterError, suggestion
from newsletter.issues.issue import free_slug, issue_files, shown_path, slug_of, slugify
from newsletter.issues.json_schema import config_schema
from newsletter.issues.templates import package_templates, template_names

GIT_IGNORE = ".gitignore"
EDITOR = ".vscode/"
"""What the editor reads: docs/editors.md."""


def publication_files(*, name: str, url: str, sender: str, timezone: str) -> dict[str, bytes]:
    """The files of a new publication, by path. A path that ends in `/` is an empty folder."""
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
    """Every template of the package that a publication may change, by path."""
    root = package_templates()
    found = (
        path for path in sorted(root.rglob("*")) if path.is_file() and "starter" not in path.relative_to(root).parts
    )
    return {f"templates/{path.relative_to(root).as_posix()}": path.read_bytes() for path in found}


def new_issue(title: str, publication: Publication, *, day: str | None = None, template: str | None = None) -> Path:
    """Write the file of a new issue, named for its day and its title; returns its path.

    Raises ConfigError for a title, a day or a template that cannot be, NewsletterError when this very issue exists.
    """
    title = _title(title)
    when = issue_day(day, publication)
    text = issue_file(title, publication, template=template)
    path = publication.issues / f"{when}-{_slug(publication, title, when)}.md"
    write_new(publication.root, {f"issues/{path.name}": text})
    return path


def _title(text: str) -> str:
    """One line of words. Raises ConfigError for what no subject may hold."""
    title = " ".join(text.split())
    if re.search(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]", title):
        raise ConfigError("the title holds a control character", hint="Write it again without.")
    if not slugify(title):
        hint = "The file and its web address are named for them."
        raise ConfigError(f'the title "{title}" has no letter and no digit', hint=hint)
    return title


def _slug(publication: Publication, title: str, when: date) -> str:
    """A slug no other issue has. Raises NewsletterError when this very issue exists."""
    slug = slugify(title)
    path = publication.issues / f"{when}-{slug}.md"
    if path.exists():
        raise NewsletterError("this issue exists and is left as it is", place=shown_path(publication, path))
    return free_slug(slug, {slug_of(file) for file in issue_files(publication)})


def issue_file(title: str, publication: Publication, *, template: str | None = None) -> bytes:
    """The text of a new issue; builds as it stands, whatever the title holds.

    `template` names a skeleton, a layout, or both. Raises ConfigError, with what there is, when it names neither,
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
    except (OSError, UnicodeDecodeError) as error:
        raise NewsletterError(f"cannot be read: {error}", place=str(skeleton)) from error
    return Template(text).safe_substitute(subject=_escaped(title), template=lines).encode()


def _skeletons(publication: Publication) -> dict[str, Path]:
    """What a new issue may begin as, by name: `starter/issue-<name>.md`, the publication's own before the package's."""
    found: dict[str, Path] = {}
    for folder in (package_templates(), publication.templates):
        for path in (folder / "starter").glob("issue-*.md"):
            found[path.stem.removeprefix("issue-")] = path
        if (plain := folder / "starter" / "issue.md").is_file():
            found["issue"] = plain
    return found


def issue_day(text: str | None, publication: Publication) -> date:
    """The day named, or today in the publication's time zone. Raises ConfigError."""
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
    """A file of templates/starter/ with its `$names` filled in."""
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
        with path.open("xb") as file:
            undo.callback(path.unlink)
            file.write(content)


def _missing(folder: Path) -> Iterator[Path]:
    """The folders to make, outermost first."""
    return (each for each in reversed([folder, *folder.parents]) if not each.is_dir())


def _quoted(text: str) -> str:
    """A string of TOML and of YAML; both read JSON's."""
    return json.dumps(text, ensure_ascii=False)


def _escaped(title: str) -> str:
    """The title inside double quotes, of YAML and of a block's field; braces in it are no merge tag."""
    text = title.replace("\\", "\\\\").replace('"', '\\"')
    return re.sub(r"\{[{%]", r"\\\g<0>", text)
