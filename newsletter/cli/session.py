"""Open the publication and its database for a command, when the command first needs them."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from newsletter.config import PublicationSettings, find_config, load_publication

if TYPE_CHECKING:
    import newsletter
    from newsletter.database.connection import Database


class Session:
    """The publication and the database of one run of the command line; commands take it by `@click.pass_obj`."""

    def __init__(self, config: str | None = None) -> None:
        self._config = config

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if "database" in self.__dict__:
            self.database.close()

    @property
    def config(self) -> Path:
        """The path of newsletter.toml, whether the file exists or not."""
        return find_config(self._config)

    @cached_property
    def publication(self) -> PublicationSettings:
        """The settings of newsletter.toml, read and checked. Raises ConfigError."""
        return load_publication(self.config)

    @cached_property
    def opened(self) -> newsletter.Publication:
        """The publication with its verbs, which commands and Python programs have in common. Raises ConfigError."""
        from newsletter.publication.publication import Publication

        return Publication(self.publication, lambda: self.database)

    @cached_property
    def database(self) -> Database:
        """The publication's database with its schema up to date. Raises ConfigError."""
        from newsletter.database.connection import open_database

        return open_database(self.publication)
