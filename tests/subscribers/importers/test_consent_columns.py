"""Columns of other systems: a statement about consent is understood, or it stops the import."""

from __future__ import annotations

import io
import re
import shlex
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.config import PublicationSettings
from newsletter.errors import NewsletterError
from newsletter.subscribers.files.import_files import opened
from newsletter.subscribers.importers.answers import said, status_suggestion
from newsletter.subscribers.importers.consent_columns import Kind, consent_column
from newsletter.subscribers.importers.options import ImportOptions
from tests.support.readers import Readers

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.mark.parametrize(
    ("column", "says_no", "says_nothing"),
    [
        ("EMAIL_BLACKLISTED", "Yes", "No"),
        ("BLACKLISTED", "1", "0"),
        ("doNotEmail", "1", "0"),
        ("Opted Out", "Yes", "No"),
        ("hs_email_optout", "true", ""),
        ("Unsubscribed from all email", "true", ""),
        ("Opted out of email: Newsletter", "true", "false"),
        ("Email hard bounce reason", "mailbox does not exist", ""),
        ("unsubscribed", "2024-01-01 10:00", ""),
        ("UNSUB_TIME", "2023-02-03 04:05:06", ""),
        ("UNSUB_REASON", "no longer interested", ""),
        ("date unsubscribed", "05/06/2024", ""),
        ("Stop Time", "2024-01-02 10:00", ""),
        ("bouncecount", "3", "0"),
        ("Bounced", "TRUE", "FALSE"),
        ("Spam complaints", "1", "0"),
        ("deleted_at", "2024-05-01T10:00:00Z", ""),
        ("is_deleted", "t", "f"),
        ("dnc", "y", "n"),
        ("Do Not Contact", "x", ""),
        ("Email Suppressions", '["UNSUBSCRIBE"]', "[]"),
        ("Confirmed Opt-Out Date", "2024-01-02", ""),
        ("abgemeldet", "ja", "nein"),
        ("Werbesperre", "x", ""),
        ("إلغاء الاشتراك", "نعم", "لا"),
        ("status", "ألغى الاشتراك", "مشترك"),
        ("never_contact", "1", "0"),
        ("Receive Emails", "N", "Y"),
        ("Bounce Type", "Soft", ""),
        ("unsubscribed_at", "2024-01-02", "\\N"),
        ("Désabonné", "oui", "non"),
        ("Désinscrit le", "12/03/2024", ""),
        ("dado de baja", "sí", "no"),
        ("disiscritto", "vero", "falso"),
        ("uitgeschreven", "1", "0"),
        ("Not subscribed", "true", "false"),
        ("subscribed", "false", "true"),
        ("Subscribed", "No", "2024-01-02"),
        ("active", "0", "1"),
        ("is_active", "f", "t"),
        ("Accepts Marketing", "no", "yes"),
        ("Accepts Email Marketing", "no", "yes"),
        ("Email Marketing Consent", "NEVER_SUBSCRIBED", "SUBSCRIBED"),
        ("marketing_consent", "denied", "granted"),
        ("GDPR consent", "", "yes"),
        ("newsletter", "N", "Y"),
        ("Opt-in Status", "opted out", "opted in"),
        ("Email status", "Unsubscribed", "Active"),
        ("Email status", "Cleaned", "Confirmed"),
        ("Marketing contact status", "Non-marketing contact", "Marketing contact"),
        ("subscription_status", "unsubscribed", "confirmed"),
        ("Statut", "désabonné", "abonné"),
        ("aktiv", "nein", "ja"),
        ("Inscrit", "non", "oui"),
        ("Is this user blacklisted", "1", "0"),
        ("state", "unsubscribed", "active"),
        ("customer_kind", "Opted out", "regular"),
    ],
)
def test_nobody_is_active_whose_row_says_no(readers: Readers, column: str, says_no: str, says_nothing: str) -> None:
    quoted = [value.replace('"', '""') for value in (says_no, says_nothing)]
    text = f'email,"{column}"\nout@example.com,"{quoted[0]}"\nin@example.com,"{quoted[1]}"\n'
    if column in ("state", "customer_kind"):  # only a cell says that it is about consent
        with pytest.raises(NewsletterError, match=f'the column "{column}" may say who must not be mailed'):
            readers.read(text)
        assert readers.all() == []
        return

    readers.read(text)
    assert readers.statuses() == {"out": "unsubscribed", "in": "active"}


