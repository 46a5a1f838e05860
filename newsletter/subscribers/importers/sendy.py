"""Sendy: one CSV file for each kind of subscriber of a list, which only the file's name tells.

Its code writes rows of name, address and custom fields, without a header, into `<list>-active.csv`,
`-unconfirmed.csv`, `-unsubscribed.csv`, `-bounced.csv`, `-marked-as-spam.csv` or `-all.csv`:
https://github.com/svhawks/Sendy-Docker/blob/master/www/includes/subscribers/export-csv.php.
"""

from newsletter.subscribers.importers.answers import ConsentAnswer
from newsletter.subscribers.importers.platform import FULL_NAME, Platform

_END = r"( ?\(\d+\))?\.(csv|txt)$"

SENDY = Platform(
    name="sendy",
    title="Sendy",
    columns={"name": FULL_NAME},
    file_answers={
        rf"-active{_END}": ConsentAnswer.ACTIVE,
        rf"-unconfirmed{_END}": ConsentAnswer.PENDING,
        rf"-unsubscribed{_END}": ConsentAnswer.UNSUBSCRIBED,
        rf"-bounced{_END}": ConsentAnswer.BOUNCED,
        rf"-marked-as-spam{_END}": ConsentAnswer.COMPLAINED,
    },
    without_header=("name", "email"),
    needs_answer="Sendy's file says only by its name who may be mailed. Export the list once for each kind of"
    " subscriber, and keep the names: list-active.csv, list-unsubscribed.csv, list-bounced.csv and so on",
)
