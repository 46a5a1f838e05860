"""The updates that an open page gets, and their order."""

from __future__ import annotations

import asyncio

from newsletter.web.preview.open_pages import PageListener


def test_of_several_updates_of_a_kind_the_newest_is_sent_and_last() -> None:
    listener = PageListener("chips")
    for kind, update in (("issue", {"digest": "1"}), ("gone", {}), ("issue", {"digest": "2"})):
        listener.add(kind, update)

    assert asyncio.run(listener.next_updates()) == [("gone", {}), ("issue", {"digest": "2"})]
