"""Recognise by its name a column that says something about consent: `EMAIL_BLACKLISTED`, `doNotEmail`, `Opted Out`.

A name is understood only if each of its words is: `unsubscribed_at` is, `unsubscribed_segment` is not, and then a
person must say what the column means. Names were collected from the exports of Mailchimp, Brevo, HubSpot, Mautic,
MailerLite, Klaviyo, Constant Contact, ActiveCampaign, AWeber, Drip, phpList, EmailOctopus and Shopify.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from newsletter.subscribers.importers.answers import (
    ConsentAnswer,
    Reading,
    consent_flag,
    fold,
    refusal_flag,
    status_words,
    word_set,
)


class Kind(Enum):
    """The meaning of a column's name."""

    OTHER = "other"
    """Not about consent."""
    CONSENT = "consent"
    EVIDENCE = "evidence"
    """When, where and how somebody consented."""
    ELSEWHERE = "elsewhere"
    """About text messages, calls, letters."""
    UNCLEAR = "unclear"
    """It may be about consent; a person must say."""


@dataclass(frozen=True, kw_only=True)
class ConsentColumn:
    """A column's meaning, and how its cells are read if they are about consent."""

    kind: Kind
    reading: Reading = Reading()  # noqa: RUF009 - it is frozen


_REFUSALS = {
    ConsentAnswer.COMPLAINED: r"complain\w*|spam\w*|abuse\w*|marked as spam|beschwerde\w*|plainte\w*",
    ConsentAnswer.BOUNCED: (
        r"hard ?bounce\w*|bounce\w*|cleaned|clean (?:time|campaign)|undeliver\w*|invalid\w*|unzustellbar|rebot\w*|"
        r"rimbalz\w*"
    ),
    ConsentAnswer.BLOCKED: r"black ?list\w*|block ?list\w*|blocked|banned|gesperrt\w*|bloque\w*|bloccat\w*|geblokkeerd",
    ConsentAnswer.UNSUBSCRIBED: (
        r"unsub\w*|opt(?:ed)? ?outs?|optedout|delet\w*|remov\w*|suppress\w*|cancel\w*|archiv\w*|disabled?|deactivat\w*|"
        r"inactive|revoked|withdrawn|declined|deceased|dnc|stop|stopped|"
        r"trash\w*|objected|objections?|(?:do ?not|never) ?(?:e ?mail|mail|contact|send|market)\w*|"
        r"no (?:e ?mails?|newsletters?|mailings?|marketing)|"
        r"abgemeldet|abmeld\w*|abbestell\w*|inaktiv|widerspruch\w*|werbesperre|mailsperre|sperrvermerk|sperre|geloscht|"
        r"geloescht|widerruf\w*|kein newsletter|"
        r"desabonn\w*|desinscri\w*|inactif|supprime\w*|desuscri\w*|dad[oa] de baja|baja|inactiv[oa]|eliminad[oa]|"
        r"disiscri\w*|cancellat\w*|inattiv[oa]|descadastr\w*|inativ[oa]|excluid[oa]|uitgeschreven|afgemeld|uitschrijf\w*|"
        r"inactief|verwijderd|toestemming ingetrokken|avregistrer\w*|afmeldt|wypisan\w*|غير مشترك|الغاء الاشتراك"
    ),
}
_REFUSAL = re.compile("|".join(f"(?P<{answer}>\\b(?:{words})\\b)" for answer, words in _REFUSALS.items()))
_CONFIRMED = re.compile(
    r"\b(?:confirm|confirmed|verified|activated|doi|double ?opt ?in|bestatigt|confirmee?|confirmad[oa])\b"
)
_CONSENT = re.compile(
    r"\b(?:subscribed|subscribe|opt(?:ed)? ?ins?|optedin|active|enabled|accepts?|accepted|agree[sd]?|allow(?:ed|s)?|"
    r"given|granted|wants?|receives?|send e ?mails?|"
    r"reachable|mailable|emailable|aktiv|angemeldet|abonniert|actif|abonnee?|inscrite?|activ[oa]|suscrit[oa]|attiv[oa]|"
    r"iscritt[oa]|ativ[oa]|inscrit[oa]|actief|ingeschreven|aangemeld|can e ?mail|signed up|مشترك|نشط)\b"
)
_SUBJECT = re.compile(
    r"\b(?:consent\w*|permission\w*|gdpr|dsgvo|rgpd|lgpd|subscriptions?|newsletters?|marketing|mailings?|einwilligung|"
    r"zustimmung|consentement|consentimiento|consenso|consentimento|toestemming|abonnement|zgoda|اشتراك|موافقة)\b"
)
"""Nouns: alone they ask for a yes or no, beside another word they only say of what it speaks."""
_STATUS = re.compile(r"\b(?:status|statut|estatus)\b")
_UNCLEAR = re.compile(
    r"\b(?:hold|held|paused?|frozen|snoozed?|quarantin\w*|hard|reject\w*|refus\w*|unwanted|dormant|churn\w*|resign\w*|left|"
    r"opt|opted|clean|valid|unreachab\w*|dead|lapsed|expired|reachab\w*|deliverab\w*|approv\w*|exclu\w*|subscri\w*|unconfirm\w*|unverif\w*|pending|donot\w*|nomail|noemail|"
    r"mute[ds]?|withdr\w*|revok\w*|الحالة)\b"
)
_NOT_ABOUT_MAIL = re.compile(
    r"\b(?:marital|order|orders|payment|payments|shipping|invoice|deal|ticket|relationship|employment|visa|vip|http|civil|"
    r"tax|fulfillment|financial)\b|\blast (?:active|activity|seen)\b|\bdays active\b|\blead status\b"
)
_OTHER_CHANNEL = re.compile(
    r"\b(?:sms|mms|phone|telephone|telefon|whatsapp|calls?|donotcall|fax|push|postal|mobile|viber|telegram|web ?push|"
    r"letters?)\b"
)
_NEGATION = re.compile(r"\b(?:not|no|never|non|nicht|kein|keine|pas|sin|niet|geen|nao)\b")
_MAIL = re.compile(r"\be ?mails?\b")
_WHEN = word_set("at on il op date time timestamp datetime when datum zeit am le fecha data heure utc gmt")
_HOW = word_set("ip source form method text url page wording version address")
_ABOUT_REFUSAL = (
    _WHEN
    | _HOW
    | word_set(
        "reason reasons campaign title id by comment note count total number num type code message other event info "
        "reported detail details category subcategory description link grund motif motivo"
    )
)
_NEUTRAL = word_set(
    "is has was are e email emails mail mails user users contact contacts subscriber subscribers member members reader "
    "readers person people profile recipient the a an of from to in into for all this that global globally list lists "
    "send any our your we us hs mc ac permanent permanently flag via ist der die das le la les de du des el los flg "
    "bool boolean"
)

