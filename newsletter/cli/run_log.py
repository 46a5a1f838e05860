"""The log of a runner: what it does, in lines on stderr, and the exit code it comes to."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import tzinfo

import click

from newsletter.campaigns import reports
from newsletter.campaigns.abandoned_batches import Recovered
from newsletter.campaigns.campaign import Campaign, CampaignState
from newsletter.cli import send_result
from newsletter.errors import NewsletterError
from newsletter.publishing.daily import ScheduleProblem
from newsletter.sending.sender import SendResult
from newsletter.times import utc_now


class RunnerLog:
    """What a runner does, a line each on stderr; keeps the exit code it comes to."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._lock = threading.Lock()
        self._said: set[str] = set()
        self.exit_code = send_result.DONE

    def say(self, sentence: str) -> None:
        """With the time, as the publication's editors read it."""
        with self._lock:
            click.echo(f"{utc_now().astimezone(self._zone):%Y-%m-%d %H:%M:%S}  {sentence}", err=True)

    def progress(self, campaign: Campaign, counted: Mapping[str, int]) -> None:
        """A log has no bar: `newsletter status --follow` has."""

    def began(self, campaign: Campaign) -> None:
        """Held is a failure: a person must decide."""
        if campaign.state is CampaignState.PAUSED:
            self._worse(send_result.FAILED)
            self.say(f"Campaign {campaign.id} ({campaign.issue}) is held: {campaign.reason}")
            self.say(f"Let it go on nevertheless with: newsletter resume {campaign.id}")
        else:
            self.say(f"Campaign {campaign.id} ({campaign.issue}) starts")

    def ended(self, ending: SendResult) -> None:
        """Sent, paused, or waiting for the next wave or for a quota."""
        campaign = ending.campaign
        why = f": {campaign.reason}" if campaign.reason else ""
        self.say(
            f"Campaign {campaign.id} ({campaign.issue}), {campaign.state}{why}  {reports.tally(ending.deliveries)}"
        )
        waits = campaign.state is CampaignState.SENDING and (campaign.wall or ending.goes_on) and not ending.interrupted
        self._worse(send_result.DONE if waits else send_result.exit_code(campaign, ending.deliveries))

    def failed(self, campaign: Campaign, error: BaseException) -> None:
        """Said once; a mistake in the program is told with its kind."""
        self._worse(error.exit_code if isinstance(error, NewsletterError) else send_result.FAILED)
        kind = "" if isinstance(error, NewsletterError) else f"{type(error).__name__}: "
        self._say_once(f"newsletter: error: campaign {campaign.id} ({campaign.issue}): {kind}{error}")

    def recovered(self, found: Recovered) -> None:
        """Nobody may look at a campaign that is paused or cancelled again, so its unknown count here."""
        if found.unknown:
            self._worse(send_result.UNKNOWN_LEFT)

    def troubled(self, trouble: ScheduleProblem) -> None:
        """No issue today."""
        self._worse(send_result.FAILED)
        self._say_once(f"newsletter: warning: {trouble.sentence}")

    def _say_once(self, sentence: str) -> None:
        if sentence not in self._said:
            self._said.add(sentence)
            self.say(sentence)

    def _worse(self, code: int) -> None:
        self.exit_code = max(self.exit_code, code)
