"""Exports of other platforms: who left there is not mailed from here, and what else is known arrives clean.

The headers are those of real exports; the sources stand in the platforms' files.
"""

from __future__ import annotations

from contextlib import suppress

import pytest

from newsletter.errors import NewsletterError
from newsletter.subscribers.importers.platforms import PLATFORMS
from tests.support.readers import Readers

pytestmark = pytest.mark.usefixtures("each_database")

_MAILCHIMP = (
    "Email Address,First Name,Last Name,Company,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,LATITUDE,"
    "LONGITUDE,GMTOFF,DSTOFF,TIMEZONE,CC,REGION,LAST_CHANGED,{more}LEID,EUID,NOTES,TAGS\n"
)
_MEMBER = (
    '{name}@example.com, Ada ,Lovelace,Analytical,2,"2021-03-04 10:11:12",192.0.2.7,"2021-03-04 10:12:00",192.0.2.7,'
    '52.5,13.4,1,2,Europe/Berlin,DE,BE,"2023-01-02 03:04:05",{more}123456,abc123,Met,"""VIP"",""Blog readers"""\n'
)
_LEFT = _MAILCHIMP.format(more="UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_CAMPAIGN_ID,UNSUB_REASON,UNSUB_REASON_OTHER,")
_LEFT += _MEMBER.format(name="gone", more='"2023-02-03 04:05:06",March,77aa,"No longer interested",,')
_CLEANED = _MAILCHIMP.format(more="CLEAN_TIME,CLEAN_CAMPAIGN_TITLE,CLEAN_CAMPAIGN_ID,")
_CLEANED += _MEMBER.format(name="dead", more='"2023-02-03 04:05:06",March,77aa,')
_SUBSCRIBED = _MAILCHIMP.format(more="") + _MEMBER.format(name="ada", more="")


def test_mailchimps_subscribers_arrive_with_names_tags_and_evidence(readers: Readers) -> None:
    report = readers.read(_SUBSCRIBED, "subscribed_members_export_1a2b.csv")

    ada = readers.find("ada@example.com")
    assert report.platform == "mailchimp"
    assert (ada.status, ada.tags) == ("active", ("Blog readers", "VIP"))
    assert ada.fields == {
        "first_name": "Ada",
        "last_name": "Lovelace",
        "timezone": "Europe/Berlin",
        "company": "Analytical",
    }
    detail = ada.consent[0].detail
    assert (detail["opted_in_at"], detail["opted_in_from"]) == ("2021-03-04 10:11:12", "192.0.2.7")
    assert (detail["confirmed_at"], detail["platform"]) == ("2021-03-04 10:12:00", "mailchimp")


@pytest.mark.parametrize("name", ["unsubscribed_members_export_1a2b.csv", "renamed.csv"])
def test_who_unsubscribed_at_mailchimp_is_unsubscribed_with_the_reason(readers: Readers, name: str) -> None:
    report = readers.read(_LEFT, name)

    gone = readers.find("gone@example.com")
    assert (gone.status, report.unsubscribed) == ("unsubscribed", 1)
    assert gone.consent[0].detail["left_because"] == "No longer interested"
    assert readers.suppressed() == {}


@pytest.mark.parametrize("name", ["cleaned_members_export_1a2b.csv", "renamed.csv"])
def test_who_was_cleaned_at_mailchimp_is_suppressed_as_bounced(readers: Readers, name: str) -> None:
    readers.read("email\ndead@example.com\n")

    report = readers.read(_CLEANED, name)

    assert readers.statuses() == {"dead": "unsubscribed"}
    assert (readers.suppressed(), report.suppressed) == ({"dead": "bounced"}, 1)
    assert readers.read(_CLEANED, name).unchanged == 1


@pytest.mark.parametrize("name", ["nonsubscribed_members_export_1.csv", "nonsubscribed_email_audience_export_1.csv"])
def test_customers_who_never_subscribed_at_mailchimp_are_not_mailed(readers: Readers, name: str) -> None:
    readers.read(_SUBSCRIBED, name)

    assert readers.statuses() == {"ada": "unsubscribed"}
    assert f"{name}: by its name, nobody in it is to be mailed (unsubscribed)" in readers.told


