"""Listmonk: the CSV file of Subscribers, Export.

Columns and statuses: `ExportSubscribers` of https://github.com/knadh/listmonk/blob/master/cmd/subscribers.go (uuid,
email, name, attributes, status, created_at, updated_at) and https://listmonk.app/docs/concepts/ (enabled, disabled,
blocklisted). The export does not say who left one list: https://github.com/knadh/listmonk/issues/738.
"""

from newsletter.subscribers.importers.answers import ConsentAnswer, status_words
from newsletter.subscribers.importers.platform import FULL_NAME, JSON_FIELDS, Platform, columns, skipped

LISTMONK = Platform(
    name="listmonk",
    title="listmonk",
    known_by=(columns("uuid", "email", "attributes", "status"), columns("email", "name", "attributes", "status")),
    columns={
        "name": FULL_NAME,
        "attributes": JSON_FIELDS,
        "attribs": JSON_FIELDS,
        **skipped("id uuid updated_at lists"),
    },
    evidence={"created_at": "opted_in_at"},
    consent={
        "status": status_words(
            {
                "enabled": ConsentAnswer.ACTIVE,
                "disabled": ConsentAnswer.UNSUBSCRIBED,
                "blocklisted": ConsentAnswer.BLOCKED,
                "blacklisted": ConsentAnswer.BLOCKED,
            }
        )
    },
    caution="listmonk's export does not say who left one list; export the list with the filter Unsubscribed, and import"
    " that file with --map status=status:*=unsubscribed",
)
