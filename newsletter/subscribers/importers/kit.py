"""Kit, once ConvertKit: the CSV file of Subscribers, Export.

Columns and states: https://developers.kit.com/api-reference/subscribers/list-subscribers (id, first_name,
email_address, state, created_at, tags) and https://help.convertkit.com/en/articles/2502651-the-subscriber-profile-page-status.
An inactive subscriber has not confirmed; a cold one has, and has not opened an email for 90 days.
"""

from newsletter.subscribers.importers.answers import ConsentAnswer, status_words
from newsletter.subscribers.importers.platform import Platform, columns, skipped

_STATES = status_words({"inactive": ConsentAnswer.PENDING, "cold": ConsentAnswer.ACTIVE})

KIT = Platform(
    name="kit",
    title="Kit",
    known_by=(
        columns("first_name", "email", "status", "created_at"),
        columns("first_name", "email", "state", "created_at"),
        columns("first_name", "email_address", "status", "created_at"),
        columns("first_name", "email_address", "state", "created_at"),
    ),
    never_with=columns("last_name"),
    columns={
        "email_address": "email",
        "tags": "tags",
        **skipped("id subscriber_id referrer utm_source utm_medium utm_campaign utm_term utm_content"),
    },
    evidence={"created_at": "opted_in_at"},
    consent={"status": _STATES, "state": _STATES},
)
