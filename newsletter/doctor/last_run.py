"""Remember the last doctor, so that `send` and `schedule` can warn when it failed or knows older settings.

It is kept in `.newsletter/doctor.json`, beside the secret and not in the database: what was checked is this machine's
settings, environment and network. Failures are remembered by the names of the checks; no message is kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec

from newsletter.config import PublicationSettings
from newsletter.private_files import make_private_folder, write_private

FILE = Path(".newsletter") / "doctor.json"
RUN = "newsletter doctor"


class LastRun(msgspec.Struct, frozen=True, kw_only=True):
    """The last doctor of a publication on this machine."""

    at: datetime
    settings: str
    """The digest of newsletter.toml as the last whole doctor, without --offline, found it."""
    failed: tuple[str, ...] = ()
    """The checks that failed when they were last made."""


def settings_digest(publication: PublicationSettings) -> str:
    """Return the SHA-256 of newsletter.toml; a copy, or a file that was only touched, has the same."""
    return hashlib.sha256(publication.path.read_bytes()).hexdigest()


def last_run(publication: PublicationSettings) -> LastRun | None:
    """Return the last doctor; None when there was none, or nothing readable is left of it."""
    try:
        return msgspec.json.decode((publication.root / FILE).read_bytes(), type=LastRun)
    except (OSError, msgspec.DecodeError):
        return None


def remember(
    publication: PublicationSettings, now: datetime, *, failed: Sequence[str], skipped: Sequence[str], is_whole: bool
) -> None:
    """Keep what a doctor found; `failed` and `skipped` are names of checks.

    A check that was skipped keeps its last outcome, so that a doctor without network takes back nothing. A folder that
    takes no file keeps nobody from working.
    """
    before, digest = last_run(publication), settings_digest(publication)
    kept = [name for name in before.failed if _was_left_out(name, skipped)] if before and not is_whole else []
    known = digest if is_whole or before is None else before.settings
    run = LastRun(at=now, settings=known, failed=tuple(dict.fromkeys([*failed, *kept])))
    path = publication.root / FILE
    with suppress(OSError):
        make_private_folder(path.parent)
        write_private(path, msgspec.json.encode(run))


def _was_left_out(name: str, skipped: Sequence[str]) -> bool:
    """Tell whether a check, or its whole group, was skipped."""
    return name in skipped or name.partition(".")[0] in skipped


def reminder(publication: PublicationSettings) -> str:
    """Return the sentence that `send` and `schedule` print when the last doctor asks for one; else nothing."""
    run = last_run(publication)
    if run is None:
        return ""
    if run.failed:
        number = f"{len(run.failed)} checks" if len(run.failed) > 1 else "a check"
        return f"the last doctor found {number} failing ({', '.join(run.failed[:3])}); look again with: {RUN}"
    with suppress(OSError):
        if settings_digest(publication) != run.settings:
            return f"newsletter.toml was changed since the last doctor; look again with: {RUN}"
    return ""
