"""Job: a campaign to be sent, through whom, how fast. Nothing is sent here."""

from __future__ import annotations

from dataclasses import dataclass

from newsletter.campaigns.campaign import Campaign
from newsletter.config import Publication
from newsletter.database.connection import Database
from newsletter.providers import find_provider, read_settings
from newsletter.providers.base import Provider, Settings
from newsletter.times import Clock, Rate, utc_now


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to send, through whom, how fast, how patiently."""

    publication: Publication
    database: Database
    campaign: Campaign
    provider: Provider
    settings: Settings
    rate: Rate
    clock: Clock = utc_now


def job_of(publication: Publication, database: Database, campaign: Campaign, clock: Clock = utc_now) -> Job:
    """The campaign through its provider at the configured rate. Raises ConfigError when the provider is set wrong."""
    provider = find_provider(publication, campaign.provider)
    return Job(
        publication=publication,
        database=database,
        campaign=campaign,
        provider=provider,
        settings=read_settings(publication, provider),
        rate=publication.config.send.rate,
        clock=clock,
    )
