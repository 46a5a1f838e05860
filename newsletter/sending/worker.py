"""The courier: batch after batch of one campaign through one provider, each from claim to settle.

Several threads work for it at once. Personalises, waits for its turn, hands over, and writes down what
became of it; the order of commits is what a kill at any moment depends on. Which campaign goes through
whom, and who works when, is `sender`.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Set
from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy import Connection

from newsletter.campaigns import claims, resolution, schedule
from newsletter.campaigns.campaign import CampaignState, change_state, get_campaign
from newsletter.campaigns.claims import ChangedPayloadError, Claim, LostClaimError
from newsletter.database.bulk import attempt
from newsletter.messages.mailing import Mailing
from newsletter.providers import dispatch, successor
from newsletter.providers.base import Answer, Batch, Outcome
from newsletter.sending.job import Job, ProgressListener, SendState
from newsletter.sending.pacing import Pacing, Reaction
from newsletter.sending.progress_marks import BatchProgressLog
from newsletter.sending.rate_limits import Reservation
from newsletter.sending.recipients import BatchRecipients, load_recipients, recipients
from newsletter.sending.recovery import may_repeat
from newsletter.signed_links import Links
from newsletter.times import stamp

ASK_AGAIN = 10.0
"""Seconds, at most, between two looks at a quota that is used up."""
LOOK = 1.0
"""Seconds between two looks at the campaign's state while nothing may be sent yet."""
TICK = 0.2
"""Seconds between two looks at whether there is something to do."""
_TAKEN_AS: dict[resolution.Policy, Outcome] = {
    "hold": Outcome.UNKNOWN,
    "resend": Outcome.BUSY,
    "assume-sent": Outcome.ACCEPTED,
}


