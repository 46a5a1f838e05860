"""Ask a provider's account the questions of `providers/accounts/`, and judge the facts.

Every question is asked once; after a question without an answer no more are asked. The Date header of an answer is
what this machine's clock is compared with.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from newsletter.config import PublicationSettings
from newsletter.doctor.finding import CheckResult, failed, passed, skipped, warned
from newsletter.errors import NewsletterError
from newsletter.providers import read_settings
from newsletter.providers.accounts.account import (
    AccountCheck,
    AccountFacts,
    KeyRefusedError,
    NoAnswerError,
    NoRightError,
)
from newsletter.providers.base import Provider, Response, Settings
from newsletter.providers.transport import TransportError, exchange
from newsletter.times import utc_now

CONNECT_SECONDS, READ_SECONDS = 5.0, 10.0
CLOCK_WARNS, CLOCK_FAILS = timedelta(seconds=60), timedelta(minutes=5)
"""How far the clock may be off: signatures of requests and webhooks are good for five minutes."""


@dataclass
class AccountAnswers:
    """The answers of a provider's account, put together."""

    facts: AccountFacts = field(default_factory=AccountFacts)
    is_key_good: bool = False
    refused: str = ""
    """Why the key was refused, in the provider's words."""
    silent: str = ""
    """Why no answer came."""
    no_right: dict[str, str] = field(default_factory=dict)
    """The subjects that the key may not ask about, and the provider's words."""
    is_busy: bool = False
    """Whether an answer said that the provider is busy or broken, which passes."""
    unread: dict[str, str] = field(default_factory=dict)
    """The subjects whose answer is not the documented one, and what it was."""
    clock_off: timedelta | None = None
    """How far this machine's clock is ahead of the provider's."""


def ask_account(check: AccountCheck, settings: Settings, domain: str) -> AccountAnswers:
    """Ask all questions about an account, in their order."""
    answers, waiting = AccountAnswers(), list(check.questions)
    while waiting and not answers.silent and not answers.refused:
        question = waiting.pop(0)
        try:
            response = exchange(question.request(settings, domain), connect=CONNECT_SECONDS, read=READ_SECONDS)
            answers.clock_off = clock_offset(response, utc_now())
            facts = question.facts(response, settings, domain)
        except TransportError as error:
            answers.silent = error.reason
        except KeyRefusedError as error:
            answers.refused = str(error)
        except NoRightError as error:
            answers.is_key_good, answers.no_right[question.subject] = True, str(error)
        except NoAnswerError as error:
            answers.unread[question.subject], answers.is_busy = str(error), error.passes
            waiting = waiting if answers.is_key_good else []  # the first answer is no provider's: it may be a proxy
        else:
            answers.is_key_good = True
            waiting = [*facts.more, *waiting]
            answers.facts = answers.facts.joined(facts)
    return answers


def clock_offset(response: Response, now: datetime) -> timedelta | None:
    """Return how far `now` is ahead of the answer's Date header; None when it has none."""
    try:
        return now - parsedate_to_datetime(response.headers["date"])
    except (KeyError, ValueError, TypeError):
        return None


def clock_result(name: str, offset: timedelta, source: str) -> CheckResult:
    """Return the result, under `name`, about this machine's clock, compared with that of `source`."""
    seconds = round(offset.total_seconds())
    way = "ahead of" if seconds > 0 else "behind"
    if abs(offset) <= CLOCK_WARNS:
        return passed(name, f"The clock agrees with that of {source}, to the minute.")
    make = failed if abs(offset) > CLOCK_FAILS else warned
    words = f"The clock is {abs(seconds):,} seconds {way} that of {source}."
    return make(name, words, "Set the clock, and let it be kept by NTP (systemd-timesyncd, chrony).")


def account_settings(publication: PublicationSettings, provider: Provider) -> Settings | None:
    """Return the settings that asking needs, or None where a secret is missing, which is told elsewhere."""
    try:
        return read_settings(publication, provider)
    except NewsletterError:
        return None


