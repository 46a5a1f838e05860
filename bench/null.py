"""Run `newsletter` with a provider that makes every message and throws it away: `python -m bench.null send ...`."""

from __future__ import annotations

from newsletter.cli.main import main
from newsletter.providers import PROVIDERS
from newsletter.providers.base import Answer, Batch, Outcome, Provider, Settings


def send(batch: Batch, _settings: Settings) -> Answer:
    """Make every reader's whole message, and accept it."""
    for recipient in batch.recipients:
        batch.mailing.mime(recipient)
    return batch.everyone(Outcome.ACCEPTED, "")


NULL = Provider(name="null", title="the null sink", settings=(), batch_size=500, send=send)

if __name__ == "__main__":
    PROVIDERS["null"] = "bench.null:NULL"
    main()
