"""Mailchimp: a zip file with one CSV for each kind of contact.

Columns: https://mailchimp.com/help/view-export-contacts/ and the exports that Ghost's migration tools are tested with,
https://github.com/TryGhost/migrate/tree/main/packages/mg-mailchimp-members/src/test/fixtures (subscribed.csv,
unsubscribed.csv, cleaned.csv). Kinds of contacts: https://mailchimp.com/help/about-your-contacts/; "cleaned" addresses
bounced for good: https://mailchimp.com/help/about-cleaned-contacts/. Non-subscribed contacts bought something and
never agreed to a newsletter: http://ginkgo.st/~ca/roadmap/mailchimp-and-civicrm-overview/notes-on-mailchimp-data-exports.
"""

from newsletter.subscribers.importers.answers import ConsentAnswer, refusal_flag
from newsletter.subscribers.importers.platform import Platform, columns, skipped

MAILCHIMP = Platform(
    name="mailchimp",
    title="Mailchimp",
    known_by=(columns("member_rating", "optin_time"), columns("leid", "euid"), columns("optin_ip", "confirm_ip")),
    columns={
        "email_address": "email",
        "fname": "first_name",
        "lname": "last_name",
        "tags": "tags",
        "timezone": "timezone",
        "mc_language": "language",
        **skipped("member_rating latitude longitude gmtoff dstoff cc region last_changed leid euid notes mc_notes"),
        **skipped("unsub_campaign_id clean_campaign_id unsub_campaign_title clean_campaign_title mc_location"),
        **skipped("unsub_reason unsub_reason_other email_type"),
    },
    evidence={
        "optin_time": "opted_in_at",
        "optin_ip": "opted_in_from",
        "confirm_time": "confirmed_at",
        "confirm_ip": "confirmed_from",
        "unsub_time": "left_at",
        "unsub_reason": "left_because",
        "clean_time": "bounced_at",
    },
    consent={
        "unsub_time": refusal_flag(any_text=True),
        "unsub_campaign_title": refusal_flag(any_text=True),
        "unsub_campaign_id": refusal_flag(any_text=True),
        "unsub_reason": refusal_flag(any_text=True),
        "clean_time": refusal_flag(ConsentAnswer.BOUNCED, any_text=True),
        "clean_campaign_title": refusal_flag(ConsentAnswer.BOUNCED, any_text=True),
        "clean_campaign_id": refusal_flag(ConsentAnswer.BOUNCED, any_text=True),
    },
    file_answers={
        r"(^|[^a-z])non[-_ ]?subscribed": ConsentAnswer.UNSUBSCRIBED,
        r"unsubscribed": ConsentAnswer.UNSUBSCRIBED,
        r"(^|[^a-z])cleaned": ConsentAnswer.BOUNCED,
    },
)