class SendWorker:
    """Of one campaign and one provider."""

    def __init__(
        self,
        job: Job,
        mailing: Mailing,
        watcher: ProgressListener,
        send_state: SendState,
        is_over: Callable[[Connection], bool],
        longest: float = math.inf,
    ) -> None:
        """`longest`: a quota that is used up for more seconds than that is not waited for."""
        self._job = job
        self._mailing = mailing
        self._watcher = watcher
        self._send_state = send_state
        self._is_over = is_over
        self._links = Links(job.publication)
        self._pacing = Pacing(job.publication, job.rate, job.clock)
        self._longest = longest
        self._said = ""
        self.goes_on: datetime | None = None
        """When the quota that is not waited for has room again: until then no batch is begun."""
        self._doubts: set[str] = set()
        self.over = threading.Event()
        """Set: nothing more is handed over through this provider."""
        self.successor = ""
        """Through whom the campaign is to go on, when this provider stopped and there is another."""
        self.why = ""
        """What this one stopped for."""

    @property
    def is_stopping(self) -> bool:
        """Whether nothing more is to be handed over, for whatever reason."""
        return self.over.is_set() or self._send_state.asked.is_set()

    def work(self) -> None:
        """Batch after batch until there is none. For a thread of its own."""
        held = self._next()
        while held:
            held = self._carried(held) or self._next()

    def _carried(self, held: Claim) -> Claim | None:
        """After an error, what was claimed and not handed over is anybody's again, if that can still be written."""
        try:
            return self._deliver(held)
        except BaseException:
            with suppress(Exception):
                self._release(held)
            raise

    def _next(self) -> Claim | None:
        """The next batch, once there is one; None when there will be none, or when asked to stop."""
        while not (self.is_stopping or self.goes_on):
            stirs = self._send_state.stirs
            with self._send_state.writer() as connection:
                held = self.claim(connection)
                is_over = held is None and self._is_over(connection)
            if held or is_over:
                return held
            self._send_state.wait(stirs, TICK)
        return None

    def claim(self, connection: Connection) -> Claim | None:
        """The next batch that is due, if there is one."""
        name, now = self._job.provider.name, self._job.clock()
        return claims.claim(connection, self._job.campaign.id, owner=f"{os.getpid()}", now=now, provider=name)

    def _claim_too(self, connection: Connection) -> Claim | None:
        """The next batch in a transaction that settles the last: each commit waits for the disk.

        What was settled is kept whatever goes wrong here; then the next transaction meets it, and says so.
        """
        held = None
        with attempt(connection):
            held = self.claim(connection)
        return held

    def called(self, held: Claim) -> tuple[BatchRecipients, bool]:
        """The batch's roll, nobody on it when the batch is lost; and whether it may leave whenever it is ready.

        Read beside the writer, who has others to serve; who seems to be gone is looked at again by the writer.
        """
        with self._job.database.read() as connection:
            roll = load_recipients(connection, held, self._job.campaign, self._job.clock())
            is_free = self._pacing.is_free(connection, self._job.provider.name)
        if roll.to_send and not roll.to_skip:
            return roll, is_free
        try:
            return self._called_by_the_writer(held), is_free
        except LostClaimError:
            return BatchRecipients(to_send={}, to_skip={}), is_free

    def _called_by_the_writer(self, held: Claim) -> BatchRecipients:
        """The roll once more, and who is gone is skipped in the same transaction.

        Two campaigns of an issue that both saw the other's claim would both leave its readers out.
        """
        now = self._job.clock()
        with self._send_state.writer() as connection:
            roll = load_recipients(connection, held, self._job.campaign, now)
            claims.skip(connection, held, roll.to_skip, now)
            if not roll.to_send:
                claims.close_empty(connection, held, now)
        return roll

    def _called_again(self, held: Claim, before: BatchRecipients) -> BatchRecipients:
        """The roll after a wait: whoever left meanwhile is skipped, for their batch has not left."""
        roll, _ = self.called(held)
        if left := len(before.to_send) - len(roll.to_send):
            with self._send_state.writer() as connection:
                self._pacing.give_back(connection, self._job.provider.name, left)
        return roll

    def prepare(self, held: Claim, roll: BatchRecipients) -> list[dispatch.Part]:
        """Everything of a batch up to the first byte."""
        return dispatch.prepare(self._job.provider, self._batch(held, roll), self._job.settings)

    def _deliver(self, held: Claim) -> Claim | None:
        """From claimed to settled; the next one, which is claimed as this one is settled."""
        if held.first_handed_at and not may_repeat(self._job.provider, held.first_handed_at, self._job.clock()):
            self._give_up(held)
            return None
        roll, is_free = self.called(held)
        return self._carry(held, roll, is_free=is_free) if roll.to_send else None

    def _carry(self, held: Claim, roll: BatchRecipients, *, is_free: bool) -> Claim | None:
        parts, called = self.prepare(held, roll), time.monotonic()
        if self.is_stopping or not (is_free or self._turn(len(roll.to_send))):
            self._release(held)
            return None
        if time.monotonic() - called > LOOK:
            roll = self._called_again(held, roll)
            parts = self.prepare(held, roll) if roll.to_send else []
        if not (parts and self._handed(held, dispatch.payload_hash(parts))):
            self._release(held)
            return None
        handed_at = self._job.clock()
        marks = self._marks(held)
        answer = dispatch.hand_over(parts, marks)
        return self._settle(held, roll, answer, handed_at, marks.noted if marks else frozenset())

    def _marks(self, held: Claim) -> BatchProgressLog | None:
        window = self._job.provider.window
        if not window:
            return None
        return BatchProgressLog(self._send_state, held, self._job.clock, lambda: not self.is_stopping, window)

    def _policy(self, handed_at: datetime) -> resolution.Policy:
        """What to do about an unknown outcome: nothing yet where the provider can tell by the key."""
        if may_repeat(self._job.provider, handed_at.isoformat(), handed_at):
            return "hold"
        return self._job.publication.config.send.on_unknown

    def _batch(self, held: Claim, roll: BatchRecipients) -> Batch:
        campaign = self._job.campaign
        return Batch(
            mailing=self._mailing,
            recipients=recipients(roll.to_send.values(), campaign, self._links),
            key=f"{campaign.key}-{held.key}",
            label=f"{campaign.id}-{campaign.issue}",
            tag=f"{campaign.key}-{held.no}",
        )

    def _turn(self, count: int) -> bool:
        """Wait until the rate allows `count` messages; False when asked to stop meanwhile, or when that takes long."""
        while not self.is_stopping:
            with self._send_state.writer() as connection:
                turn = self._pacing.take(connection, self._job.provider.name, count)
                if turn.full and turn.wait > self._longest:
                    return self._rest(turn)
            self._say_once(f"{turn.full}: that is used up; it goes on by itself." if turn.full else "")
            self._wait_out(min(turn.wait, ASK_AGAIN) if turn.full else turn.wait)
            if not turn.full:
                return self._kept_turn(count)
        return False

    def _rest(self, turn: Reservation) -> bool:
        """Say when it goes on; others may have a turn still, and finish. Nothing was reserved: False, no turn."""
        if not self.goes_on:
            self.goes_on = self._job.clock() + timedelta(seconds=turn.wait)
            when = schedule.wall_clock(self._job.publication, self.goes_on)
            self._say_once(f"{turn.full}: that is used up; the first `newsletter run` after {when} goes on.")
        return False

    def _wait_out(self, seconds: float) -> None:
        """Wait, and look every LOOK seconds whether the campaign is still to be sent."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > LOOK and not self.is_stopping:
            self._pause(LOOK)
            with self._job.database.read() as connection:
                if get_campaign(connection, self._job.campaign.id).state is not CampaignState.SENDING:
                    self.over.set()
        self._pause(left)

    def _kept_turn(self, count: int) -> bool:
        """Whether what was reserved is still wanted; else it is given back."""
        if not self.is_stopping:
            return True
        with self._send_state.writer() as connection:
            self._pacing.give_back(connection, self._job.provider.name, count)
        return False

    def _handed(self, held: Claim, payload_hash: str) -> bool:
        """Commit that the first byte may leave; False when it may not any more."""
        name, now = self._job.provider.name, self._job.clock()
        try:
            with self._send_state.changer() as connection:
                claims.hand(connection, held, provider=name, now=now, payload_hash=payload_hash)
            self._send_state.last_send_marker.rise(stamp(now))
        except ChangedPayloadError:
            self._give_up(held)
            return False
        except LostClaimError:
            return False
        return True

    def _give_up(self, held: Claim) -> None:
        """Say that it is unknown; whoever cancelled the campaign meanwhile has said so already."""
        with suppress(LostClaimError), self._send_state.writer() as connection:
            claims.give_up(connection, held, self._job.clock())

    def _release(self, held: Claim) -> None:
        with self._send_state.writer() as connection:
            claims.release(connection, held)

    def _settle(
        self, held: Claim, roll: BatchRecipients, answer: Answer, handed_at: datetime, noted: Set[int]
    ) -> Claim | None:
        again = self._is_to_be_repeated(held, answer)
        answer = self._pacing.judged(held.no, answer)
        policy = self._policy(handed_at)
        taken = resolution.with_unknown_as(answer, _TAKEN_AS[policy])
        reaction = self._reaction(held, resolution.with_unknown_as(answer, Outcome.BUSY) if again else taken)
        with self._send_state.writer() as connection:
            now = self._job.clock()
            if again:
                claims.settle_for_repeat(connection, held, now=now, wait=reaction.wait, doubt=answer.doubt)
            else:
                claims.settle(connection, held, [*roll.to_send], answer, now=now, wait=reaction.wait, recorded=noted)
                if answer.doubt:
                    resolution.resolve_batch(connection, held.campaign_id, held.no, policy, now=now, wait=reaction.wait)
            name, wait = self._job.provider.name, reaction.wait
            self._pacing.slow_down(connection, name, taken, handed_at=handed_at, wait=wait)
            if reaction.pause:
                self._end(connection, reaction)
            coming = None if reaction.pause or reaction.wait or self.is_stopping else self._claim_too(connection)
        self._send_state.stir()
        if reaction.pause:
            self.over.set()
        elif reaction.remark:
            self._watcher.say(reaction.remark)
        if not again:
            self._say_doubt(answer)
        if reaction.wait and reaction.is_for_all:
            self._pause(reaction.wait)
        return coming

    def _reaction(self, held: Claim, answer: Answer) -> Reaction:
        return Reaction() if answer.cut else self._pacing.react(held.no, answer)

    def _end(self, connection: Connection, reaction: Reaction) -> None:
        """Pause the campaign, unless somebody ended it already, or another provider goes on."""
        state = get_campaign(connection, self._job.campaign.id).state
        if state is CampaignState.SENDING and not self._gives_way(reaction):
            change_state(connection, self._job.campaign.id, "pause", now=self._job.clock(), reason=reaction.pause)

    def _gives_way(self, reaction: Reaction) -> bool:
        """Whether another provider is to go on instead."""
        is_its_own = self._job.provider.name == self._job.campaign.provider
        name = successor(self._job.publication, self._job.provider.name) if reaction.gives_way and is_its_own else ""
        self.successor, self.why = name, reaction.pause
        return bool(name)

    def _is_to_be_repeated(self, held: Claim, answer: Answer) -> bool:
        """Whether only the same call again can tell what became of this one, or of an earlier one."""
        outcomes = answer.outcomes
        in_doubt = Outcome.UNKNOWN in outcomes or (bool(held.first_handed_at) and Outcome.BUSY in outcomes)
        first = held.first_handed_at or self._job.clock().isoformat()
        return in_doubt and may_repeat(self._job.provider, first, self._job.clock())

    def _say_doubt(self, answer: Answer) -> None:
        """Why deliveries are unknown, once: a provider that is down says the same to every call."""
        if answer.doubt and answer.doubt not in self._doubts:
            self._doubts.add(answer.doubt)
            number = answer.outcomes[Outcome.UNKNOWN]
            are = "1 delivery is" if number == 1 else f"{number:,} deliveries are"
            self._watcher.say(f"{answer.doubt}: {are} unknown.")

    def _say_once(self, sentence: str) -> None:
        if sentence and sentence != self._said:
            self._watcher.say(sentence)
        self._said = sentence

    def _pause(self, seconds: float) -> None:
        """Wait, but not on when asked to stop."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self.is_stopping:
            self.over.wait(min(left, TICK))
