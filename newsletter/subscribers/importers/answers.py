"""Read what a cell says about consent: true, `No`, `2024-05-01`, `Unsubscribed`, `hard bounce`, `abgemeldet`.

A cell that is not understood has no answer, and its row is not imported: nobody is mailed on a guess. The columns that
hold such cells are found by `consent_columns.py`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from newsletter.errors import nearest
from newsletter.subscribers.writes import Status


class ConsentAnswer(StrEnum):
    """The statement of a cell, or of a row, about mail to its reader; the later of two prevails."""

    NOTHING = "nothing"
    ACTIVE = "active"
    PENDING = "pending"
    UNSUBSCRIBED = "unsubscribed"
    BLOCKED = "blocked"
    """Somebody barred the address there."""
    BOUNCED = "bounced"
    COMPLAINED = "complained"

    @property
    def says_no(self) -> bool:
        """Whether the reader must not be active."""
        return self in REFUSALS

    @property
    def status(self) -> Status:
        """The status of the reader on the lists of the row."""
        if self.says_no:
            return Status.UNSUBSCRIBED
        return Status.PENDING if self is ConsentAnswer.PENDING else Status.ACTIVE


REFUSALS = frozenset(
    {ConsentAnswer.UNSUBSCRIBED, ConsentAnswer.BLOCKED, ConsentAnswer.BOUNCED, ConsentAnswer.COMPLAINED}
)
_STRENGTH = {answer: strength for strength, answer in enumerate(ConsentAnswer)}


def strongest(answers: Iterable[ConsentAnswer]) -> ConsentAnswer:
    """Return the answer that prevails: one refusal outweighs every consent."""
    return max(answers, key=_STRENGTH.__getitem__, default=ConsentAnswer.NOTHING)


def fold(text: str) -> str:
    """Return the text in lower case without accents, its words separated by single spaces."""
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
        text = "".join(sign for sign in decomposed if not unicodedata.combining(sign))
    return re.sub(r"[\s_-]+", " ", text).strip(" .").casefold()


_WORDS_OF = {
    ConsentAnswer.ACTIVE: (
        "active, subscribed, subscribe, enabled, confirmed, verified, opted in, opt in, optin, single opt in, "
        "double opt in, granted, given, agreed, accepted, allowed, express, explicit, regular, "
        "marketing contact, "
        "aktiv, angemeldet, abonniert, bestatigt, actif, active, abonne, abonnee, inscrit, inscrite, confirme, "
        "activo, activa, suscrito, suscrita, confirmado, attivo, iscritto, iscritta, ativo, inscrito, inscrita, "
        "actief, ingeschreven, aangemeld, aktywny, نشط, مشترك"
    ),
    ConsentAnswer.PENDING: (
        "pending, unconfirmed, not confirmed, unverified, not verified, unactivated, waiting, validating, "
        "awaiting confirmation, pending confirmation, confirmation pending, requested, "
        "ausstehend, unbestatigt, nicht bestatigt, en attente, non confirme, non confirmee, pendiente, sin confirmar, "
        "in attesa, non confermato, pendente, in afwachting, قيد الانتظار"
    ),
    ConsentAnswer.UNSUBSCRIBED: (
        "unsubscribed, unsubscribe, unsub, opted out, opt out, optout, optedout, inactive, disabled, deactivated, "
        "cancelled, canceled, removed, deleted, archived, suppressed, transactional, resigned, left, "
        "non subscribed, nonsubscribed, not subscribed, never subscribed, no consent, not opted in, not active, "
        "revoked, withdrawn, denied, declined, do not email, do not mail, do not contact, dnc, soft bounce, "
        "soft bounced, softbounce, non marketing contact, "
        "abgemeldet, abbestellt, inaktiv, geloscht, geloescht, widerrufen, desabonne, desabonnee, desinscrit, "
        "desinscrite, inactif, inactive, supprime, supprimee, refuse, inactivo, inactiva, desuscrito, baja, "
        "dado de baja, dada de baja, cancelado, cancelada, eliminado, disiscritto, disiscritta, cancellato, inattivo, "
        "descadastrado, inativo, excluido, uitgeschreven, afgemeld, inactief, wypisany, غير مشترك, ألغى الاشتراك"
    ),
    ConsentAnswer.BLOCKED: (
        "blocklisted, blacklisted, block listed, black listed, blocked, banned, gesperrt, bloque, bloquee, bloqueado, "
        "bloccato, geblokkeerd, محظور"
    ),
    ConsentAnswer.BOUNCED: (
        "bounced, bounce, bounces, hard bounced, hard bounce, hardbounce, hardbounced, cleaned, invalid, "
        "undeliverable, dead, unzustellbar, rebotado, rebote, rimbalzato"
    ),
    ConsentAnswer.COMPLAINED: (
        "complained, complaint, complainer, spam, spam complaint, spam complained, marked as spam, reported spam, "
        "spam report, abuse, abuse complaint, junk, beschwerde, plainte"
    ),
}
WORDS: Mapping[str, ConsentAnswer] = {
    fold(word): answer for answer, words in _WORDS_OF.items() for word in words.split(", ")
}
"""The answers of words, by the word as `fold` returns it."""
_PART = re.compile(
    r"(?P<complained>complain\w*|spam\w*)|(?P<bounced>bounce\w*|hardbounce\w*|cleaned|undeliverable)"
    r"|(?P<blocked>(?:black|block)list\w*|banned)"
    r"|(?P<unsubscribed>unsub\w*|opt(?:ed)? ?out|inactive|disabled|deleted|removed|cancell?ed|suppressed|abgemeldet"
    r"|desabonn\w*|desinscri\w*|disiscritt\w*|uitgeschreven)"
)
_NEGATION = re.compile(r"\b(?:not|no|never|non|un|nicht|kein|keine|pas|sin|niet|geen|nao)\b")
STRONG = re.compile(
    r"(?:globally )?(?:unsub|unsubscribed|opted out|opt out|optout|hard bounced?|hardbounced?|bounced|spam complaint|"
    r"complained|marked as spam|blacklisted|blocklisted|do not (?:email|mail|contact)|non ?subscribed|abgemeldet|"
    r"desabonnee?|desinscrite?|disiscritt[oa]|dad[oa] de baja|uitgeschreven)(?: .{0,40})?"
)
"""Folded words that say no wherever they stand: a column that holds one is about consent, whatever its name."""


def word_set(text: str) -> frozenset[str]:
    """Return the words of a text as a set."""
    return frozenset(text.split())


_SUGGESTED = (
    "active",
    "subscribed",
    "pending",
    "unconfirmed",
    "unsubscribed",
    "inactive",
    "cancelled",
    "bounced",
    "complained",
)
_TRUE = word_set("true yes y t 1 x on ja oui o si s sim wahr vrai verdadero vero ✓ ✔ نعم")
_FALSE = word_set(r"false no n f 0 off \n nein non nao nee falsch faux falso - none null nil nan n/a [] {} لا")
_DATE = re.compile(
    r"(?P<zero>0000-00-00.*)"
    r"|\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([T ,].*)?|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2})([T ,].*)?|\d{8}T\d{4,6}Z?"
    r"|\d{10}(\d{3})?(\.\d+)?|(\w{3,4},? )?\d{1,2}\.? \w{3,9}\.?,? \d{4}( .*)?"
    r"|(\w{3,9},? )?\w{3,9}\.? \d{1,2},? \d{4}(,? .*)?",
    re.DOTALL,
)
_COUNT = re.compile(r"\d{1,9}(\.0+)?")


def truth(text: str) -> bool | None:
    """Return whether a cell says yes or no; a date is a yes, because the thing happened then. None when unclear."""
    low = text.strip().casefold()
    if low in _TRUE or fold(low) in _TRUE:
        return True
    if low in _FALSE or fold(low) in _FALSE:
        return False
    if match := _DATE.fullmatch(text.strip()):
        return not match["zero"]
    return None


def said(text: str) -> ConsentAnswer | None:
    """Return the answer of a word such as `Unsubscribed (by admin)`; None when it is not understood."""
    words = fold(text)
    if answer := WORDS.get(words):
        return answer
    # Only a refusal is recognised within a longer text: `active until March` is no consent.
    if (match := _PART.search(words)) and not _NEGATION.search(words):
        return ConsentAnswer(match.lastgroup or "unsubscribed")
    return None


def status_suggestion(text: str) -> str:
    """Return the word that was probably meant by a status that is not understood, never one that says the opposite.

    Negations are prefixes (un-, in-, non-, dés-, ab-), so that words that begin differently may be opposites.
    """
    word = fold(text)
    near = nearest(word, _SUGGESTED)
    alike = near[:3] == word[:3] and abs(len(near) - len(word)) <= 2 and word.isalpha()
    return near if alike else ""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The meaning of each kind of cell of a column."""

    yes: ConsentAnswer | None = None
    """The answer of a cell that says true; None where true and false are not understood."""
    no: ConsentAnswer | None = None
    empty: ConsentAnswer = ConsentAnswer.NOTHING
    any_text: bool = False
    """Whether every other text is a yes, as in the column of a reason; so is a number above 0."""
    words: Mapping[str, ConsentAnswer] = field(default_factory=dict)
    """The answers of words that mean something else here than they usually do, as `fold` returns them."""
    exact: bool = False
    """Whether `words` is complete: nothing else is understood."""

    def answer(self, text: str) -> ConsentAnswer | None:
        """Return what the cell says; None when it is not understood."""
        if not text:
            return self._of_nothing()
        if (own := self.words.get(fold(text), self.words.get("*"))) or self.exact:
            return own
        happened = truth(text)
        if happened is None and self.any_text and (count := _COUNT.fullmatch(text)):
            happened = float(count[0]) > 0
        if happened is not None:
            return self.yes if happened else self.no
        return self._of_words(text)

    def _of_nothing(self) -> ConsentAnswer | None:
        """Return the answer of an empty cell; where a person named the values of consent, it has to be one of them."""
        own = self.words.get("", self.words.get("*"))
        return own or (None if self.exact and ConsentAnswer.ACTIVE in self.words.values() else self.empty)

    def _of_words(self, text: str) -> ConsentAnswer | None:
        answer = said(text)
        negative = self.yes in REFUSALS
        if negative and (answer is None or not answer.says_no):
            # `subscribed` in a column of those who left may mean either.
            return self.yes if self.any_text and answer is None else None
        return answer


def refusal_flag(answer: ConsentAnswer = ConsentAnswer.UNSUBSCRIBED, *, any_text: bool = False) -> Reading:
    """Return the reading of a column such as `unsubscribed` or `bounced_at`; empty means that it did not happen."""
    # One full mailbox ends nothing for good.
    soft = (
        dict.fromkeys(("soft", "transient", "temporary"), ConsentAnswer.UNSUBSCRIBED)
        if answer is ConsentAnswer.BOUNCED
        else {}
    )
    return Reading(yes=answer, no=ConsentAnswer.NOTHING, any_text=any_text, words=soft)


def consent_flag(
    otherwise: ConsentAnswer = ConsentAnswer.UNSUBSCRIBED, *, empty: ConsentAnswer | None = None
) -> Reading:
    """Return the reading of a column such as `subscribed`; who is not, and who has an empty cell, is `otherwise`."""
    return Reading(yes=ConsentAnswer.ACTIVE, no=otherwise, empty=otherwise if empty is None else empty)


def status_words(words: Mapping[str, ConsentAnswer] | None = None) -> Reading:
    """Return the reading of a column of words such as `Active` and `Bounced`; `words` adds those of one platform."""
    return Reading(words=words or {})