@pytest.mark.parametrize(
    "column",
    [
        "left",
        "unsubscribed_segment",
        "Subscription cancelled by webhook?",
        "on hold",
        "opt",
        "active/inactive",
        "Churned",
        "Clean",
        "Valid",
    ],
)
def test_a_column_that_is_not_understood_stops_the_import_with_its_values_and_the_ways_on(
    readers: Readers, column: str
) -> None:
    with pytest.raises(NewsletterError) as stopped:
        readers.read(f'email,"{column}"\na@example.com,Q\nb@example.com,unsubscribed\nc@example.com,Q\n')

    assert f'the column "{column}" may say who must not be mailed' in stopped.value.message
    assert 'values: "Q", "unsubscribed"' in stopped.value.message
    assert f"--map {shlex.quote(f'{column}=status:Q=pending,unsubscribed=unsubscribed')}" in stopped.value.hint
    assert f"--ignore {shlex.quote(column)}" in stopped.value.hint
    assert readers.all() == []


def test_the_lines_that_a_stopped_import_prints_work(readers: Readers) -> None:
    text = 'email,"Wants, mail?"\na@example.com,"yes, please"\nb@example.com,unsubscribed\n'.replace("Wants", "opt")
    with pytest.raises(NewsletterError) as stopped:
        readers.read(text)
    lines = [shlex.split(line) for line in stopped.value.hint.splitlines() if line.strip().startswith("--")]

    readers.read(text, maps=[lines[0][1]])
    assert readers.statuses() == {"a": "pending", "b": "unsubscribed"}

    readers.read(text.replace("@", "2@"), ignored=[lines[1][1]])
    assert readers.statuses() == {"a": "pending", "b": "unsubscribed", "a2": "active", "b2": "active"}


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("unsubscribers.csv", "unsubscribed"),
        ("news-Unsubscribed (2).csv", "unsubscribed"),
        ("opt-outs_2024.csv", "unsubscribed"),
        ("bounces.csv", "unsubscribed"),
        ("blacklist.csv", "unsubscribed"),
        ("Désabonnés.csv", "unsubscribed"),
        ("bounces_removed.csv", "active"),
        ("not-unsubscribed.csv", "active"),
        ("readers.csv", "active"),
        ("option-list.csv", "active"),
    ],
)
def test_a_list_of_those_who_left_makes_nobody_active(readers: Readers, name: str, status: str) -> None:
    readers.read("email,city\na@example.com,Berlin\n", name)

    assert readers.statuses() == {"a": status}
    assert bool(readers.told) == (status != "active")


def test_a_person_may_say_what_a_column_means(readers: Readers) -> None:
    text = "Courriel,Etat,opt\na@example.com,A,x\nb@example.com,P,y\nc@example.com,B,\nd@example.com,?,\n"

    report = readers.read(
        text, maps=["courriel=email", "ETAT=status:A=active,P=unsubscribed,b=bounced", "opt=first_name"]
    )

    assert readers.statuses() == {"a": "active", "b": "unsubscribed", "c": "unsubscribed"}
    assert (readers.suppressed(), report.refused) == ({"c": "bounced"}, 1)
    assert readers.find("a@example.com").fields == {"first_name": "x"}
    assert readers.reasons()[0][1].startswith('Etat "?" is not understood')


def test_a_map_of_all_other_values_reads_them(readers: Readers) -> None:
    readers.read(
        "email,kind\na@example.com,A\nb@example.com,\nc@example.com,Z\n", maps=["kind=status:A=active,*=pending"]
    )

    assert readers.statuses() == {"a": "active", "b": "pending", "c": "pending"}


def test_a_row_that_says_no_where_no_other_did_is_refused(readers: Readers) -> None:
    many = "".join(f"r{n}@example.com,gold\n" for n in range(1_500))
    report = readers.read(f"email,level\n{many}out@example.com,Unsubscribed\n")

    assert (report.added, report.refused) == (1_500, 1)
    assert 'the column "level" says "Unsubscribed"' in readers.refused[0].reason


def test_an_unknown_value_in_a_column_that_is_understood_costs_its_row_alone(readers: Readers) -> None:
    report = readers.read("email,subscribed\na@example.com,true\nb@example.com,perhaps\n")

    assert (readers.statuses(), report.refused) == ({"a": "active"}, 1)


@pytest.mark.parametrize(
    "column",
    [
        "marital_status",
        "order status",
        "last_active",
        "Lead Status",
        "adoption",
        "options",
        "description",
        "state",
        "city",
        "company",
        "note",
    ],
)
def test_other_columns_are_fields(readers: Readers, column: str) -> None:
    readers.read(f"email,{column}\na@example.com,Berlin\n")

    assert list(readers.find("a@example.com").fields) == [column.replace(" ", "_").lower()]


