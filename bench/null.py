"""Run `newsletter` with a provider that makes every message and throws it away: `python -m bench.null send ...`."""

from __future__ import annotations

from newsletter.cli.main import main
from newsletter.config.provider_settings import PROVIDER_SETTINGS
from newsletter.providers import PROVIDERS
from newsletter.providers.base import Answer, Batch, Outcome, Provider, Settings


def send(batch: Batch, _settings: Settings) -> Answer:
    """Make every reader's whole message, and accept it."""
    for recipient in batch.recipients:
        batch.mailing.mime(recipient)
    return batch.everyone(Outcome.ACCEPTED, "")


NULL = Provider(name="null", title="the null sink", settings=(), batch_size=500, send=send)


def register() -> None:
    """Let newsletter.toml name this provider, in this process."""
    PROVIDERS["null"] = "bench.null:NULL"
    assert isinstance(PROVIDER_SETTINGS, dict)
    PROVIDER_SETTINGS["null"] = ()


if __name__ == "__main__":
    register()
    main()