_NOTHING = ConsentColumn(kind=Kind.OTHER)
_PERSON_MUST_SAY = ConsentColumn(kind=Kind.UNCLEAR)
_EVIDENCE = ConsentColumn(kind=Kind.EVIDENCE, reading=Reading())


def consent_column(name: str) -> ConsentColumn:
    """Return what a column's name says, in the spelling of its file."""
    words = fold(re.sub(r"[^\w]+", " ", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)))
    refusal, consent, subject = _REFUSAL.search(words), _CONSENT.search(words), _SUBJECT.search(words)
    confirmed, status = _CONFIRMED.search(words), _STATUS.search(words)
    if not (refusal or consent or subject or confirmed or status):
        return _PERSON_MUST_SAY if _UNCLEAR.search(words) and not _NOT_ABOUT_MAIL.search(words) else _NOTHING
    if _NOT_ABOUT_MAIL.search(words):
        return _NOTHING
    if _OTHER_CHANNEL.search(words) and not _MAIL.search(words):
        return ConsentColumn(kind=Kind.ELSEWHERE)
    if refusal:
        return _of_refusal(words, ConsentAnswer(refusal.lastgroup or "unsubscribed"))
    return _of_consent(words, confirmed is not None, status is not None)


def _of_refusal(words: str, answer: ConsentAnswer) -> ConsentColumn:
    rest = _rest(words, _REFUSAL, _SUBJECT, _CONFIRMED, _STATUS)
    if "soft" in rest and answer is ConsentAnswer.BOUNCED:
        # One full mailbox is no reason to stop: the platform would have said that it was a hard bounce.
        return ConsentColumn(kind=Kind.ELSEWHERE)
    if rest - _ABOUT_REFUSAL or _CONSENT.search(words):
        return _PERSON_MUST_SAY
    any_text = bool(rest) or answer in (ConsentAnswer.BOUNCED, ConsentAnswer.COMPLAINED) or "suppress" in words
    return ConsentColumn(kind=Kind.CONSENT, reading=refusal_flag(answer, any_text=any_text))


def _of_consent(words: str, confirmed: bool, status: bool) -> ConsentColumn:
    negated = _NEGATION.search(words) is not None
    rest = _rest(words, _CONFIRMED, _CONSENT, _SUBJECT, _STATUS, _NEGATION)
    if rest & _WHEN and not negated and not rest - _WHEN - _HOW:
        return ConsentColumn(kind=Kind.EVIDENCE, reading=_of_date(confirmed and not _CONSENT.search(words)))
    if rest and rest <= _HOW and not negated:
        return _EVIDENCE
    if rest or (negated and status):
        return _PERSON_MUST_SAY
    if negated:
        return ConsentColumn(kind=Kind.CONSENT, reading=refusal_flag())
    if status and not (confirmed or _CONSENT.search(words)):
        return ConsentColumn(kind=Kind.CONSENT, reading=status_words())
    otherwise = ConsentAnswer.PENDING if confirmed else ConsentAnswer.UNSUBSCRIBED
    empty = ConsentAnswer.NOTHING if status else otherwise
    return ConsentColumn(kind=Kind.CONSENT, reading=consent_flag(otherwise, empty=empty))


def _of_date(confirmation: bool) -> Reading:
    """Return the reading of a date: who has none of confirmation is pending; a day of joining is often unknown."""
    if confirmation:
        return consent_flag(ConsentAnswer.PENDING)
    return consent_flag(empty=ConsentAnswer.NOTHING)


def _rest(words: str, *understood: re.Pattern[str]) -> set[str]:
    for pattern in understood:
        words = pattern.sub(" ", words)
    return {word for word in words.split() if word not in _NEUTRAL}