def test_a_field_that_the_publication_declares_is_a_field(readers: Readers) -> None:
    assert consent_column("Plan").kind is Kind.OTHER

    readers.read("email,beta\na@example.com,no\n")

    assert readers.find("a@example.com").fields == {"beta": False}


def test_consent_to_text_messages_says_nothing_about_mail(readers: Readers) -> None:
    readers.read("email,SMS_BLACKLISTED,Phone opt-out\na@example.com,Yes,Yes\n")

    assert readers.statuses() == {"a": "active"}
    assert readers.told == ["some.csv: left out: SMS_BLACKLISTED, Phone opt-out"]


def test_dates_and_places_of_consent_are_its_evidence(readers: Readers) -> None:
    readers.read("email,Opt-in Date,optin_ip,consent source\na@example.com,2024-01-02,192.0.2.7,Fair\n")

    detail = readers.find("a@example.com").consent[0].detail
    assert (detail["opt_in_date"], detail["optin_ip"], detail["consent_source"]) == ("2024-01-02", "192.0.2.7", "Fair")


def test_who_has_no_date_of_confirmation_is_pending(readers: Readers) -> None:
    readers.read("email,confirmed_at\na@example.com,2024-01-02\nb@example.com,\nc@example.com,0000-00-00 00:00:00\n")

    assert readers.statuses() == {"a": "active", "b": "pending", "c": "pending"}


@pytest.mark.parametrize(
    "text", ["subscribd", "inactiv", "unsubscribe d", "nsubscribed", "not active", "unactive", "activ"]
)
def test_no_suggestion_is_the_opposite_of_what_was_written(text: str) -> None:
    near = status_suggestion(text)
    negative = re.match(r"un|in|non|not|ns", text) is not None
    answer = said(near)

    assert not near or answer is None or answer.says_no == negative


_REFUSALS = ["unsubscribed", "opted out", "blacklisted", "bounced", "complained", "do not email", "removed", "inactive"]
_CONSENTS = ["subscribed", "active", "opted in", "enabled", "accepts marketing", "consent", "newsletter", "permission"]
_AROUND = ["{}", "is {}", "email {}", "{} at", "user {}", "{} flag", "{} by webhook", "has {}", "{} date", "mail {}"]
_SPELLINGS: list[Callable[[str], str]] = [
    str.upper,
    str.title,
    lambda text: text.replace(" ", "_"),
    lambda text: text.title().replace(" ", ""),
    str.strip,
]
_YES = ["true", "TRUE", "1", "Yes", "y", "t", "x", "ja", "oui", "sí", "2024-01-02", "03/04/2023 10:11", " true "]
_NO = ["false", "0", "No", "n", "F", "nein", "non", "FALSE"]
_SAY_NO = ["unsubscribed", "Opted-out", "hard bounce", "complained", "CLEANED", "désabonné", "abgemeldet"]


@st.composite
def statements(draw: st.DrawFn) -> tuple[str, list[tuple[str, bool]]]:
    """A column of consent in some spelling, and cells, each with whether it says that nobody may mail the reader."""
    refuses = draw(st.booleans())
    words = draw(st.sampled_from(_REFUSALS if refuses else _CONSENTS))
    column = draw(st.sampled_from(_SPELLINGS))(draw(st.sampled_from(_AROUND)).format(words))
    cells = draw(st.lists(st.sampled_from([*_YES, *_NO, *_SAY_NO, "", "gold", "maybe"]), min_size=1, max_size=5))
    no = {*(_YES if refuses else _NO), *_SAY_NO}
    return column, [(cell, cell in no) for cell in cells]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(statement=statements())
def test_whoever_is_refused_by_a_cell_never_becomes_active(
    readers: Readers, statement: tuple[str, list[tuple[str, bool]]]
) -> None:
    column, cells = statement
    rows = "".join(f"r{n}@example.com,{cell}\n" for n, (cell, _no) in enumerate(cells))
    active = active_rows(readers.publication, f"email,{column}\n{rows}")

    refused = {f"r{n}@example.com" for n, (_cell, no) in enumerate(cells) if no}
    assert not active & refused


def active_rows(publication: PublicationSettings, text: str) -> set[str]:
    """Return the addresses that an import of the file would enter as active on any list."""
    active = set()
    with (
        suppress(NewsletterError),
        opened(publication, io.BytesIO(text.encode()), "x.csv", ImportOptions(), print) as files,
    ):
        for record in files[0].records:
            with suppress(ValueError):
                row = files[0].entries.row(record.cells)
                if row and "active" in dict(row.entry.statuses).values():
                    active.add(row.entry.email)
    return active
