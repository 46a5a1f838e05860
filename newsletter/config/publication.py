"""PublicationSettings: newsletter.toml and its folder, read and checked once, whatever the command.

A wrong value is one ConfigError with the key, the value and the line. The file only names secrets (`env:NAME`);
`secret()` reads them when they are first needed. No other module reads newsletter.toml or the environment's secrets.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

from newsletter.config.errors import locate
from newsletter.config.mistakes import convert_settings
from newsletter.config.provider_settings import Fail, provider_mistakes
from newsletter.config.settings import Config, read_config
from newsletter.errors import MOST_SHOWN, ConfigError, NewsletterError, not_utf8, problem_of, suggestion, together

CONFIG_NAME = "newsletter.toml"
# The List-Id header (RFC 2919) and the addresses of pages have the name in them.
_LIST_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_DATABASE_URL = re.compile(r"(?P<kind>[A-Za-z][A-Za-z0-9+._-]*):(?://)?(?P<rest>.*)")
MOST_BYTES = 512 * 1024
"""Bytes of newsletter.toml, and of a file with a secret."""
MOST_NESTED = 500
"""Tables and lists that one line may open."""
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"|\'[^\']*\'')
DATABASE_HINT = "Write sqlite:///newsletter.db, postgresql://user:password@host/name, or `env:DATABASE_URL`."


@dataclass(frozen=True, kw_only=True)
class PublicationSettings:
    """The settings of newsletter.toml, and the folder that everything of the publication is in."""

    path: Path
    """The newsletter.toml."""
    config: Config

    @property
    def root(self) -> Path:
        """The folder that every path in the settings and in issues is relative to."""
        return self.path.parent

    @cached_property
    def default_list(self) -> str:
        """The list marked `default`, or else the first one."""
        marked = (name for name, entry in self.config.lists.items() if entry.default)
        return next(marked, next(iter(self.config.lists)))

    @property
    def templates(self) -> Path:
        """The folder of the publication's own templates; files that are absent there come from the package."""
        return self.root / "templates"

    @property
    def issues(self) -> Path:
        """The folder of the issue files."""
        return self.root / "issues"

    def place(self, *keys: str) -> str:
        """Return `newsletter.toml:12`, the line that sets `keys`, for messages."""
        return f"{_short(self.path)}:{locate(_read(self.path), keys)}"

    def error(self, keys: Sequence[str], message: str, hint: str) -> ConfigError:
        """Make the error about what newsletter.toml says at `keys`."""
        return ConfigError(message, place=self.place(*keys), hint=hint)


def find_config(path: str | None = None) -> Path:
    """Return the path given by `--config`, or else by NEWSLETTER_CONFIG, or else ./newsletter.toml."""
    return Path(path or os.environ.get("NEWSLETTER_CONFIG") or CONFIG_NAME).absolute()


def load_publication(path: Path) -> PublicationSettings:
    """Read and check newsletter.toml. Raises ConfigError with the key, the value and the line of each mistake."""
    text = _read(path)
    _check_nesting(path, text)
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(path, str(error)) from error
    except (RecursionError, ValueError) as error:  # ValueError: a number of thousands of digits
        place = f"{_short(path)}:{_line_of_most(text)}"
        raise ConfigError("not TOML that can be read: nested too deep, or a number too long", place=place) from error
    checked = convert_settings(raw, text, _short(path), Config, read_config)
    if checked.settings is None:
        raise _in_order(checked.errors)
    publication = PublicationSettings(path=path, config=checked.settings)
    if errors := [*checked.errors, *islice(_mistakes(publication, text, checked.wrong_tables), MOST_SHOWN)]:
        raise _in_order(errors)
    return publication


def _mistakes(publication: PublicationSettings, text: str, wrong_tables: Collection[str]) -> Iterator[ConfigError]:
    """Yield what is wrong with settings that are right by themselves."""
    config = publication.config
    if "lists" not in wrong_tables:  # without the wrong ones, it would seem that lists are missing
        yield from _wrong_lists(publication.path, text, config)
    yield from provider_mistakes(config.send.providers, config.providers, publication.error)
    try:
        check_database_url(config.database.url, publication.error)
    except ConfigError as error:
        yield error


def _in_order(errors: Iterable[ConfigError]) -> NewsletterError:
    """Return one error that says the first of these in the file's order, at most MOST_SHOWN."""
    return together(sorted(errors, key=lambda error: problem_of(error).line)[:MOST_SHOWN])


