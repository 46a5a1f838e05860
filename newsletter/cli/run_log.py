"""Print what a runner does, a line each on stderr, and keep the exit code of `newsletter run --once`."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import tzinfo

import click

from newsletter.campaigns import reports
from newsletter.campaigns.abandoned_batches import Recovered
from newsletter.campaigns.campaign import Campaign, CampaignState
from newsletter.cli import send_result
from newsletter.cli.logs import mask_addresses
from newsletter.errors import NewsletterError
from newsletter.publishing.daily import ScheduleProblem
from newsletter.sending.sender import SendResult
from newsletter.times import utc_now


class RunnerLog:
    """A `RunnerListener` that prints each report with its time and keeps the worst exit code."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._lock = threading.Lock()
        self._printed: set[str] = set()
        self.exit_code = send_result.DONE

    def say(self, sentence: str) -> None:
        """Print a sentence after the time in the publication's zone."""
        with self._lock:
            click.echo(f"{utc_now().astimezone(self._zone):%Y-%m-%d %H:%M:%S}  {sentence}", err=True)

    def progress(self, campaign: Campaign, counted: Mapping[str, int]) -> None:
        """Print nothing: a log has no bar, and `newsletter status --follow` shows one."""

    def began(self, campaign: Campaign) -> None:
        """Print that a campaign starts or is held. A held one is a failure, because a person must decide."""
        if campaign.state is CampaignState.PAUSED:
            self._worse(send_result.FAILED)
            self.say(f"Campaign {campaign.id} ({campaign.issue}) is held: {campaign.reason}")
            self.say(f"Let it go on nevertheless with: newsletter resume {campaign.id}")
        else:
            self.say(f"Campaign {campaign.id} ({campaign.issue}) starts")

    def ended(self, result: SendResult) -> None:
        """Print a sender's result: the campaign is sent or paused, or waits for its next wave or a quota."""
        campaign = result.campaign
        why = f": {campaign.reason}" if campaign.reason else ""
        self.say(
            f"Campaign {campaign.id} ({campaign.issue}), {campaign.state}{why}  {reports.tally(result.deliveries)}"
        )
        waits = campaign.state is CampaignState.SENDING and (campaign.wall or result.goes_on) and not result.interrupted
        self._worse(send_result.DONE if waits else send_result.exit_code(campaign, result.deliveries))

    def failed(self, campaign: Campaign, error: BaseException) -> None:
        """Print an error once, with the exception's class when it is a mistake in the program."""
        self._worse(error.exit_code if isinstance(error, NewsletterError) else send_result.FAILED)
        is_refusal = isinstance(error, NewsletterError)
        reason = str(error) if is_refusal else mask_addresses(f"{type(error).__name__}: {error}")
        self._print_once(f"newsletter: error: campaign {campaign.id} ({campaign.issue}): {reason}")

    def recovered(self, recovered: Recovered) -> None:
        """Count unknown deliveries in the exit code; no later run reports those of a paused or cancelled campaign."""
        if recovered.unknown:
            self._worse(send_result.UNKNOWN_LEFT)

    def schedule_problem(self, problem: ScheduleProblem) -> None:
        """Print once why there will be no issue today."""
        self._worse(send_result.FAILED)
        self._print_once(f"newsletter: warning: {problem.sentence}")

    def _print_once(self, sentence: str) -> None:
        if sentence not in self._printed:
            self._printed.add(sentence)
            self.say(sentence)

    def _worse(self, code: int) -> None:
        self.exit_code = max(self.exit_code, code)
