"""Publication: a newsletter as a Python program uses it. The commands are made of its methods."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from newsletter.config import CONFIG_NAME, PublicationSettings, load_publication
from newsletter.times import utc_now

if TYPE_CHECKING:
    from newsletter.campaigns.campaign import Campaign
    from newsletter.campaigns.status import CampaignStatus
    from newsletter.checks.context.link_status import Target, Verdict
    from newsletter.database.connection import Database
    from newsletter.errors import Problem
    from newsletter.publication.readers import Subscribers
    from newsletter.rendering.build import Built
    from newsletter.sending.job import ProgressListener
    from newsletter.sending.sender import SendResult
    from newsletter.times import Moment

# Methods import what they need: building and checking load no database, and nothing loads what it does not use.


class Publication:
    """A newsletter: its settings, its issues, and its database, which is opened when it is first needed.

    A context manager, which closes the database. Errors are `newsletter.errors.NewsletterError`, whose text says what
    is wrong, where, and what to do.
    """

    def __init__(self, settings: PublicationSettings, database: Callable[[], Database] | None = None) -> None:
        """Use `open` instead; `database` returns one that somebody else closes."""
        self.settings = settings
        """The settings of newsletter.toml."""
        self._given = database
        self._own: Database | None = None

    @cached_property
    def subscribers(self) -> Subscribers:
        """The readers."""
        from newsletter.publication.readers import Subscribers

        return Subscribers(self.settings, lambda: self.database)

    @classmethod
    def open(cls, path: str | Path = ".") -> Publication:
        """Open the publication in a folder, or of a newsletter.toml. Raises ConfigError."""
        place = Path(path).absolute()
        return cls(load_publication(place / CONFIG_NAME if place.is_dir() else place))

    def __enter__(self) -> Publication:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database, if it was opened here."""
        if self._own is not None:
            self._own.close()
            self._own = None

    @property
    def database(self) -> Database:
        """The database, with its schema up to date. Raises ConfigError when it cannot be used."""
        if self._given is not None:
            return self._given()
        if self._own is None:
            from newsletter.database.connection import open_database

            self._own = open_database(self.settings)
        return self._own

    def issues(self) -> list[Path]:
        """Return the issue files, ordered by name."""
        from newsletter.issues.issue import issue_files

        return issue_files(self.settings)

    def build(self, *issues: str | Path, out: str | Path | None = None) -> list[Built]:
        """Build issues, each named by path, slug or a unique part of one; with `out` write `<out>/<slug>/`, too.

        Raises IssueError with every mistake of a file. Needs no database and no network.
        """
        from newsletter.issues.issue import find_issue
        from newsletter.rendering.build import build_issue
        from newsletter.rendering.theme import Theme

        paths = [find_issue(self.settings, str(name)) for name in issues]
        theme = Theme(publication=self.settings)
        built = [build_issue(self.settings, path, theme) for path in paths]
        if out is not None:
            from newsletter.rendering.output_files import write_files

            for each in built:
                write_files(self.settings, each, Path(out))
        return built

    def check(
        self,
        *issues: str | Path,
        select: Iterable[str] = (),
        ignore: Iterable[str] = (),
        verdicts: Mapping[Target, Verdict] | None = None,
    ) -> list[Problem]:
        """Return what is wrong with issues, or with all of them, in the order of the files.

        `select` and `ignore` are rules, or beginnings of their ids; `verdicts` what `checks.link_probe` found about
        addresses. Needs no database and no network.
        """
        from newsletter.checks.run import check_issues
        from newsletter.checks.selection import selection
        from newsletter.issues.issue import find_issue

        chosen = selection(self.settings, ",".join(select) or None, ",".join(ignore) or None)
        paths = [find_issue(self.settings, str(name)) for name in issues] or self.issues()
        checked = check_issues(self.settings, paths, chosen, verdicts=verdicts)
        return list(dict.fromkeys(problem for result in checked for problem in result.problems))

    def send(
        self,
        issue: str | Path,
        *,
        list: str | None = None,
        segment: str | None = None,
        rate: str | None = None,
        allow: Iterable[str] = (),
        listener: ProgressListener | None = None,
    ) -> SendResult:
        """Send an issue to each reader once, and return when everyone has it, or the campaign stopped.

        Safe to call again: nobody is sent it twice. `allow` has rules of `check` whose errors are accepted; `listener`
        is told how far it is. A campaign that has ended mails nobody. Raises NewsletterError when it is refused.
        """
        from newsletter.publication import sending
        from newsletter.publishing.plan import start_plan
        from newsletter.rates import Rate
        from newsletter.sending.sender import Sender

        plan, _unbuilt = sending.plan_send(self.settings, self.database, str(issue), list, segment)
        if plan.campaign is not None and sending.is_over(plan.campaign):
            return self._ended(plan.campaign)
        plan = sending.approved(self.settings, plan, ",".join(allow) or None)
        settings = sending.require_ready(self.settings, self.database, plan)
        configured = self.settings.config.send.rate
        pace = Rate(rate).within(configured) if rate else configured
        started = start_plan(self.settings, self.database, plan, utc_now())
        job = sending.job_of_plan(self.settings, self.database, plan, started, settings, pace)
        return Sender(job, listener or _Silent()).run()

    def _ended(self, campaign: Campaign) -> SendResult:
        from newsletter.campaigns.counts import delivery_counts
        from newsletter.sending.sender import SendResult

        with self.database.read() as connection:
            counted = delivery_counts(connection, campaign.id)
        return SendResult(campaign=campaign, deliveries=counted, interrupted=False)

    def schedule(
        self,
        issue: str | Path,
        at: str | Moment | None = None,
        *,
        list: str | None = None,
        segment: str | None = None,
        allow: Iterable[str] = (),
    ) -> Campaign:
        """Freeze an issue, and have `newsletter run` send it at a time; without `at`, at its `send_at`.

        A time is written `2026-11-24 07:00`, then a zone or `local` if wanted. Raises NewsletterError when it is
        refused, and nothing is changed.
        """
        from newsletter.publication import sending
        from newsletter.publishing.plan import schedule_in

        now = utc_now()
        rules = ",".join(allow) or None
        plan, when = sending.plan_schedule(
            self.settings, self.database, str(issue), at, list_name=list, segment=segment, allow=rules, now=now
        )
        with self.database.begin() as connection:
            return schedule_in(connection, plan, when, now)

    def campaigns(self) -> list[Campaign]:
        """Return every campaign, the latest first."""
        from newsletter.campaigns.campaign_queries import all_campaigns

        with self.database.read() as connection:
            return all_campaigns(connection)

    def campaign(self, name: str | int) -> Campaign:
        """Return a campaign by its number, or the latest one of an issue's slug. Raises NewsletterError."""
        from newsletter.campaigns.campaign_queries import find_campaign

        with self.database.read() as connection:
            return find_campaign(connection, str(name))

    def status(self, campaign: str | int) -> CampaignStatus:
        """Return how far a campaign is: its state, deliveries by state, and pace."""
        from newsletter.campaigns.status import campaign_status

        return campaign_status(self.database, self.campaign(campaign).id)

    def stats(self, campaign: str | int) -> dict[str, Any]:
        """Return a campaign's figures, as `newsletter status --json` prints them: deliveries and events."""
        from newsletter.campaigns.campaign_queries import find_campaign
        from newsletter.publication import campaigns

        with self.database.read() as connection:
            return campaigns.figures(connection, find_campaign(connection, str(campaign)))

    def pause(self, campaign: str | int) -> Campaign:
        """Stop handing over a campaign's messages; the call under way is finished."""
        from newsletter.campaigns.campaign_queries import find_campaign
        from newsletter.publication import campaigns

        with self.database.begin() as connection:
            return campaigns.pause(connection, find_campaign(connection, str(campaign)), utc_now())

    def resume(self, campaign: str | int) -> Campaign:
        """Let a paused campaign go on; `send` or `newsletter run` does the sending."""
        from newsletter.campaigns.campaign_queries import find_campaign
        from newsletter.publication import campaigns

        with self.database.begin() as connection:
            return campaigns.resume(connection, find_campaign(connection, str(campaign)), utc_now())

    def cancel(self, campaign: str | int) -> Campaign:
        """End a campaign for good: who has it not yet does not get it."""
        from newsletter.campaigns.campaign_queries import find_campaign
        from newsletter.publication import campaigns

        with self.database.begin() as connection:
            known = find_campaign(connection, str(campaign))
            return campaigns.cancel(connection, self.settings, known, utc_now())


class _Silent:
    """A ProgressListener that tells nobody."""

    def say(self, sentence: str) -> None:
        """Take a sentence."""

    def progress(self, campaign: Campaign, counted: Mapping[str, int]) -> None:
        """Take how far it is."""
