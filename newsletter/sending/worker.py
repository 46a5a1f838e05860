"""Send one campaign's batches through one provider, each from claim to settle.

Several threads run the loop of SendWorker at once: claim, prepare, wait for its turn, hand over, settle. The order of
commits is what a kill at any moment depends on; what an answer means is settlement.py, which decides and does nothing.
Which campaign goes through which provider, and when it ends, is sender.py.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import replace

from sqlalchemy import Connection

from newsletter.campaigns import claims, counts, reported, resolution
from newsletter.campaigns.campaign import CampaignState, change_state, get_campaign, lock_campaign
from newsletter.campaigns.claims import ChangedPayloadError, Claim, LostClaimError
from newsletter.campaigns.counts import delivery_counts
from newsletter.database.bulk import attempt
from newsletter.messages.mailing import Mailing
from newsletter.providers import dispatch, successor
from newsletter.providers.base import Answer, Batch, Outcome, Provider
from newsletter.sending.circuit_breaker import CircuitBreaker
from newsletter.sending.job import Job, ProgressListener, SendState, draw_jitter, log_failure
from newsletter.sending.pacing import Reaction, RunHistory, batch_size
from newsletter.sending.progress_marks import BatchProgressLog
from newsletter.sending.rate_gate import RateGate
from newsletter.sending.recipients import BatchRecipients, load_recipients, recipients
from newsletter.sending.recovery import accept_late, may_repeat
from newsletter.sending.settlement import HandedCall, PreparedCall, Settlement, campaign_policy, settlement
from newsletter.signed_links import Links

LOOK = 1.0
"""Seconds between two looks at the campaign's state while a call waits for its turn."""
TICK = 0.2
"""Seconds between two looks at whether there is something to do."""

logger = logging.getLogger(__name__)


