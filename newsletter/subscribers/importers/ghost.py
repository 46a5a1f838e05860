"""Ghost: the CSV file of Members, Export.

Columns: https://github.com/TryGhost/Ghost/blob/main/ghost/members-csv/lib/unparse.js and
https://ghost.org/help/import-members/: `subscribed_to_emails` is false for those who turned the emails off, and
`deleted_at` is filled in the backup of members who were deleted.
"""

from newsletter.subscribers.importers.answers import consent_flag, refusal_flag
from newsletter.subscribers.importers.platform import FULL_NAME, Platform, columns, skipped

GHOST = Platform(
    name="ghost",
    title="Ghost",
    known_by=(columns("email", "subscribed_to_emails"),),
    columns={
        "name": FULL_NAME,
        "labels": "tags",
        "tiers": "tiers",
        "products": "tiers",
        **skipped("id uuid note complimentary_plan stripe_customer_id error updated_at"),
    },
    evidence={"created_at": "opted_in_at", "deleted_at": "deleted_at"},
    consent={"subscribed_to_emails": consent_flag(), "deleted_at": refusal_flag(any_text=True)},
)