def secret(value: str, *, key: str) -> str:
    """Return the secret that `env:NAME` names: the variable, or the content of the file that NAME_FILE names.

    `key` is the setting, for the message. Raises ConfigError when there is neither.
    """
    name = value.removeprefix("env:")
    if not value.startswith("env:") or not name:
        raise ConfigError(f"{key} holds a secret", hint='Write the name of a variable instead: "env:NAME".')
    if value_of_name := os.environ.get(name):
        return value_of_name
    if file := os.environ.get(f"{name}_FILE"):
        return _read(Path(file)).strip()
    raise ConfigError(
        f"{name} is not set ({key} names it)", hint=f"Set {name}, or {name}_FILE to a file that holds it."
    )


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ConfigError(
                f"the file is over {MOST_BYTES >> 10:,} KiB", place=_short(path), hint="Is it the right file?"
            )
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        hint = "Make one with `newsletter init`, or name another with --config."
        raise ConfigError("no such file", place=_short(path), hint=hint) from error
    except UnicodeDecodeError as error:
        raise not_utf8(error, _short(path), ConfigError) from error
    except OSError as error:
        raise ConfigError(error.strerror or "cannot be read", place=_short(path)) from error


def _check_nesting(path: Path, text: str) -> None:
    """Raise ConfigError for a line that tomllib would take minutes for: thousands of brackets or of dotted keys."""
    for number, line in enumerate(text.splitlines(), start=1):
        bare = _STRINGS.sub("", line)
        if bare.count("[") + bare.count("{") > MOST_NESTED or bare.partition("=")[0].count(".") > MOST_NESTED:
            message = f"the line opens more than {MOST_NESTED} tables or lists"
            raise ConfigError(message, place=f"{_short(path)}:{number}", hint="No setting needs so many.")


def _line_of_most(text: str) -> int:
    """Return the line at which the most lists and tables are open, or else that of the longest number."""
    depths, depth, longest = [], 0, []
    for line in text.splitlines():
        bare = _STRINGS.sub("", line)
        depth += len(re.findall(r"[\[{]", bare)) - len(re.findall(r"[\]}]", bare))
        depths.append(depth)
        longest.append(max(map(len, re.findall(r"\d+", bare)), default=0))
    ranks = longest if max(depths) < 50 else depths
    return ranks.index(max(ranks)) + 1


def _short(path: Path) -> str:
    """Return the path as the user would type it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):  # elsewhere; or the folder the user is in was deleted
        return str(path)


def _not_toml(path: Path, message: str) -> ConfigError:
    position = re.search(r"\s*\(at line (\d+), column (\d+)\)", message)
    if position is None:  # "(at end of document)"
        last = len(_read(path).splitlines())
        return ConfigError(f"not TOML: {message.split(' (at')[0]}", place=f"{_short(path)}:{last}")
    place = f"{_short(path)}:{position[1]}:{position[2]}"
    return ConfigError(f"not TOML: {message[: position.start()]}", place=place)


def _wrong_lists(path: Path, text: str, config: Config) -> Iterator[ConfigError]:
    """Check the lists' names, and that there is at least one list and at most one default."""
    for name, entry in config.lists.items():
        if not _LIST_NAME.fullmatch(name):
            place = f"{_short(path)}:{locate(text, ['lists', name])}"
            hint = "It is a part of addresses and headers: use letters, digits, `-` and `_`."
            yield ConfigError(f'no list can be named "{name}"', place=place, hint=hint)
        if entry.digest_of and (error := _wrong_digest(path, text, config, name)):
            yield error
    defaults = [name for name, entry in config.lists.items() if entry.default]
    if not config.lists:
        hint = 'Add [lists.daily] with title = "..." and default = true.'
        yield ConfigError("no list of readers", place=_short(path), hint=hint)
    if len(defaults) > 1:
        place = f"{_short(path)}:{locate(text, ['lists', defaults[1], 'default'])}"
        yield ConfigError(
            f"two default lists: {', '.join(defaults)}", place=place, hint="Keep `default = true` on one."
        )


def _wrong_digest(path: Path, text: str, config: Config, name: str) -> ConfigError | None:
    """Return what is wrong with a list's `digest_of`: it names another list, which is no digest itself."""
    source = config.lists[name].digest_of
    place = f"{_short(path)}:{locate(text, ['lists', name, 'digest_of'])}"
    if source == name or source not in config.lists:
        hint = suggestion(source, [other for other in config.lists if other != name], "Lists")
        return ConfigError(f'[lists.{name}] digest_of: no other list is named "{source}"', place=place, hint=hint)
    if config.lists[source].digest_of:
        hint = f'Name the list that has every issue: "{config.lists[source].digest_of}".'
        return ConfigError(f"[lists.{name}] digest_of: {source} is a digest itself", place=place, hint=hint)
    return None


def check_database_url(url: str, fail: Fail) -> None:
    """Check that `[database] url` names a SQLite file or PostgreSQL; opens nothing. Raises the error of `fail`."""
    keys = ("database", "url")
    if url.startswith("env:"):  # read when the database is opened
        return
    match = _DATABASE_URL.fullmatch(url)
    if match is None or "://" not in url:
        raise fail(keys, "[database] url is not a database's address", DATABASE_HINT)
    if match["kind"] in ("postgresql", "postgres"):
        return
    if match["kind"] != "sqlite":
        raise fail(keys, f'[database] url: no database is named "{match["kind"]}"', DATABASE_HINT)
    if match["rest"] in ("", "/", "/:memory:", ":memory:"):
        raise fail(keys, "[database] url: a database in memory would forget every reader", DATABASE_HINT)