_SUBSTACK = """email,active_subscription,expiry,plan,email_disabled,created_at,first_payment_at
free@example.com,false,,other,false,2024-01-15T10:00:00.000Z,
paid@example.com,true,2026-12-01T00:00:00.000Z,monthly,false,2024-02-01T10:00:00.000Z,2024-02-01T10:00:00.000Z
off@example.com,false,,other,true,2024-03-01T10:00:00.000Z,
"""
_SUBSTACK_WITH_DIGESTS = """email,active_subscription,expiry,plan,email_disabled,digest_enabled,created_at
free@example.com,false,,other,false,false,2024-01-15T10:00:00.000Z
off@example.com,false,,other,true,true,2024-03-01T10:00:00.000Z
"""
_OLD_SUBSTACK = """email,expiry,email_disabled,stripe_connected_customer_id,type
paid@example.com,2021-07-06T16:20:44.000Z,false,cus_1,paid
off@example.com,2025-06-23T23:41:42.980Z,true,,comp
"""
_BEEHIIV = """email,First Name,Last Name,status,tier,created_at,stripe_customer_id,Free Tier,Premium Tier,\
unsubscribed_at
in@example.com, Lorem ,,active,free,2023-03-24 10:23:10 UTC,,Yes,No,
out@example.com,,,inactive,free,2023-03-24 10:36:48 UTC,,Yes,No,
new@example.com,,,pending,free,2023-04-11 14:02:46 UTC,,Yes,No,
check@example.com,,,validating,free,2023-04-11 14:02:46 UTC,,Yes,No,
bad@example.com,,,invalid,free,2023-04-11 14:02:46 UTC,,Yes,No,
gone@example.com,,,active,premium,2023-04-11 14:02:46 UTC,cus_1,No,Yes,2024-03-13 11:33:53 UTC
"""
_KIT = """first_name,email,status,created_at,tags
Kim,in@example.com,active,2022-09-10T11:12:13Z,"vip, early"
,cold@example.com,cold,2022-09-10T11:12:13Z,
,new@example.com,inactive,2022-09-10T11:12:13Z,
,out@example.com,cancelled,2022-09-10T11:12:13Z,
,bad@example.com,bounced,2022-09-10T11:12:13Z,
,angry@example.com,complained,2022-09-10T11:12:13Z,
"""
_GHOST = """id,email,name,note,subscribed_to_emails,complimentary_plan,stripe_customer_id,created_at,deleted_at,\
labels,tiers
641,in@example.com,Ina de Sub,"VIP, early backer",true,false,,2024-01-15T10:00:00.000Z,,"press,berlin",Free
642,out@example.com,Otto Out,asked to stop,false,false,,2024-01-15T10:00:00.000Z,,,
643,del@example.com,Della Ted,,true,false,,2024-01-15T10:00:00.000Z,2024-05-01T10:00:00.000Z,,
"""
_LISTMONK = """uuid,email,name,attributes,status,created_at,updated_at
a1,in@example.com,Ina Sub,"{""city"": ""Bengaluru"", ""age"": 27, ""pets"": [""cat""]}",enabled,2024-01-15T10:00:00Z,x
a2,off@example.com,,{},disabled,2024-01-15T10:00:00Z,x
a3,barred@example.com,,{},blocklisted,2024-01-15T10:00:00Z,x
a4,said@example.com,,"{""unsubscribed"": true}",enabled,2024-01-15T10:00:00Z,x
"""
_BUTTONDOWN = """email,notes,metadata,tags,subscriber_type,creation_date
in@example.com,,"{""first-name"": ""Ina""}","[""vip"", ""press""]",regular,2024-01-01T00:00:00Z
paying@example.com,,{},,premium,2024-01-01T00:00:00Z
new@example.com,,{},,unactivated,2024-01-01T00:00:00Z
out@example.com,,{},,unsubscribed,2024-01-01T00:00:00Z
gone@example.com,,{},,removed,2024-01-01T00:00:00Z
spam@example.com,,{},,spammy,2024-01-01T00:00:00Z
bad@example.com,,{},,undeliverable,2024-01-01T00:00:00Z
angry@example.com,,{},,complained,2024-01-01T00:00:00Z
"""
_NEW_BUTTONDOWN = """id,email_address,type,creation_date,tags,metadata,unsubscription_date,undeliverability_date,\
ip_address
1,in@example.com,regular,2024-01-01T00:00:00Z,vip,{},,,192.0.2.7
2,out@example.com,regular,2024-01-01T00:00:00Z,,{},2024-02-01,,
3,bad@example.com,regular,2024-01-01T00:00:00Z,,{},,2024-02-01,
"""


@pytest.mark.parametrize(
    ("platform", "text", "statuses", "suppressed"),
    [
        ("substack", _SUBSTACK, "free active, paid active, off unsubscribed", ""),
        ("substack", _SUBSTACK_WITH_DIGESTS, "free active, off unsubscribed", ""),
        ("substack", _OLD_SUBSTACK, "paid active, off unsubscribed", ""),
        (
            "beehiiv",
            _BEEHIIV,
            "in active, out unsubscribed, new pending, check pending, bad unsubscribed, gone unsubscribed",
            "bad bounced",
        ),
        (
            "kit",
            _KIT,
            "in active, cold active, new pending, out unsubscribed, bad unsubscribed, angry unsubscribed",
            "bad bounced, angry complained",
        ),
        ("ghost", _GHOST, "in active, out unsubscribed, del unsubscribed", ""),
        (
            "listmonk",
            _LISTMONK,
            "in active, off unsubscribed, barred unsubscribed, said unsubscribed",
            "barred unsubscribed",
        ),
        (
            "buttondown",
            _BUTTONDOWN,
            "in active, paying active, new pending, out unsubscribed, gone unsubscribed, spam unsubscribed, "
            "bad unsubscribed, angry unsubscribed",
            "spam unsubscribed, bad bounced, angry complained",
        ),
        ("buttondown", _NEW_BUTTONDOWN, "in active, out unsubscribed, bad unsubscribed", "bad bounced"),
    ],
)
def test_an_export_is_recognised_and_only_who_may_be_mailed_is_active(
    readers: Readers, platform: str, text: str, statuses: str, suppressed: str
) -> None:
    report = readers.read(text)

    assert report.platform == platform
    assert readers.told[0].startswith(f"some.csv: read as an export of {PLATFORMS[platform].title}")
    assert ", ".join(f"{name} {status}" for name, status in readers.statuses().items()) == statuses
    assert {f"{name} {reason}" for name, reason in readers.suppressed().items()} == {*suppressed.split(", ")} - {""}