@dataclass(frozen=True, kw_only=True)
class ProviderJudgement:
    """A judgement of the answers of one provider's account."""

    provider: Provider
    check: AccountCheck
    answers: AccountAnswers
    domain: str
    readers: int | None
    """Readers who are active now; None when they were not counted."""

    def results(self) -> Iterator[CheckResult]:
        """Yield the result of each check."""
        yield self._key()
        if self.answers.is_key_good:
            yield self._account()
            yield self._quota()
            yield self._domain()
            if self.answers.facts.unsubscribe_detail:
                fix = "Otherwise readers who leave there are only known by the webhook: docs/providers.md."
                yield warned(self._name("unsubscribe"), f"{self._facts.unsubscribe_detail}.".capitalize(), fix)

    @property
    def _facts(self) -> AccountFacts:
        return self.answers.facts

    @property
    def _title(self) -> str:
        return self.provider.title

    def _name(self, part: str) -> str:
        return f"provider.{self.provider.name}.{part}"

    def _key(self) -> CheckResult:
        name, answers = self._name("key"), self.answers
        if answers.refused:
            fix = f"Make a new key at {self._title}, and put it where newsletter.toml names it: docs/providers.md."
            return failed(name, f"{self._title} refuses the key: {answers.refused}.", fix)
        if answers.is_key_good:
            return passed(name, f"{self._title} accepts the key.")
        if answers.silent:
            fix = "Look at the network and at base_url, and run this again."
            return failed(name, f"{self._title} cannot be asked: {answers.silent}.", fix)
        words = f"{self._title} answers otherwise than it documents: {next(iter(answers.unread.values()), 'nothing')}."
        if answers.is_busy:
            return warned(name, words, "It may be busy: run this again later.")
        return failed(name, words, f"Look at base_url under [providers.{self.provider.name}].")

    def _account(self) -> CheckResult:
        if self._facts.sends is False:
            fix = f"Ask {self._title} to lift it, or correct the setting, before the first issue leaves."
            return failed(self._name("account"), f"Readers would get nothing: {self._facts.sends_detail}.", fix)
        if self._facts.sends:
            return passed(self._name("account"), "The account may send to everyone; it is in no sandbox.")
        return skipped(self._name("account"), f"{self._title} does not tell whether the account may send. {self._why}")

    def _quota(self) -> CheckResult:
        left, name = self._facts.left, self._name("quota")
        if left is None:
            return skipped(name, f"{self._title} does not tell how many messages are left. {self._why}".strip())
        words = f"{left:,} messages may still be sent {self._facts.period}".strip()
        if left == 0:
            fix = f"Wait, or raise the quota at {self._title}; a campaign would pause at once."
            return failed(name, f"The quota at {self._title} is used up: {words}.", fix)
        if self.readers is not None and left < self.readers:
            fix = "Raise it before an issue leaves, or let a quota spread it over days: [send] rate in newsletter.toml."
            return warned(name, f"{words}, and there are {self.readers:,} active readers.", fix)
        return passed(name, f"{words}.")

    def _domain(self) -> CheckResult:
        name, detail = self._name("domain"), self._facts.verified_detail
        if self._facts.is_verified is None:
            words = f"{self._title} does not tell whether {self.domain} is verified. {self._why}".strip()
            return skipped(name, words, f"Look there. {self.check.records}")
        if self._facts.is_verified:
            return passed(name, f"{self._title} has verified {self.domain}.")
        return failed(name, f"{self._title} has not verified {self.domain}: {detail}.", self.check.records)

    @property
    def _why(self) -> str:
        """Return why something is not known, as far as the answers tell."""
        if self.answers.no_right:
            return f"The key may not ask ({next(iter(self.answers.no_right.values()))})."
        if self.answers.silent:
            return f"An answer is missing: {self.answers.silent}."
        if self.answers.unread:
            return f"An answer could not be read: {next(iter(self.answers.unread.values()))}."
        return ""
