"""Make up readers as CSV, equal in every run: `python -m bench.readers 1000 > readers.csv`.

Some have names in many scripts, with quotes or emoji, some have none; addresses are only of example domains.
"""

from __future__ import annotations

import csv
import random
import sys
from collections.abc import Iterator

COLUMNS = ("email", "first_name", "last_name", "plan", "tags", "language")
FIRST = (
    "Ada",
    "Grace",
    "José",
    "Zoë",
    "Nguyễn",
    "محمد",
    "सीता",
    "美咲",
    "Ольга",
    "Ann 🎉",
    'Bob "Bo"',
    "D'Arcy",
    "",
    "",
)
LAST = (
    "Lovelace",
    "Hopper",
    "García",
    "O'Neill",
    "Smith, Jr.",
    "الفاسي",
    "शर्मा",
    "山田",
    "Иванова",
    "<b>Bold</b>",
    "",
    "",
)
PLANS = ("free", "free", "free", "pro", "team", "")
TAGS = ("", "", "beta", "pro", "beta,pro")
LANGUAGES = ("en", "en", "", "ar", "de")
DOMAINS = ("example.com", "example.org", "mail.example", "team.example")


def readers(count: int) -> Iterator[tuple[str, ...]]:
    """Yield `count` rows, without the header."""
    chance = random.Random(1)
    lists = (FIRST, LAST, PLANS, TAGS, LANGUAGES)
    for number in range(1, count + 1):
        yield (f"reader{number}@{chance.choice(DOMAINS)}", *(chance.choice(values) for values in lists))


def main() -> None:
    """Write the readers to stdout."""
    sys.stdout.reconfigure(encoding="utf-8", newline="")  # type: ignore[union-attr]
    out = csv.writer(sys.stdout)
    out.writerow(COLUMNS)
    out.writerows(readers(int(sys.argv[1])))


if __name__ == "__main__":
    main()