@pytest.mark.parametrize("text", [_SUBSTACK, _BEEHIIV, _KIT, _GHOST, _LISTMONK, _BUTTONDOWN, _LEFT, _CLEANED])
def test_an_export_read_as_any_other_file_makes_nobody_active_who_left(readers: Readers, text: str) -> None:
    with suppress(NewsletterError):
        readers.read(text, platform="csv")

    active = {name for name, status in readers.statuses().items() if status == "active"}
    assert active <= {"free", "paid", "in", "cold", "paying", "unpaid"}


@pytest.mark.parametrize("platform", [name for name in PLATFORMS if name != "sendy"])
def test_a_file_whose_name_says_who_left_makes_nobody_active_whatever_the_platform(
    readers: Readers, platform: str
) -> None:
    readers.read("email,name\ngone@example.com,Gone\n", "unsubscribers.csv", platform=platform)

    assert readers.statuses() == {"gone": "unsubscribed"}


def test_full_names_labels_and_tiers_of_ghost_arrive(readers: Readers) -> None:
    readers.read(_GHOST)

    ina = readers.find("in@example.com")
    assert ina.fields == {"first_name": "Ina", "last_name": "de Sub", "tiers": "Free"}
    assert (ina.tags, ina.consent[0].detail["opted_in_at"]) == (("berlin", "press"), "2024-01-15T10:00:00.000Z")


def test_attributes_of_listmonk_and_metadata_of_buttondown_become_fields(readers: Readers) -> None:
    readers.read(_LISTMONK)
    assert readers.find("in@example.com").fields == {
        "first_name": "Ina",
        "last_name": "Sub",
        "city": "Bengaluru",
        "age": "27",
    }
    assert "does not say who left one list" in readers.told[-1]

    readers.read(_BUTTONDOWN)
    assert readers.find("in@example.com").fields["first_name"] == "Ina"
    assert readers.find("in@example.com").tags == ("press", "vip")


@pytest.mark.parametrize(
    ("kind", "status", "suppressed"),
    [
        ("active", "active", {}),
        ("unconfirmed", "pending", {}),
        ("unsubscribed", "unsubscribed", {}),
        ("bounced", "unsubscribed", {"ada": "bounced"}),
        ("marked-as-spam", "unsubscribed", {"ada": "complained"}),
    ],
)
def test_sendys_files_without_a_header_are_read_by_their_name(
    readers: Readers, kind: str, status: str, suppressed: dict[str, str]
) -> None:
    readers.read('"Ada Lovelace","ada@example.com","extra"\n', f"my-list-{kind}.csv", platform="sendy")

    assert (readers.statuses(), readers.suppressed()) == ({"ada": status}, suppressed)
    assert readers.find("ada@example.com").fields == {"first_name": "Ada", "last_name": "Lovelace"}


def test_a_file_without_titles_is_refused_with_the_way_on_for_sendys(readers: Readers) -> None:
    with pytest.raises(NewsletterError) as refused:
        readers.read('"Ada","ada@example.com"\n', "my-list-active.csv")

    assert "--from sendy" in (refused.value.hint or "")


@pytest.mark.parametrize("name", ["my-list-all.csv", "renamed.csv", "standard input"])
def test_a_file_of_sendy_that_does_not_say_who_left_is_refused(readers: Readers, name: str) -> None:
    with pytest.raises(NewsletterError, match="unclear who may be mailed"):
        readers.read('"Ada","ada@example.com"\n', name, platform="sendy")

    assert readers.all() == []


def test_an_import_brings_nobody_back_who_left_here(readers: Readers) -> None:
    readers.read("email,status\nin@example.com,unsubscribed\n")

    report = readers.read(_GHOST)

    assert (readers.statuses()["in"], report.kept_unsubscribed) == ("unsubscribed", 1)


def test_who_is_active_here_and_left_there_is_unsubscribed_from_all_lists(readers: Readers) -> None:
    readers.read('email,lists\nout@example.com,"daily,weekly"\n')

    readers.read(_GHOST)

    assert readers.find("out@example.com").lists == {"daily": "unsubscribed", "weekly": "unsubscribed"}


def test_a_zone_or_language_that_a_platform_made_up_costs_no_reader(readers: Readers) -> None:
    report = readers.read(_SUBSCRIBED.replace("Europe/Berlin", "-5"))

    assert (report.added, report.refused) == (1, 0)
