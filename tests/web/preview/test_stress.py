"""A preview under stress: a hundred saves at once, huge files, hundreds of issues, a taken port, broken settings."""

from __future__ import annotations

import signal
import socket
import time
from datetime import date, timedelta
from pathlib import Path
from statistics import median

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from tests.support.ports import free_port
from tests.web.preview.preview_server import ISSUE, SETTINGS, Preview, opened, publish, running

TRIES = 5
"""A busy machine may be late in one."""


def memory(preview: Preview) -> int:
    """Return the process's resident memory, in KiB."""
    status = Path(f"/proc/{preview.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def storm(preview: Preview, name: str, saves: int = 100, seconds: float = 2) -> None:
    for number in range(saves):
        preview.save(ISSUE.replace("a paragraph", f"{name} {number}"))
        time.sleep(seconds / saves)


def email(page: Page) -> FrameLocator:
    return page.frame_locator("#single iframe:not(.incoming)")


def ends_with(page: Page, words: str) -> None:
    """Tell whether the last save is shown, in the only frame."""
    expect(email(page).get_by_text(words)).to_be_visible()
    expect(page.locator("iframe")).to_have_count(1)


def test_a_hundred_saves_in_two_seconds_end_with_the_last_and_take_no_memory(tmp_path: Path, browser: Browser) -> None:
    with running(publish(tmp_path / "news")) as preview, opened(browser, preview, "/issues/chips") as page:
        storm(preview, "draft")
        ends_with(page, "It has draft 99.")
        before = memory(preview)

        for name in ("proof", "print"):
            storm(preview, name)
            ends_with(page, f"It has {name} 99.")

        assert memory(preview) - before < 16 * 1024


def test_a_file_of_five_megabytes_is_refused_in_words(tmp_path: Path, browser: Browser) -> None:
    with running(publish(tmp_path / "news")) as preview, opened(browser, preview, "/issues/chips") as page:
        preview.save(ISSUE + "Words. " * 750_000)

        expect(page.locator("#failure .what")).to_have_text("The file is 5.0 MiB; an issue has at most 1 MiB")
        expect(email(page).get_by_text("It has a paragraph.")).to_be_visible()


def many(root: Path, issues: int) -> Path:
    publish(root)
    for number in range(issues - 1):
        day = date(2023, 1, 1) + timedelta(days=number)
        (root / "issues" / f"{day}-issue-{number}.md").write_text(ISSUE, encoding="utf-8")
    return root


def appears_after(browser: Browser, preview: Preview) -> float:
    """Return the seconds until the first row is shown: the median of several runs."""
    taken = []
    for _ in range(5):
        page = browser.new_page()
        began = time.perf_counter()
        page.goto(preview.url, wait_until="commit")
        page.wait_for_selector(".row")
        taken.append(time.perf_counter() - began)
        page.close()
    return median(taken)


def test_five_hundred_issues_appear_in_twice_the_time_of_fifty(tmp_path: Path, browser: Browser) -> None:
    with running(many(tmp_path / "few", 50)) as few, running(many(tmp_path / "many", 500)) as lots:
        assert any(appears_after(browser, lots) < 2 * appears_after(browser, few) for _ in range(TRIES))


def test_older_issues_come_when_they_are_scrolled_to(tmp_path: Path, browser: Browser) -> None:
    with running(many(tmp_path / "news", 130)) as preview, opened(browser, preview, "/") as page:
        expect(page.locator(".row")).to_have_count(40)

        for number in (80, 120, 130):
            page.locator(".more").scroll_into_view_if_needed()
            expect(page.locator(".row")).to_have_count(number)

        expect(page.locator(".more")).to_have_count(0)


def test_a_save_that_changes_no_row_leaves_older_rows_where_they_are(tmp_path: Path, browser: Browser) -> None:
    with running(many(tmp_path / "news", 60)) as preview, opened(browser, preview, "/") as page:
        page.locator(".more").scroll_into_view_if_needed()
        expect(page.locator(".row")).to_have_count(60)
        page.locator(".row").first.evaluate("row => row.dataset.kept = 'yes'")

        file = next((preview.root / "issues").glob("*.md"))
        with page.expect_response("**/rows?*") as answer:
            preview.save(file.read_text(encoding="utf-8"), f"issues/{file.name}")
        answer.value.finished()

        expect(page.locator(".row[data-seen]")).to_have_count(60)
        expect(page.locator("[data-kept]")).to_have_count(1)


def test_a_taken_port_gives_way_to_the_next_which_is_printed(tmp_path: Path) -> None:
    root, port = publish(tmp_path / "news"), free_port()
    with socket.create_server(("127.0.0.1", port)), running(root, port=port) as preview:
        assert int(preview.url.rpartition(":")[2]) in range(port + 1, port + 21)
        assert preview.get("/").status_code == 200


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_preview_stops_although_pages_listen(tmp_path: Path, browser: Browser, number: signal.Signals) -> None:
    with running(publish(tmp_path / "news")) as preview, opened(browser, preview, "/issues/chips"):
        began = time.monotonic()
        preview.process.send_signal(number)

        assert preview.process.wait(60) == 0
        assert time.monotonic() - began < 20  # pages listen until they are closed
        assert preview.process.stderr
        assert "Traceback" not in preview.process.stderr.read()


def test_missing_settings_are_named_and_the_page_comes_back_with_them(tmp_path: Path, browser: Browser) -> None:
    root = publish(tmp_path / "news")
    (root / "newsletter.toml").unlink()
    with running(root) as preview, opened(browser, preview, "/") as page:
        expect(page.locator("main")).to_contain_text("newsletter.toml")
        expect(page.locator("main")).to_contain_text("newsletter init")

        preview.save(SETTINGS, "newsletter.toml")

        expect(page.locator(".row .subject")).to_have_text("Chip rules and a camera")


def test_issues_are_shown_although_the_database_is_broken(tmp_path: Path) -> None:
    root = publish(tmp_path / "news")
    (root / "newsletter.db").write_bytes(b"not a database" * 1_000)
    with running(root) as preview:
        assert "Chip rules and a camera" in preview.get("/").text
        assert preview.get("/issues/chips").status_code == 200


def test_looking_makes_no_database(tmp_path: Path, browser: Browser) -> None:
    root = publish(tmp_path / "news")
    before = {path.name for path in root.iterdir()}
    with running(root) as preview, opened(browser, preview, "/") as page:
        page.wait_for_timeout(200)
        page.goto(f"{preview.url}/issues/chips")
        page.wait_for_selector("#stage[data-shown]")

    assert {path.name for path in root.iterdir()} == before


def test_a_page_finds_a_preview_that_was_started_again(tmp_path: Path, browser: Browser) -> None:
    root, port = publish(tmp_path / "news"), free_port()
    with running(root, port=port) as first, opened(browser, first, "/issues/chips") as page:
        first.stop()
        expect(page.locator("#pulse")).to_have_attribute("data-state", "lost")
        expect(email(page).get_by_text("It has a paragraph.")).to_be_visible()

        first.save(ISSUE.replace("a paragraph", "another paragraph"))
        with running(root, port=port):
            expect(email(page).get_by_text("It has another paragraph.")).to_be_visible()
            expect(page.locator("#pulse")).to_have_attribute("data-state", "fine")
