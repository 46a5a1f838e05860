"""Rules about the finished message: its sender, its unsubscribe links, and what law and mailboxes demand."""

from __future__ import annotations

import re
from collections.abc import Iterator

from newsletter.checks.context.context import Context
from newsletter.checks.context.places import WHOLE_ISSUE
from newsletter.checks.context.rule import ERROR, WARNING, Example, Finding, Scope, rule
from newsletter.checks.context.sample_copies import Copy
from newsletter.checks.html.tree import hidden_elements
from newsletter.config import LOOPBACK

_FREE = (
    "aol.com gmail.com gmx.de gmx.net googlemail.com hotmail.com icloud.com live.com mail.ru me.com outlook.com "
    "proton.me protonmail.com yahoo.com ymail.com web.de"
)
FREE_MAIL = frozenset(_FREE.split())
"""Mailbox providers whose DMARC policy asks to refuse their addresses when other servers send them."""
DIFFERENT = 0.4
"""The share of the HTML's words that the text part may lack."""
_WORD = re.compile(r"\w{3,}")


def _plain(context: Context) -> Copy:
    """Return the copy of the reader without fields."""
    return context.copies[0]


_TEXT = "templates/issue.txt"
_PUBLICATION = """[publication]
name = "Daily Inference"
url = "{url}"
from = "Daily Inference <{sender}>"
postal_address = "{address}"
"""


def _settings(
    url: str = "https://news.example.com", sender: str = "daily@news.example.com", address: str = "1 St"
) -> str:
    return _PUBLICATION.format(url=url, sender=sender, address=address)


_LINE = '{{ content }} {{ tag("unsubscribe_url") }}\n'


@rule(
    "NL501",
    ERROR,
    Scope.MESSAGE,
    summary="The HTML or the text part has no unsubscribe link that readers see.",
    why="The law demands one (15 U.S.C. 7704), and readers who cannot leave report the email as spam.",
    fix='Print `tag("unsubscribe_url")` in the template.',
    fires=Example(files={_TEXT: "{{ content }}\n"}, shown="templates/issue.txt without unsubscribe_url"),
    passes=Example(files={_TEXT: _LINE}, shown='templates/issue.txt with {{ tag("unsubscribe_url") }}'),
)
def _missing_unsubscribe_links(context: Context) -> Iterator[Finding]:
    copy = _plain(context)
    url = str(copy.recipient.fields["unsubscribe_url"])
    links = [link for link in copy.tree.iter("a") if link.get("href") == url]
    hidden = hidden_elements(copy.tree)
    if not any(link.text_content().strip() and link not in hidden for link in links):
        yield Finding.at(WHOLE_ISSUE, "the HTML has no unsubscribe link that readers see")
    if url not in copy.message.text:
        yield Finding.at(WHOLE_ISSUE, "the text part has no unsubscribe link")


@rule(
    "NL502",
    WARNING,
    Scope.MESSAGE,
    summary="The email names no postal address (an error when one is set and the templates leave it out).",
    why="Commercial mail has to show a valid one in the United States (CAN-SPAM), Canada and other countries.",
    fix="Set [publication] postal_address in newsletter.toml.",
    fires=Example(settings=_settings(address=""), shown='postal_address = ""'),
    passes=Example(settings=_settings(), shown='postal_address = "1 Example Street, Springfield"'),
)
def _missing_postal_address(context: Context) -> Iterator[Finding]:
    address = context.config.publication.postal_address
    if not address:
        spot = context.settings_spot("publication")
        yield Finding.at(spot, "the email names no postal address", hint="Set [publication] postal_address.")
    elif address not in _plain(context).words:
        hint = "Print {{ publication.postal_address }}."
        yield Finding.at(WHOLE_ISSUE, "the templates leave out the postal address", hint=hint, severity=ERROR)


