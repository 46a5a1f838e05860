"""Substack: `email_list.<publication>.csv`, alone or in the zip file of the whole publication.

Columns: exports that Ghost's migration tools are tested with,
https://github.com/TryGhost/migrate/tree/main/packages/mg-substack-members-csv/test/fixtures, and those of the
dashboard's export of all columns. `active_subscription`, `expiry` and `plan` speak of payment: free readers have
`false`. `email_disabled` is true for those who turned the emails off.
"""

from newsletter.subscribers.importers.answers import refusal_flag
from newsletter.subscribers.importers.platform import FULL_NAME, Platform, columns, skipped

SUBSTACK = Platform(
    name="substack",
    title="Substack",
    known_by=(
        columns("email", "active_subscription", "expiry"),
        columns("email", "email_disabled", "expiry"),
        columns("email", "email_disabled", "created_at", "first_payment_at"),
        columns("user_email_address", "subscription_type"),
        columns("email", "start_date", "emails_opened_(6mo)"),
        columns("email", "start_date", "emails_received_(6mo)"),
    ),
    columns={
        "user_email_address": "email",
        "name": FULL_NAME,
        "user_name": FULL_NAME,
        "plan": "plan",
        **skipped(
            "active_subscription expiry first_payment_at stripe_connected_customer_id prefer_digests stripe_plan"
            " digest_enabled"
        ),
        **skipped(
            "cancel_date paid_upgrade_date first_paid_date subscription_expires_at subscription_interval activity"
        ),
        **skipped(
            "emails_received_(6mo) emails_dropped_(6mo) num_emails_opened emails_opened_(6mo) emails_opened_(7d)"
        ),
        **skipped("emails_opened_(30d) last_email_opened links_clicked last_clicked_at unique_emails_seen_(6mo)"),
        **skipped(
            "unique_emails_seen_(7d) unique_emails_seen_(30d) post_views post_views_(7d) post_views_(30d) comments"
        ),
        **skipped(
            "comments_(7d) comments_(30d) shares shares_(7d) shares_(30d) subscriptions_gifted days_active_(30d)"
        ),
        **skipped(
            "subscription_source_(free) subscription_source_(paid) last_subscribed_at revenue first_payment_date"
        ),
    },
    evidence={"created_at": "opted_in_at", "start_date": "opted_in_at", "subscription_created_at": "opted_in_at"},
    consent={
        "email_disabled": refusal_flag(),
        "unsubscribed_at": refusal_flag(any_text=True),
    },
)
