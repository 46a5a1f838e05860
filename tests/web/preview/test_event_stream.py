"""What a page that listens is told, and in which order."""

from __future__ import annotations

import asyncio

from newsletter.web.preview.live_reload import PageListener


def test_of_several_news_the_last_is_told_last() -> None:
    listener = PageListener("chips")
    for kind, news in (("issue", {"digest": "1"}), ("gone", {}), ("issue", {"digest": "2"})):
        listener.tell(kind, news)

    assert asyncio.run(listener.heard()) == [("gone", {}), ("issue", {"digest": "2"})]
