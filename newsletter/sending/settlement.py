"""Decide what a provider's answer means: what is written, what is called again, how long to wait, when to pause.

Pure: the answer, the claim, the policy, the history and the time come in, a Settlement comes out. Campaigns
(worker.py), confirmations (transactional_sender.py), and tests and notices (direct_send.py) settle by it.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace
from datetime import datetime

from msgspec import structs

from newsletter.campaigns.claims import Claim
from newsletter.campaigns.resolution import Policy
from newsletter.config import PublicationSettings
from newsletter.providers.base import Answer, Outcome, Provider
from newsletter.providers.dispatch import Part
from newsletter.sending import pacing
from newsletter.sending.pacing import Reaction, RunHistory
from newsletter.sending.recipients import BatchRecipients
from newsletter.sending.recovery import may_repeat
from newsletter.times import Duration

TAKEN_AS: dict[Policy, Outcome] = {
    "hold": Outcome.UNKNOWN,
    "resend": Outcome.BUSY,
    "assume-sent": Outcome.ACCEPTED,
}
"""What an unknown outcome counts as under each policy."""
WITHOUT_LIMIT = Duration("9999d")


@dataclass(frozen=True, kw_only=True)
class SendPolicy:
    """The provider's abilities, and the settings about answers that are not plain."""

    provider: Provider
    patience: Duration
    """How long a busy provider, or a busy recipient, is waited for."""
    on_unknown: Policy
    """What becomes of unknown outcomes; `hold` where the provider can tell them by the key of the call."""


@dataclass(frozen=True, kw_only=True)
class PreparedCall:
    """A claimed batch with everything that is done before the first byte leaves."""

    claim: Claim
    recipients: BatchRecipients
    parts: list[Part]
    """The calls to the provider, nearly always one."""
    is_free: bool
    """Whether it needs no turn."""

    @property
    def size(self) -> int:
        """Return the number of messages it sends."""
        return len(self.recipients.to_send)


@dataclass(frozen=True, kw_only=True)
class HandedCall:
    """A call that was made, and its answer."""

    call: PreparedCall
    handed_at: datetime
    answer: Answer
    """A result for each recipient who was not skipped."""
    recorded: Set[int] = frozenset()
    """Subscribers whose outcomes the ledger has already."""
    skipped: Set[int] = frozenset()
    """Subscribers who left while their batch was going out; the ledger has them already."""


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """The decision about one answer."""

    answer: Answer
    """The answer as it is written: recipients who were put off for too long are rejected in it."""
    is_repeat: bool
    """Whether the same call is made again under its key: only that can tell its outcome, or an earlier one's."""
    on_unknown: Policy
    """How unknown outcomes are resolved, once written."""
    is_throttled: bool
    """Whether the provider took nothing and wants fewer calls: all senders slow down."""
    reaction: Reaction
    """How long to wait, whether to pause, and what to say."""
    history: RunHistory
    """The history that the next answer is settled by."""


def campaign_policy(publication: PublicationSettings, provider: Provider) -> SendPolicy:
    """Return the policy of the settings for campaigns through this provider."""
    send = publication.config.send
    return SendPolicy(
        provider=provider,
        patience=send.patience,
        on_unknown="hold" if provider.dedupe else send.on_unknown,
    )


def single_message_policy(provider: Provider) -> SendPolicy:
    """Return the policy for mail that is no campaign's: nothing pauses it but a provider that stopped.

    What is unknown is never sent again: the reader may ask anew.
    """
    return SendPolicy(provider=provider, patience=WITHOUT_LIMIT, on_unknown="hold")


def settlement(
    answer: Answer,
    claim: Claim | None,
    policy: SendPolicy,
    history: RunHistory,
    now: datetime,
    *,
    jitter: float = 1.0,
) -> Settlement:
    """Settle the answer to one call; `claim` is its batch, None for mail that is no campaign's.

    `jitter` is a factor for waits, so that several senders do not come back together.
    """
    no = claim.no if claim else 0
    is_repeat = claim is not None and _is_repeat(answer, claim, policy.provider, now)
    if claim:
        answer, history = pacing.reject_deferred(answer, no, policy.patience, history, now)
    taken = _with_unknown_as(answer, TAKEN_AS[policy.on_unknown])
    reaction = Reaction()
    if not answer.cut:
        reaction, history = pacing.react(
            _with_unknown_as(answer, Outcome.BUSY) if is_repeat else taken,
            no,
            patience=policy.patience,
            history=history,
            now=now,
            jitter=jitter,
        )
    return Settlement(
        answer=answer,
        is_repeat=is_repeat,
        on_unknown=policy.on_unknown,
        is_throttled=taken.is_busy and not answer.stop,
        reaction=reaction,
        history=history,
    )


def _with_unknown_as(answer: Answer, outcome: Outcome) -> Answer:
    """Return the answer with `outcome` in place of its unknown outcomes."""
    if Outcome.UNKNOWN not in answer.outcomes:
        return answer
    results = (structs.replace(r, outcome=outcome) if r.outcome is Outcome.UNKNOWN else r for r in answer.results)
    return replace(answer, results=tuple(results))


def _is_repeat(answer: Answer, claim: Claim, provider: Provider, now: datetime) -> bool:
    outcomes = answer.outcomes
    is_doubtful = Outcome.UNKNOWN in outcomes or (bool(claim.first_handed_at) and Outcome.BUSY in outcomes)
    return is_doubtful and may_repeat(provider, claim.first_handed_at or now.isoformat(), now)