class SendWorker:
    """Take batches of one campaign from claim to settle, through one provider."""

    def __init__(
        self,
        job: Job,
        mailing: Mailing,
        listener: ProgressListener,
        send_state: SendState,
        is_over: Callable[[Connection], bool],
        longest: float = math.inf,
        *,
        takes_next: bool = True,
        answered: Counter[str] | None = None,
    ) -> None:
        """`longest`: a quota that is used up for more seconds than that is not waited for.

        Without `takes_next` it sends the batches that it is given, one by one, and no turn is waited for longer.
        Messages are counted by outcome in `answered`.
        """
        self._job = job
        self._mailing = mailing
        self._listener = listener
        self._send_state = send_state
        self._is_over = is_over
        self._links = Links(job.publication)
        self._policy = campaign_policy(job.publication, job.provider)
        self._history = RunHistory()
        self._breaker = CircuitBreaker(
            job.publication.config.send.max_rejected, job.provider, job.clock, lambda: self.is_stopping
        )
        self._deciding = threading.Lock()
        self._said = ""
        self._reasons_told: set[str] = set()
        self._takes_next, self._answered = takes_next, answered
        ahead, name = math.inf if takes_next else longest, job.provider.name
        self.gate = RateGate(self, job.publication, name, job.rate, job.clock, longest, most_ahead=ahead)
        """Makes calls wait for their turn; no batch is claimed while it is closed."""
        self.over = threading.Event()
        """Set when nothing more is handed over through this provider."""
        self.successor = ""
        """The provider that goes on with the campaign, when this one stopped and there is another."""
        self.why = ""
        """Why this provider stopped."""

    @property
    def provider(self) -> Provider:
        """Return the provider that it sends through."""
        return self._job.provider

    @property
    def is_stopping(self) -> bool:
        """Tell whether nothing more is to be handed over, for whatever reason."""
        return self.over.is_set() or self._send_state.stop_asked.is_set()

    def work(self) -> None:
        """Send batch after batch until there is none; for a thread of its own."""
        claim = self._next_claim()
        while claim:
            claim = self.send(claim) or self._next_claim()

    def send(self, claim: Claim) -> Claim | None:
        """Take one batch from claim to settle; return the next, when it was claimed as this one was settled.

        Whatever keeps it from leaving, a batch that is still claimed is queued again.
        """
        try:
            call = self.prepare(claim)
            call = call and self._take_turn(call)
            if call and self._hand(call):
                return self._settle(self._hand_over(call))
        except LostClaimError as error:  # another took the batch over, and sends it or asks a person
            logger.info("%s", error)
            return None
        except BaseException:
            try:
                self._release(claim)
            except Exception as error:  # the first error is the one to raise
                log_failure(logger, "a claimed batch could not be released", error)
            raise
        self._release(claim)
        return None

    def _next_claim(self) -> Claim | None:
        """Wait for a batch and claim it; None when there will be none, or when asked to stop."""
        while not (self.is_stopping or self.gate.opens_at):
            changes = self._send_state.changes
            with self.writer() as connection:
                claim = self.claim(connection)
                is_over = claim is None and self._is_over(connection)
            if claim or is_over:
                return claim
            self._send_state.wait(changes, TICK)
        return None

    def claim(self, connection: Connection, no: int | None = None) -> Claim | None:
        """Claim the next batch that is due, or batch `no`, if it may be sent."""
        name, now = self._job.provider.name, self._job.clock()
        owner, lease = self._send_state.owner, self._send_state.lease
        return claims.claim(connection, self._job.campaign.id, owner=owner, now=now, provider=name, lease=lease, no=no)

    def prepare(self, claim: Claim) -> PreparedCall | None:
        """Read a batch's recipients and make its call; None when nobody is left, or the call cannot be made again."""
        provider, now = self._job.provider, self._job.clock()
        if claim.first_handed_at and not may_repeat(provider, claim.first_handed_at, now):
            self._give_up(claim)
            return None
        with self._job.database.read() as connection:  # beside the writer, who has others to serve
            people = load_recipients(connection, claim, self._job.campaign, now)
            is_free = self.gate.is_open(connection)
        if people.to_skip or not people.to_send:
            people = self._skip(claim)
        if not people.to_send:
            return None
        parts = dispatch.prepare(provider, self._batch(claim, people), self._job.settings)
        return PreparedCall(claim=claim, recipients=people, parts=parts, is_free=is_free)

    def _skip(self, claim: Claim) -> BatchRecipients:
        """Read the recipients once more, and skip those who are not sent it in the same transaction.

        Two campaigns of an issue that both saw the other's claim would both leave its readers out.
        """
        now = self._job.clock()
        try:
            with self.writer() as connection:
                people = load_recipients(connection, claim, self._job.campaign, now)
                claims.skip(connection, claim, people.to_skip, now)
                if not people.to_send:
                    claims.close_empty(connection, claim, now)
        except LostClaimError:
            return BatchRecipients(to_send={}, to_skip={})
        return people

    def _batch(self, claim: Claim, people: BatchRecipients) -> Batch:
        campaign = self._job.campaign
        return Batch(
            mailing=self._mailing,
            recipients=recipients(people.to_send.values(), campaign, self._links),
            key=f"{campaign.key}-{claim.key}",
            label=f"{campaign.id}-{campaign.issue}",
            tag=f"{campaign.key}-{claim.no}",
            return_path=self._job.return_path,
        )

    def _take_turn(self, call: PreparedCall) -> PreparedCall | None:
        """Wait until the call may leave; return it as it is then, None when it may not leave any more."""
        began = time.monotonic()
        if self.is_stopping or not (call.is_free or self.gate.take_turn(call.size)):
            return None
        if time.monotonic() - began <= LOOK:
            return call
        later = self.prepare(call.claim)  # who left meanwhile is skipped, for their batch has not left
        with self.writer() as connection:
            self.gate.give_back(connection, call.size - (later.size if later else 0))
        return later

    def _hand(self, call: PreparedCall) -> bool:
        """Commit that the first byte may leave; False when it may not any more."""
        provider, now, began = self._job.provider, self._job.clock(), time.monotonic()
        payload_hash, by_message = dispatch.payload_hash(call.parts), bool(provider.window)
        try:
            with self.writer() as connection:
                hand_over = self._send_state.last_send_marker.count(connection, now)
                claims.hand(
                    connection,
                    call.claim,
                    provider=provider.name,
                    now=now,
                    payload_hash=payload_hash,
                    is_by_message=by_message,
                )
            self._send_state.last_send_marker.rise(hand_over)
        except ChangedPayloadError:
            self._give_up(call.claim)
            return False
        except LostClaimError:
            return False
        if not self._send_state.is_alone and time.monotonic() - began > call.claim.lease.total_seconds():
            raise LostClaimError(f"batch {call.claim.no}: this process was stopped for longer than its lease")
        return True

    def _hand_over(self, call: PreparedCall) -> HandedCall:
        """Make the calls."""
        handed_at, window, log = self._job.clock(), self._job.provider.window, None
        if window:
            job, may_go_on = self._job, lambda: not (self.is_stopping or self._breaker.trip)
            log = BatchProgressLog(
                self._send_state, call.claim, job.campaign.list, job.clock, may_go_on, window, job.threads
            )
        answer = dispatch.hand_over(call.parts, log, self._breaker.watch)
        is_cut = answer.cut or (bool(self._breaker.trip) and not answer.stop)
        return HandedCall(
            call=call,
            handed_at=handed_at,
            answer=replace(answer, cut=is_cut),
            recorded=log.recorded if log else frozenset(),
            skipped=log.skipped if log else frozenset(),
        )

    def _settle(self, handed: HandedCall) -> Claim | None:
        """Write the settlement of an answer, then follow it; return the next batch, claimed in one transaction."""
        call, answer = handed.call, handed.answer
        with self._deciding:
            now, jitter = self._job.clock(), draw_jitter()
            settled = settlement(answer, call.claim, self._policy, self._history, now, jitter=jitter)
            self._history = settled.history
        late = settled.answer.outcomes.get(Outcome.REJECTED, 0) - answer.outcomes.get(Outcome.REJECTED, 0)
        if late:
            self._breaker.add_refusals(late)
        if self._answered is not None:
            self._answered.update({str(outcome): number for outcome, number in answer.outcomes.items()})
        try:
            claim, reaction = self._send_state.record(lambda connection: self._write(connection, handed, settled))
        except LostClaimError:
            self._write_late(handed)
            raise
        self._send_state.tell_change()
        self._follow(settled, reaction)
        return claim

    def _write(self, connection: Connection, handed: HandedCall, settled: Settlement) -> tuple[Claim | None, Reaction]:
        """Write a settlement in one transaction; return the next batch, and what is left to be done."""
        if settled.reaction.pause:
            lock_campaign(connection, self._job.campaign.id)  # as `cancel` does, which changes its batches next
        self._record(connection, handed, settled)
        self.gate.give_back(connection, len(handed.skipped))
        reaction = self._reaction(connection, settled.reaction)
        if settled.is_throttled:
            number, wait = len(handed.answer.results), reaction.wait
            self.gate.slow_down(connection, number, handed_at=handed.handed_at, wait=wait)
        if reaction.pause:
            self._end(connection, reaction)
        is_last = reaction.pause or reaction.wait or self.is_stopping or not self._takes_next
        return None if is_last else self._claim_too(connection), reaction

    def _write_late(self, handed: HandedCall) -> None:
        """Write what is known of a batch that was given up meanwhile."""
        ids = [id for id in handed.call.recipients.to_send if id not in handed.skipped]
        with self.writer() as connection:
            accept_late(connection, handed.call.claim, ids, handed.answer, self._job.clock())

    def _record(self, connection: Connection, handed: HandedCall, settled: Settlement) -> None:
        claim, now, wait = handed.call.claim, self._job.clock(), settled.reaction.wait
        if settled.is_repeat:
            claims.settle_for_repeat(connection, claim, now=now, wait=wait, reason=settled.answer.unknown_reason)
            return
        ids = [id for id in handed.call.recipients.to_send if id not in handed.skipped]
        claims.settle(connection, claim, ids, settled.answer, now=now, wait=wait, recorded=handed.recorded)
        if settled.answer.unknown_reason:
            # Events may have come before the answer that was lost.
            reported.accept_batch(connection, claim.campaign_id, claim.no, now)
            policy = settled.on_unknown
            resolution.resolve_batch(connection, claim.campaign_id, claim.no, policy, now=now, wait=wait)

    def _claim_too(self, connection: Connection) -> Claim | None:
        """Claim the next batch in the transaction that settles the last one: each commit waits for the disk.

        What was settled is kept if this fails; the next transaction meets the failure, and raises it.
        """
        claim = None
        with attempt(connection):
            claim = self.claim(connection)
        return claim

    def _reaction(self, connection: Connection, reaction: Reaction) -> Reaction:
        """Return the reaction to an answer, which is a pause when the breaker is open or opens at the end.

        Refusals that were not their readers' are queued again in the transaction that pauses.
        """
        if reaction.pause:
            return reaction
        id = self._job.campaign.id
        if (trip := self._breaker.trip) is None:
            trip = self._breaker.at_the_end()
            if trip is None or not counts.is_done(connection, id) or delivery_counts(connection, id)["accepted"]:
                return reaction
            self._breaker.open(trip)
        if trip.cause and trip.since:
            size = batch_size(self._job.publication, self._job.provider, self._job.rate)
            resolution.take_back(connection, id, trip.cause, trip.since, size, self._job.clock())
        if trip.is_about_the_rest and not counts.has_unsent(connection, id):
            return reaction
        return Reaction(pause=trip.why, gives_way=trip.is_of_provider)

    def _follow(self, settled: Settlement, reaction: Reaction) -> None:
        """Do what a settlement asks of the run, after it was written."""
        if reaction.pause:
            self.over.set()
        elif reaction.remark:
            self._listener.say(reaction.remark)
        if not settled.is_repeat:
            self._say_unknown(settled.answer)
        if reaction.wait and reaction.is_for_all:
            self._pause(reaction.wait)

    def _end(self, connection: Connection, reaction: Reaction) -> None:
        """Pause the campaign, unless somebody ended it already, or another provider goes on."""
        campaign, provider = self._job.campaign, self._job.provider.name
        if lock_campaign(connection, campaign.id).state is not CampaignState.SENDING:
            return
        may_give_way = reaction.gives_way and provider == campaign.provider
        self.successor = successor(self._job.publication, provider) if may_give_way else ""
        self.why = reaction.pause
        if not self.successor:
            change_state(connection, campaign.id, "pause", now=self._job.clock(), reason=reaction.pause)

    def _give_up(self, claim: Claim) -> None:
        """Call the batch unknown; if the campaign was cancelled meanwhile, it is so already."""
        with suppress(LostClaimError), self.writer() as connection:
            claims.give_up(connection, claim, self._job.clock())

    def _release(self, claim: Claim) -> None:
        not_before = None if self._takes_next else self.gate.opens_at
        with self.writer() as connection:
            claims.release(connection, claim, not_before=not_before)

    def writer(self) -> AbstractContextManager[Connection]:
        """Open a transaction of the process's one writer."""
        return self._send_state.writer()

    def wait(self, seconds: float) -> None:
        """Wait for a turn, and look every LOOK seconds whether the campaign is still to be sent."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > LOOK and not self.is_stopping:
            self._pause(LOOK)
            with self._job.database.read() as connection:
                if get_campaign(connection, self._job.campaign.id).state is not CampaignState.SENDING:
                    self.over.set()
        self._pause(left)

    def _pause(self, seconds: float) -> None:
        """Wait, but not on once it is stopping."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self.is_stopping:
            self.over.wait(min(left, TICK))

    def say_once(self, sentence: str) -> None:
        """Tell the listener a sentence, unless it was the last one; an empty one makes the next count as new."""
        if sentence and sentence != self._said:
            self._listener.say(sentence)
        self._said = sentence

    def _say_unknown(self, answer: Answer) -> None:
        """Say why deliveries are unknown, once for each reason: a provider that is down repeats it at every call."""
        if answer.unknown_reason and answer.unknown_reason not in self._reasons_told:
            self._reasons_told.add(answer.unknown_reason)
            number = answer.outcomes[Outcome.UNKNOWN]
            are = "1 delivery is" if number == 1 else f"{number:,} deliveries are"
            self._listener.say(f"{answer.unknown_reason}: {are} unknown.")
