"""The outbox: a provider that writes every message to a file, without account or network.

A message's file is named after its delivery, so that writing it again replaces it:
no reader is in the outbox twice. Only the owner of the files reads them.
"""

from __future__ import annotations

import re
from pathlib import Path

from newsletter.config.provider_settings import PROVIDER_SETTINGS
from newsletter.messages.types import Recipient
from newsletter.private_files import make_private_folder, write_private
from newsletter.providers.base import Answer, Batch, Outcome, Provider, Result, Settings

_NAME_CAP = 80


def send(batch: Batch, settings: Settings) -> Answer:
    """Write one `.eml` per recipient to `<path>/<label>/`."""
    folder = Path(settings["path"]) / batch.label
    results: list[Result] = []
    try:
        make_private_folder(folder)
        results.extend(_written(batch, recipient, folder) for recipient in batch.recipients)
    except OSError as error:
        return _stopped(batch, results, f"the outbox {folder} cannot be written: {error.strerror}")
    return Answer(results=tuple(results))


def _stopped(batch: Batch, results: list[Result], reason: str) -> Answer:
    """Return an answer in which the messages before the failure are accepted and the others are not."""
    left = len(batch.recipients) - len(results)
    return Answer(results=(*results, *[Result(outcome=Outcome.BUSY, reason=reason)] * left), stop=reason)


def _written(batch: Batch, recipient: Recipient, folder: Path) -> Result:
    """Write a message under another name first, so that the folder never shows half a message."""
    path = folder / file_name(recipient)
    # A leading dot hides the file from programs that read the folder.
    unfinished = path.with_name(f".{path.name}.unfinished")
    write_private(unfinished, batch.mailing.mime(recipient))
    unfinished.replace(path)
    return Result(outcome=Outcome.ACCEPTED, provider_id=path.name)


def file_name(recipient: Recipient) -> str:
    """Return `12.345-ada-example.com.eml`: the delivery, and enough of the address for people to find it."""
    address = re.sub(r"[^a-z0-9.]+", "-", recipient.email.lower()).strip("-.")[:_NAME_CAP]
    return f"{recipient.delivery_id}-{address}.eml"


OUTBOX = Provider(
    name="outbox",
    title="the outbox",
    settings=PROVIDER_SETTINGS["outbox"],
    batch_size=500,
    dedupe="replay",
    replaces=True,
    send=send,
)
