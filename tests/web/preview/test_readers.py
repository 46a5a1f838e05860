"""Choosing the reader that an email is shown for, which the address bar keeps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from tests.web.preview.preview_server import Preview, opened, running
from tests.web.preview.readers_preview import publish_with_readers


@pytest.fixture(scope="module")
def preview(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Preview]:
    with running(publish_with_readers(tmp_path_factory.mktemp("readers") / "news")) as preview:
        yield preview


def email(page: Page) -> FrameLocator:
    return page.frame_locator("#single iframe:not(.incoming)")


def test_the_variants_of_an_issue_are_shown_with_how_many_get_each_and_one_click_shows_one(
    browser: Browser, preview: Preview
) -> None:
    with opened(browser, preview, "/issues/chips?panel=readers") as page:
        variants = page.locator(".variant")
        expect(variants).to_have_count(3)
        reached = page.locator(".variant .reach").all_inner_texts()
        assert [one.split(" ·")[0] for one in reached] == ["20", "10", "10"]
        page.locator(".variant", has_text='if plan == "pro"').first.click()
        expect(email(page).get_by_text("for you alone")).to_be_visible()
        page.locator(".variant", has_text='not plan == "pro"').first.click()
        expect(email(page).get_by_text("for you alone")).to_have_count(0)
        expect(page.locator(".variant[aria-current]")).to_have_count(1)


def test_a_real_reader_is_found_by_part_of_the_address_and_stays_in_the_address_bar(
    browser: Browser, preview: Preview
) -> None:
    with opened(browser, preview, "/issues/chips?panel=readers") as page:
        page.get_by_label("Search readers").fill("r38")
        page.locator("#reader-found .choice", has_text="r38@example.com").click()
        expect(email(page).get_by_text("Good morning Reader38.")).to_be_visible()
        expect(page.locator(".now")).to_contain_text("Reader38 <r38@example.com>")
        link = page.url
    with opened(browser, preview, link.removeprefix(preview.url)) as page:
        expect(email(page).get_by_text("Good morning Reader38.")).to_be_visible()
        expect(page.locator("#tab-readers")).to_have_class("is-set")


def test_sample_readers_the_worst_case_and_made_up_fields_are_shown_too(browser: Browser, preview: Preview) -> None:
    with opened(browser, preview, "/issues/chips?panel=readers", width=375) as page:
        page.get_by_role("button", name="Ada, of whom everything is known").click()
        expect(email(page).get_by_text("Good morning Ada.")).to_be_visible()
        page.get_by_role("button", name="A reader with markup").click()
        expect(email(page).get_by_text("<script>alert('&amp;')</script>").first).to_be_visible()
        page.locator("#reader-fields [name=first_name]").fill("Zoë")
        page.locator("#reader-fields [name=plan]").fill("pro")
        page.locator("#reader-fields button").click()
        expect(email(page).get_by_text("Good morning Zoë.")).to_be_visible()
        expect(email(page).get_by_text("for you alone")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == 375


def test_a_field_with_a_value_it_cannot_hold_says_so(browser: Browser, preview: Preview) -> None:
    with opened(browser, preview, "/issues/chips?panel=readers") as page:
        page.locator("#reader-fields [name=score]").fill("many")
        page.locator("#reader-fields button").click()
        expect(page.locator(".readers > .refusal")).to_contain_text('score "many" is not a number')
        page.get_by_role("button", name="A reader without a name").click()
        expect(page.locator(".readers > .refusal")).to_have_count(0)


def test_looking_at_readers_makes_no_database_and_no_secret(tmp_path: Path, browser: Browser) -> None:
    from tests.web.preview.preview_server import publish

    with running(publish(tmp_path / "news")) as preview:
        for path in ("readers", "readers/found?q=ada", "variants", "act", "progress", "view/html?reader=known"):
            assert preview.get(f"/issues/chips/{path}").status_code == 200, path
        assert "There are no readers yet" in preview.get("/issues/chips/readers").text
        assert sorted(path.name for path in preview.root.iterdir()) == ["images", "issues", "newsletter.toml"]
