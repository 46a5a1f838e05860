"""Buttondown: the CSV files of Settings, Exports; in a zip file, `subscribers.csv` is the one with readers.

Types: https://github.com/buttondown/openapi/blob/main/enums.json. Columns: https://docs.buttondown.com/subscriber-dashboard
and https://docs.buttondown.com/api-subscribers-introduction; `email` and `subscriber_type` became `email_address` and
`type` in 2024. Unpaid, churning and paused readers pay nothing (more), and still get the free emails.
"""

from newsletter.subscribers.importers.answers import ConsentAnswer, refusal_flag, status_words
from newsletter.subscribers.importers.platform import JSON_FIELDS, Platform, columns, skipped

_TYPES = status_words(
    {
        **dict.fromkeys(("regular", "premium", "gifted", "trialed", "paid", "comped"), ConsentAnswer.ACTIVE),
        **dict.fromkeys(("unpaid", "churning", "churned", "paused", "past due"), ConsentAnswer.ACTIVE),
        **dict.fromkeys(("unactivated", "upcoming"), ConsentAnswer.PENDING),
        **dict.fromkeys(("removed", "disabled"), ConsentAnswer.UNSUBSCRIBED),
        **dict.fromkeys(("spammy", "malicious", "blocked"), ConsentAnswer.BLOCKED),
        "undeliverable": ConsentAnswer.BOUNCED,
    }
)

BUTTONDOWN = Platform(
    name="buttondown",
    title="Buttondown",
    known_by=(
        columns("subscriber_type"),
        columns("email_address", "type", "creation_date"),
        columns("email", "metadata", "tags", "creation_date"),
    ),
    columns={
        "email_address": "email",
        "tags": "tags",
        "metadata": JSON_FIELDS,
        **skipped("id notes secondary_id source referrer_url referral_code avatar_url risk_score firewall_reasons"),
        **skipped("utm_source utm_medium utm_campaign last_click_date last_open_date open_rate click_rate churn_date"),
        **skipped("upgrade_date subscriber_import_id stripe_customer_id stripe_coupon gift_subscription_message"),
        **skipped("purchased_by purchased_by_message delivered_count open_count click_count last_bounce_date"),
        **skipped("last_bounce_reason transitions can_comment cancel_date gift_expiration_date"),
    },
    evidence={
        "creation_date": "opted_in_at",
        "ip_address": "opted_in_from",
        "unsubscription_date": "left_at",
        "unsubscription_reason": "left_because",
    },
    consent={
        "type": _TYPES,
        "subscriber_type": _TYPES,
        "unsubscription_date": refusal_flag(any_text=True),
        "unsubscription_reason": refusal_flag(any_text=True),
        "undeliverability_date": refusal_flag(ConsentAnswer.BOUNCED, any_text=True),
        "undeliverability_reason": refusal_flag(ConsentAnswer.BOUNCED, any_text=True),
    },
)
