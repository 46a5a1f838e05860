"""Views: the ways in which the preview shows one reader's copy of an issue.

Each view changes the finished copy's HTML, and never the issue: a view is not a second renderer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from newsletter.messages.expressions import present
from newsletter.messages.fragments import html_fragment
from newsletter.messages.merge import joined
from newsletter.messages.types import Recipient
from newsletter.preview.dark_mode import by_day, by_night, inverted, inverted_by_outlook
from newsletter.preview.images_off import without_pictures
from newsletter.preview.local_images import LocalPicture, shown_locally
from newsletter.preview.outlook import in_outlook
from newsletter.rendering.build import Built, sample_mailing

RENDERED: Mapping[str, Callable[[str], str]] = {
    "html": by_day,
    "dark": by_night,
    "inverted": inverted,
    "outlook-dark": inverted_by_outlook,
    "no-images": without_pictures,
    "outlook": in_outlook,
}
"""The views that imitate mail clients, by name: functions from HTML to HTML."""
WRITTEN = ("text", "source", "headers", "raw")
"""The views that show text instead of rendered HTML."""
VIEWS = (*RENDERED, *WRITTEN)


def rendered(built: Built, recipient: Recipient, view: str, pictures: Sequence[LocalPicture]) -> str:
    """Return one reader's copy as a mail client of this kind shows it, with the marks of a source map if it has one.

    `pictures` are shown from this disk.
    """
    copy = joined(html_fragment(built.traced or built.message.html, built.message))(present(recipient.fields))
    return RENDERED[view](shown_locally(copy, built.theme.publication, pictures))


def written(built: Built, recipient: Recipient, view: str) -> str:
    """Return one reader's copy as text: its text part, its HTML, its headers, or the whole message as it is sent."""
    mailing = sample_mailing(built.theme.publication, built)
    if view == "text":
        return mailing.message(recipient).text
    if view == "source":
        return mailing.message(recipient).html
    raw = mailing.mime(recipient).decode("utf-8", "replace").replace("\r\n", "\n")
    return raw.partition("\n\n")[0] if view == "headers" else raw
