"""Tell where a domain's owner begins, by the public suffix list, and whether two domains are aligned.

`news.example.co.uk` and `example.co.uk` are one owner's, `example.co.uk` and `other.co.uk` are not: that takes the list
of the suffixes under which the public registers names (https://publicsuffix.org). `publicsuffixlist` is used: it has
the list in the package, renewed every few weeks, and never goes to the network. `tldextract` fetches the list by
itself, and the list in `publicsuffix2` is of 2019.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList


@cache
def organisational_domain(domain: str) -> str:
    """Return the domain that its owner registered (RFC 7489 section 3.2); a public suffix is its own."""
    return str(_list().privatesuffix(domain) or domain)


@cache
def _list() -> PublicSuffixList:
    from publicsuffixlist import PublicSuffixList  # reads the list, and is in the extra `doctor`

    return PublicSuffixList()


def is_aligned(domain: str, sender: str, *, strict: bool) -> bool:
    """Tell whether DMARC takes a signature or return path of `domain` for the sender's own (RFC 7489 section 3.1)."""
    domain, sender = domain.lower().rstrip("."), sender.lower().rstrip(".")
    return domain == sender or (not strict and organisational_domain(domain) == organisational_domain(sender))


def parents(domain: str) -> list[str]:
    """Return the domains above one, the nearest first, down to the organisational domain."""
    top, labels = organisational_domain(domain), domain.split(".")
    above = [".".join(labels[at:]) for at in range(1, len(labels))]
    return above[: above.index(top) + 1] if top in above else []