@rule(
    "NL503",
    ERROR,
    Scope.MESSAGE,
    summary="Readers cannot unsubscribe with one click: the headers are broken, or lead nowhere (a warning).",
    why="Gmail and Yahoo ask bulk senders for it (RFC 8058) and sort mail without it as spam.",
    fix="Set [publication] url to the https:// address where readers' pages are.",
    fires=Example(settings=_settings(url="http://localhost:8000"), shown='url = "http://localhost:8000"'),
    passes=Example(settings=_settings(), shown='url = "https://news.example.com"'),
)
def _broken_one_click(context: Context) -> Iterator[Finding]:
    headers = _plain(context).headers
    url = str(headers.get("List-Unsubscribe", ""))
    post = str(headers.get("List-Unsubscribe-Post", ""))
    # RFC 8058, 3.1: a URI in List-Unsubscribe, and exactly this value in List-Unsubscribe-Post.
    if not re.fullmatch(r"<https?://[^<>\s]+>", url) or post != "List-Unsubscribe=One-Click":
        message = "the headers for unsubscribing with one click are missing or broken (RFC 8058)"
        yield Finding.at(WHOLE_ISSUE, message)
    elif LOOPBACK.match(str(context.config.publication.url)):
        spot = context.settings_spot("publication", "url")
        message = f'readers cannot reach "{context.config.publication.url}", which the unsubscribe link leads to'
        hint = "Set [publication] url to where `newsletter serve` is reached."
        yield Finding.at(spot, message, hint=hint, severity=WARNING)


@rule(
    "NL504",
    WARNING,
    Scope.MESSAGE,
    summary="Mailbox providers distrust the From address (an error for a wrong domain), or nobody reads the replies.",
    why="They compare the domain of From with the domain that sends (DMARC) and refuse an email where the two differ.",
    fix="Send from a domain of your own, and set reply_to to a mailbox that somebody reads.",
    fires=Example(settings=_settings(sender="daily.inference@gmail.com"), shown='from = "... <...@gmail.com>"'),
    passes=Example(settings=_settings(), shown='from = "... <daily@news.example.com>"'),
)
def _doubtful_sender(context: Context) -> Iterator[Finding]:
    publication = context.config.publication
    domain = publication.sender.domain.lower()
    spot = context.settings_spot("publication", "from")
    if domain in FREE_MAIL:
        message = f"{domain} tells mailboxes to refuse mail in its name from other servers (DMARC)"
        yield Finding.at(spot, message, hint="Send from a domain of your own.")
    sending = str(context.config.providers.get(context.config.send.providers[0], {}).get("domain", "")).lower()
    # Relaxed alignment (RFC 7489, 3.1.1): either domain may be a subdomain of the other.
    if sending and not f".{domain}".endswith(f".{sending}") and not f".{sending}".endswith(f".{domain}"):
        message = f'from: "{domain}" is not the domain the provider sends for, "{sending}"'
        hint = "Mailboxes compare the two (DMARC): use one domain."
        yield Finding.at(spot, message, hint=hint, severity=ERROR)
    if re.match(r"(no|do[._-]?not)[._-]?reply", publication.reply_to or publication.sender.address, re.IGNORECASE):
        hint = "Set [publication] reply_to to a mailbox that somebody reads."
        yield Finding.at(spot, "answers of readers go to nobody", hint=hint)


@rule(
    "NL505",
    WARNING,
    Scope.MESSAGE,
    summary="The text part is empty or lacks more than 40 % of the words of the HTML.",
    why="Spam filters compare the two parts, and some readers see only the text.",
    fix="Print `content` in templates/issue.txt.",
    fires=Example(
        files={_TEXT: 'Read it in a browser. {{ tag("unsubscribe_url") }}\n'},
        shown="templates/issue.txt without {{ content }}",
    ),
    passes=Example(),
)
def _thin_text_part(context: Context) -> Iterator[Finding]:
    copy = _plain(context)
    in_html = set(_WORD.findall(copy.words.casefold()))
    in_text = set(_WORD.findall(copy.message.text.casefold()))
    missing = in_html - in_text
    if not in_text:
        yield Finding.at(WHOLE_ISSUE, "the text part is empty")
    elif len(missing) > DIFFERENT * len(in_html):
        share = round(100 * len(missing) / len(in_html))
        yield Finding.at(WHOLE_ISSUE, f"the text part lacks {share} % of the words of the HTML")
