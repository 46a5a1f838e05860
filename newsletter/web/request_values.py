"""Read texts, addresses and numbers that a request brings, so that no spelling of them is an error of ours.

Both applications use it. What cannot be stored or written again is refused with a sentence.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException


class NumberConvertor(Convertor[int]):
    """The part `{name:number}` of a route's path: at most nine digits, since `int` refuses thousands of them."""

    regex = "[0-9]{1,9}"

    def convert(self, value: str) -> int:
        """Return the number in a path."""
        return int(value)

    def to_string(self, value: int) -> str:
        """Return the number as a path has it."""
        return str(value)


# Here, and not beside a route: `security.py` of each application imports this module, and so does every route.
register_url_convertor("number", NumberConvertor())


def split_address(address: str) -> SplitResult | None:
    """Return the parts of an address; None when it is none, such as `http://[`."""
    try:
        return urlsplit(address)
    except ValueError:
        return None


def refuse_unwritable(texts: Iterable[str]) -> None:
    """Raise HTTPException 400 for a text that has no UTF-8, such as half of a surrogate pair (`"\\\\ud800"` in JSON).

    Python reads such a text, but no database, page or terminal can write it.
    """
    for text in texts:
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise HTTPException(400, "a field holds a character that does not exist; type it again") from error
