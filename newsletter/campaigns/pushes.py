"""Keep what was handed over from a repository: the source as evidence, and the pictures, by their hashes.

No other module writes `push`, `pushed_picture` and `pushed_path`.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select, update

from newsletter.campaigns.campaign import Campaign
from newsletter.database.bulk import among
from newsletter.database.program_tables import push, pushed_path, pushed_picture
from newsletter.database.tables import campaign
from newsletter.times import stamp


@dataclass(frozen=True, kw_only=True)
class StoredPicture:
    """A picture that was handed over."""

    path: str
    """Below `/images/`."""
    kind: str
    body: bytes

    @property
    def sha256(self) -> str:
        """The name under which it is kept."""
        return hashlib.sha256(self.body).hexdigest()


def record(
    connection: Connection,
    pushed: Campaign,
    *,
    name: str,
    file: str,
    source: bytes,
    committed_at: str,
    now: datetime,
) -> None:
    """Write down who handed over which text; the same text by the same key is written once."""
    same = (push.c.campaign_id == pushed.id) & (push.c.digest == pushed.digest) & (push.c.name == name)
    if connection.execute(select(push.c.id).where(same).limit(1)).first():
        return
    row = {"campaign_id": pushed.id, "digest": pushed.digest, "name": name, "at": stamp(now), "file": file}
    connection.execute(insert(push).values({**row, "source": zlib.compress(source), "committed_at": committed_at}))


def committed_at(connection: Connection, pushed: Campaign) -> str:
    """Return when the commit was made that a campaign's text came from; empty when that is not known."""
    same = (push.c.campaign_id == pushed.id) & (push.c.digest == pushed.digest)
    return connection.scalar(select(func.max(push.c.committed_at)).where(same)) or ""


def keep_pictures(connection: Connection, issue: str, pictures: Sequence[StoredPicture], now: datetime) -> None:
    """Keep an issue's pictures in place of those that it named before."""
    by_hash = {picture.sha256: picture for picture in pictures}
    stored = pushed_picture.c.sha256
    known = set(connection.scalars(select(stored).where(among(connection, stored, list(by_hash)))))
    new = [{"sha256": key, "kind": each.kind, "body": each.body} for key, each in by_hash.items() if key not in known]
    if new:
        connection.execute(insert(pushed_picture), new)
    connection.execute(delete(pushed_path).where(pushed_path.c.issue == issue))
    rows = [{"path": each.path, "issue": issue, "sha256": each.sha256, "at": stamp(now)} for each in pictures]
    if rows:
        connection.execute(insert(pushed_path), rows)
        # A path that several issues name leads to one picture at a time: where it is the same, it stays the newest.
        for row in rows:
            same = (pushed_path.c.path == row["path"]) & (pushed_path.c.sha256 == row["sha256"])
            connection.execute(update(pushed_path).where(same).values(at=row["at"]))


def replaced(connection: Connection, issue: str, pictures: Mapping[str, str]) -> dict[str, str]:
    """Return the paths (of hashes by path) under which an issue that was sent has another picture, with its slug."""
    rows = connection.execute(
        select(pushed_path.c.path, pushed_path.c.sha256, pushed_path.c.issue)
        .join(campaign, campaign.c.issue == pushed_path.c.issue)
        .where(
            among(connection, pushed_path.c.path, list(pictures)),
            pushed_path.c.issue != issue,
            campaign.c.started_at.is_not(None),
        )
    )
    return {row.path: row.issue for row in rows if pictures[row.path] != row.sha256}


def find_picture(connection: Connection, path: str) -> StoredPicture | None:
    """Return the picture that was handed over last under a path below `/images/`; None when there is none."""
    row = connection.execute(
        select(pushed_picture.c.kind, pushed_picture.c.body)
        .join(pushed_path, pushed_path.c.sha256 == pushed_picture.c.sha256)
        .where(pushed_path.c.path == path)
        .order_by(pushed_path.c.at.desc(), pushed_path.c.issue)
        .limit(1)
    ).one_or_none()
    return StoredPicture(path=path, kind=row.kind, body=row.body) if row else None


def newest_pictures(connection: Connection) -> dict[str, tuple[str, datetime]]:
    """Return the hash of the picture that each path leads to, and when it came."""
    rows = select(pushed_path.c.path, pushed_path.c.sha256, pushed_path.c.at)
    ordered = rows.order_by(pushed_path.c.at, pushed_path.c.issue.desc())
    return {row.path: (row.sha256, datetime.fromisoformat(row.at)) for row in connection.execute(ordered)}
