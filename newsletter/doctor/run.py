"""Run the checks side by side, and end in time whatever hangs.

Each group has a thread of its own. What a group has found when the time is up counts; of the rest there is a failure
that says so. Threads that hang end with the program.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from newsletter.config import PublicationSettings
from newsletter.database.connection import address, existing_database
from newsletter.doctor import database, domain, links, mail_server, probe, settings, webhooks
from newsletter.doctor.dns import DnsClient, dns_client
from newsletter.doctor.finding import CheckResult, failed, in_order, passed, skipped, warned, without
from newsletter.doctor.provider import AccountAnswers, ProviderJudgement, account_settings, ask_account, clock_result
from newsletter.doctor.sending_domain import SendingDomain, sending_domain
from newsletter.errors import NewsletterError
from newsletter.providers import provider_record
from newsletter.providers.accounts import account_check
from newsletter.providers.base import Provider

ALL_SECONDS = 50.0
"""Seconds after which no check is waited for any more."""
ACCOUNT_SECONDS = 25.0
"""Seconds that the checks of the domain and of webhooks wait for what the account tells."""
DATABASE_SECONDS = 5.0
"""Seconds that the checks of the account wait for the number of readers."""
OFFLINE = ("provider", "domain", "links", "webhooks")
"""The groups that ask others, which --offline leaves out."""
SHOWN_SECONDS = 0.2
"""Seconds between two looks at how far it is."""
Show = Callable[[int, int, str], None]
"""Shows how many groups of how many are done, and for which it waits."""
INSTALL = "pip install '.[doctor]'"


def examine(
    publication: PublicationSettings,
    *,
    is_offline: bool = False,
    probe_to: str = "",
    seconds: float = ALL_SECONDS,
    show: Show = lambda _done, _total, _words: None,
) -> list[CheckResult]:
    """Return the results of all checks, group by group; offline, only of those that ask nobody.

    `probe_to` is the address that gets a probe; empty for none. `show` is told how far it is, again and again.
    """
    jobs: dict[str, Callable[[], Iterator[CheckResult]]] = {
        "settings": lambda: settings.settings_results(publication),
        "secrets": lambda: settings.secrets_results(publication),
        "database": (readers := _Database(publication, is_offline=is_offline)).results,
    }
    if not is_offline:
        online = _Online(publication, readers)
        jobs |= {name: getattr(online, name) for name in OFFLINE}
    if probe_to:
        jobs["probe"] = lambda: _probe(publication, probe_to)
    results = _run(jobs, seconds, show)
    if is_offline:
        results += [skipped(name, "Nobody was asked (--offline).") for name in OFFLINE]
    hidden = settings.secret_values(publication)
    return in_order([without(hidden, result) for result in results])


def nothing_but(result: CheckResult) -> list[CheckResult]:
    """Return a result after which no other check can be made, and those checks as skipped."""
    groups = ("secrets", "database", *OFFLINE)
    return [result, *(skipped(name, "newsletter.toml has to be right first.") for name in groups)]


def _run(jobs: dict[str, Callable[[], Iterator[CheckResult]]], seconds: float, show: Show) -> list[CheckResult]:
    deadline = time.monotonic() + seconds
    groups = [_Group(name, job) for name, job in jobs.items()]
    for group in groups:
        group.thread.start()
    while (waiting := [group for group in groups if group.thread.is_alive()]) and time.monotonic() < deadline:
        show(len(groups) - len(waiting), len(groups), f"waiting for {', '.join(group.name for group in waiting)}")
        waiting[0].thread.join(min(SHOWN_SECONDS, max(0.0, deadline - time.monotonic())))
    return [result for group in groups for result in group.so_far(seconds)]


class _Group:
    """The checks of one group, in a thread of their own."""

    def __init__(self, name: str, job: Callable[[], Iterator[CheckResult]]) -> None:
        self.name, self._job = name, job
        self._results: list[CheckResult] = []
        self._broken: Exception | None = None
        self.thread = threading.Thread(target=self._collect, daemon=True)

    def _collect(self) -> None:
        try:
            for result in self._job():
                self._results.append(result)
        except NewsletterError as error:
            self._results.append(failed(f"{self.name}.stopped", f"{error.message}.", error.hint))
        except ModuleNotFoundError as error:
            words = f"These checks need the package {error.name}, which is not installed."
            self._results.append(warned(f"{self.name}.packages", words, f"Install it: {INSTALL}"))
        except Exception as error:  # raised again where it is seen; what a group has not looked at is never well
            self._broken = error

    def so_far(self, seconds: float) -> Sequence[CheckResult]:
        """Return what was found, and that it is not all when the thread still runs. Raises what ended the thread."""
        if self._broken:
            raise self._broken
        if not self.thread.is_alive():
            return self._results
        words = f"These checks did not end within {seconds:g} seconds; somebody who was asked does not answer."
        return [*self._results, failed(f"{self.name}.time", words, "Look at the network, and run this again.")]


class _Database:
    """The checks of the database, and the number of active readers, which the quota is compared with."""

    def __init__(self, publication: PublicationSettings, *, is_offline: bool) -> None:
        self._publication, self._is_offline = publication, is_offline
        self._active: int | None = None
        self._is_counted = threading.Event()

    def results(self) -> Iterator[CheckResult]:
        """Yield the results about the database, and count the readers."""
        try:
            if self._is_offline and address(self._publication).get_backend_name() != "sqlite":
                yield skipped("database.schema", "The database is on a server, and nobody was asked (--offline).")
                return
            yield from database.database_results(self._publication)
            self._active = database.count_active(self._publication)
        finally:
            self._is_counted.set()

    def active(self) -> int | None:
        """Return the number of active readers; None when the database does not tell in time."""
        self._is_counted.wait(DATABASE_SECONDS)
        return self._active


def _probe(publication: PublicationSettings, address: str) -> Iterator[CheckResult]:
    opened = existing_database(publication)
    try:
        yield probe.probe_result(publication, opened, address)
    finally:
        if opened:
            opened.close()


@dataclass
class _Account:
    """A provider, and the answers of its account once it was asked."""

    provider: Provider
    answers: AccountAnswers = field(default_factory=AccountAnswers)
    is_asked: threading.Event = field(default_factory=threading.Event)


class _Online:
    """The checks that ask others; those of the domain and of webhooks use what the account tells."""

    def __init__(self, publication: PublicationSettings, readers: _Database) -> None:
        self._publication, self._readers = publication, readers
        self._sender = publication.config.publication.sender.domain
        self._accounts = [_Account(provider_record(name)) for name in publication.config.send.providers]

    def provider(self) -> Iterator[CheckResult]:
        """Yield the results about each provider."""
        is_clock_told = False
        for account in self._accounts:
            try:
                yield from self._one_provider(account)
            finally:
                account.is_asked.set()
            if account.answers.clock_off is not None and not is_clock_told:
                is_clock_told = True
                yield clock_result("provider.clock", account.answers.clock_off, account.provider.title)

    def _one_provider(self, account: _Account) -> Iterator[CheckResult]:
        provider, check = account.provider, account_check(account.provider.name)
        if provider.name == "outbox":
            words = "The outbox writes mail to files: it needs no account, and nobody gets anything."
            yield passed("provider.outbox", words)
            return
        known = account_settings(self._publication, provider)
        if known is None:
            yield skipped(f"provider.{provider.name}", "A secret is missing or wrong, so nobody could be asked.")
        elif check is None:
            yield from mail_server.mail_server_results(known, self._sender)
        else:
            account.answers = ask_account(check, known, self._sender)
            account.is_asked.set()
            judgement = ProviderJudgement(
                provider=provider,
                check=check,
                answers=account.answers,
                domain=self._sender,
                readers=self._readers.active(),
            )
            yield from judgement.results()

    def domain(self) -> Iterator[CheckResult]:
        """Yield the results about the sender's domain."""
        client, domains = dns_client(), []
        for account in self._accounts:
            account.is_asked.wait(ACCOUNT_SECONDS)
            domains.append(self._sending(account))
        yield from domain.domain_results(client, domains)

    def _sending(self, account: _Account) -> SendingDomain:
        return sending_domain(self._publication, account.provider, account.answers.facts)

    def links(self) -> Iterator[CheckResult]:
        """Yield the results about the readers' pages."""
        yield from links.links_results(self._publication, _client_if_any())

    def webhooks(self) -> Iterator[CheckResult]:
        """Yield the results about what providers report."""
        for account in self._accounts:
            account.is_asked.wait(ACCOUNT_SECONDS)
            answers = account.answers
            why = next((f"The key may not ask ({words})." for words in answers.no_right.values()), "")
            why = why or (f"It gives no answer: {answers.silent}." if answers.silent else "")
            yield from webhooks.webhook_results(self._publication, account.provider, answers.facts.webhooks, why)


def _client_if_any() -> DnsClient | None:
    """Return a DNS client, or None where there is none: the system's own look-up is used then."""
    try:
        return dns_client()
    except (NewsletterError, ModuleNotFoundError):
        return None
