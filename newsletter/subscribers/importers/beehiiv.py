"""Beehiiv: the CSV file of Settings, Export Data.

Columns: https://github.com/TryGhost/migrate/blob/main/packages/mg-beehiiv-members/src/test/fixtures/members.csv.
Statuses (active, validating, invalid, pending, inactive, needs_attention): the subscription object of
https://github.com/api-evangelist/beehiiv/blob/main/json-schema/beehiiv-subscription-schema.json; those who unsubscribed
are inactive: https://beehiiv.com/support/article/12428610562327-managing-your-subscribers-on-beehiiv.
"""

from newsletter.subscribers.importers.answers import ConsentAnswer, refusal_flag, status_words
from newsletter.subscribers.importers.platform import FULL_NAME, Platform, columns, skipped

BEEHIIV = Platform(
    name="beehiiv",
    title="beehiiv",
    known_by=(
        columns("email", "status", "tier", "created_at"),
        columns("email", "status", "subscription_tier"),
        columns("email", "status", "acquisition_source"),
        columns("email", "status", "referral_code", "utm_source"),
    ),
    columns={
        "name": FULL_NAME,
        "tier": "tier",
        "subscription_tier": "tier",
        **skipped("id subscriber_id subscription_id stripe_customer_id free_tier premium_tier publication_id"),
        **skipped("referral_code referral_count referring_site landing_page acquisition_source email_engagement"),
        **skipped(
            "utm_source utm_medium utm_campaign utm_channel utm_term utm_content subscription_premium_tier_names"
        ),
        **skipped("total_sent total_received total_unique_opened total_clicked unique_clicks open_rate click_rate"),
    },
    evidence={
        "created_at": "opted_in_at",
        "created": "opted_in_at",
        "subscription_date_(substack)": "opted_in_there_at",
        "unsubscribed_at": "left_at",
    },
    consent={
        "status": status_words(
            {
                "needs attention": ConsentAnswer.PENDING,
                "validating": ConsentAnswer.PENDING,
                "paused": ConsentAnswer.UNSUBSCRIBED,
            }
        ),
        "unsubscribed_at": refusal_flag(any_text=True),
    },
)
