"""Every view of an email in the browser: its looks and width, and that the address bar keeps them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Frame, Page, expect

from newsletter.preview.views import VIEWS
from tests.support.rendered_email import Scheme
from tests.web.preview.preview_server import ISSUE, Preview, opened, publish, running

WHITE, BLACK = "rgb(255, 255, 255)", "rgb(0, 0, 0)"
CARD_AT_NIGHT = "rgb(29, 32, 37)"


@pytest.fixture(scope="module")
def preview(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Preview]:
    with running(publish(tmp_path_factory.mktemp("views") / "news", issue=ISSUE)) as preview:
        yield preview


def email(page: Page) -> Frame:
    """Return the shown frame."""
    handle = page.wait_for_selector("#single iframe:not(.incoming)")
    frame = handle.content_frame() if handle else None
    assert frame
    return frame


def look_at(page: Page, view: str) -> Frame:
    """Open another view and return its frame once it is shown."""
    page.locator(f"#views [data-view={view}]").click()
    page.wait_for_function(
        "view => document.querySelector('#single iframe:last-of-type:not(.incoming)')?.src.includes(`/view/${view}?`)",
        arg=view,
    )
    return email(page)


def card(frame: Frame) -> str:
    return str(frame.locator(".card").first.evaluate("element => getComputedStyle(element).backgroundColor"))


GROUNDS = {"html": WHITE, "dark": CARD_AT_NIGHT, "inverted": BLACK, "outlook-dark": CARD_AT_NIGHT, "outlook": WHITE}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_view_is_by_day_or_night_whatever_the_authors_own_screen_is(
    preview: Preview, browser: Browser, scheme: Scheme
) -> None:
    with opened(browser, preview, "/issues/chips", scheme=scheme) as page:
        shown = {view: card(look_at(page, view)) for view in GROUNDS}

    assert shown == GROUNDS


def test_without_pictures_the_alt_text_is_there_and_no_picture(preview: Preview, browser: Browser) -> None:
    with opened(browser, preview, "/issues/chips?view=no-images") as page:
        shown = email(page)

        expect(shown.get_by_text("A processor seen from above.")).to_be_visible()
        expect(shown.locator("img")).to_have_count(0)


def test_pictures_come_from_this_disk(preview: Preview, browser: Browser) -> None:
    with opened(browser, preview, "/issues/chips") as page:
        width = email(page).locator("img").first.evaluate("picture => picture.naturalWidth")

        assert width > 500


def test_in_outlook_its_own_branch_is_shown(preview: Preview, browser: Browser) -> None:
    with opened(browser, preview, "/issues/chips?view=outlook&width=375") as page:
        shown = email(page)

        assert shown.locator("table[class$=-outlook]").first.bounding_box()["width"] == 600  # type: ignore[index]
        assert shown.locator(".btn a").first.evaluate("link => getComputedStyle(link).borderRadius") == "0px"


def test_text_source_and_headers_are_shown_line_by_line(preview: Preview, browser: Browser) -> None:
    words = {
        "text": "Good morning there.",
        "source": "<!DOCTYPE html>",
        "headers": "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        "raw": "Content-Transfer-Encoding: quoted-printable",
    }
    with opened(browser, preview, "/issues/chips") as page:
        for view, said in words.items():
            assert any(said in line for line in look_at(page, view).locator("li").all_inner_texts()), view


def test_the_email_is_as_wide_as_the_screen_it_is_shown_on(preview: Preview, browser: Browser) -> None:
    with opened(browser, preview, "/issues/chips?width=500", width=1600) as page:
        for name, width in (("Phone", 375), ("Tablet", 768), ("Desktop", 1024)):
            page.get_by_role("radio", name=name).check()

            assert email(page).evaluate("innerWidth") == width
            assert email(page).evaluate("document.documentElement.scrollHeight <= innerHeight + 1")
            assert f"width={width}" in page.url


def test_the_width_can_be_set_by_its_handle_and_by_keys(preview: Preview, browser: Browser) -> None:
    with opened(browser, preview, "/issues/chips?width=600", width=1600) as page:
        box = page.locator("#single .handle").bounding_box()
        assert box
        page.mouse.move(box["x"] + 8, box["y"] + 100)
        page.mouse.down()
        page.mouse.move(box["x"] - 42, box["y"] + 100, steps=4)
        page.mouse.up()
        expect(page).to_have_url(re.compile("width=500"))

        page.locator("#single .handle").press("ArrowRight")

        expect(page.locator("#size")).to_have_text("501 px")
        assert email(page).evaluate("innerWidth") == 501


def test_an_email_wider_than_its_room_is_shown_smaller_and_not_narrower(preview: Preview, browser: Browser) -> None:
    with opened(browser, preview, "/issues/chips?width=1024", width=700) as page:
        assert email(page).evaluate("innerWidth") == 1024
        expect(page.locator("#size")).to_contain_text("%")
        assert page.evaluate(
            "document.getElementById('stage').scrollWidth <= document.getElementById('stage').clientWidth"
        )


def test_the_grid_shows_every_view_and_scrolls_them_together(preview: Preview, browser: Browser) -> None:
    with opened(browser, preview, "/issues/chips?view=grid", width=1400) as page:
        cells = page.locator(".cell")
        assert [cell.get_attribute("data-view") for cell in cells.all()] == list(VIEWS)
        expect(page.locator(".cell iframe:not(.incoming)")).to_have_count(len(VIEWS))

        page.locator(".cell[data-view=html] .scroll").evaluate("window => window.scrollTo(0, 200)")

        page.wait_for_function("() => document.querySelector('.cell[data-view=dark] .scroll').scrollTop > 100")
        cells.nth(1).locator("figcaption a").click()
        page.wait_for_selector("#single:not([hidden])")
        assert page.url.endswith("?view=dark")


def test_a_link_opens_the_view_width_and_reader_it_was_copied_from(preview: Preview, browser: Browser) -> None:
    with opened(browser, preview, "/issues/chips", width=1600) as page:
        page.locator("[data-view=dark]").first.click()
        page.get_by_role("radio", name="Phone").check()
        page.get_by_role("tab", name="Inbox").click()
        link = page.url.removeprefix(preview.url)

    with opened(browser, preview, link, width=1600) as page:
        assert card(email(page)) == CARD_AT_NIGHT
        assert email(page).evaluate("innerWidth") == 375
        expect(page.locator(".cutting.apple .subject")).to_have_text("Chip rules and a camera")


def test_an_address_with_an_unknown_view_or_width_shows_the_email(preview: Preview, browser: Browser) -> None:
    with opened(browser, preview, "/issues/chips?view=nonsense&width=wide") as page:
        shown = email(page)

        assert "The first story" in shown.locator("body").inner_text()
        expect(page.locator("#views [aria-current]")).to_have_text("Email")


def test_the_start_page_cuts_as_mail_clients_do_and_searches(preview: Preview, browser: Browser) -> None:
    with opened(browser, preview, "/?client=apple") as page:
        lines = page.locator(".row .preheader").evaluate("words => words.getBoundingClientRect().height / 20")
        assert lines == 2

        page.keyboard.press("/")
        page.keyboard.type("nobody wrote this")

        expect(page.locator("#nothing")).to_be_visible()
        expect(page).to_have_url(f"{preview.url}/?client=apple&q=nobody+wrote+this")
        page.keyboard.press("Escape")
        expect(page.locator(".row").first).to_be_visible()
        page.keyboard.press("j")
        expect(page.locator(".row a").first).to_be_focused()
