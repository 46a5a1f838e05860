"""Saving a file: the email changes in its place, and a mistake never takes it away."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from tests.web.preview.preview_server import ISSUE, NAME, SETTINGS, Preview, opened, publish, running

STORY = ':::note title="Story {}"\nWhat happened in story {}, at some length, so that it fills a line.\n:::\n\n'
LONG = ISSUE + "\n" + "".join(STORY.format(number, number) for number in range(20))
IN_WINDOW = """() => {
  const stage = document.getElementById('stage');
  const frame = document.querySelector('#single iframe:not(.incoming)');
  const ends = [...frame.contentDocument.querySelectorAll('*')].filter((element) => !element.children.length);
  const story = ends.find((element) => element.textContent === 'Story 12');
  return frame.getBoundingClientRect().top + story.getBoundingClientRect().top - stage.getBoundingClientRect().top;
}"""
COUNT_SWAPS = """() => {
  window.swaps = 0; window.blank = 0;
  new MutationObserver((changes) => {
    const gone = changes.flatMap((change) => [...change.removedNodes]);
    window.swaps += gone.filter((node) => node.tagName === 'IFRAME').length;
    if (!document.querySelector('#single iframe:not(.incoming)')?.offsetHeight) window.blank += 1;
  }).observe(document.getElementById('single'), {childList: true, subtree: true});
}"""


@pytest.fixture(scope="module")
def preview(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Preview]:
    with running(publish(tmp_path_factory.mktemp("live") / "news")) as preview:
        yield preview


@pytest.fixture(autouse=True)
def as_it_was(preview: Preview) -> None:
    preview.save(ISSUE)
    preview.save(SETTINGS, "newsletter.toml")
    shutil.rmtree(preview.root / "templates", ignore_errors=True)


def email(page: Page) -> FrameLocator:
    return page.frame_locator("#single iframe:not(.incoming)")


def test_a_save_changes_the_email_its_subject_and_its_problems(preview: Preview, browser: Browser) -> None:
    with opened(browser, preview, "/issues/chips") as page:
        preview.save(ISSUE.replace("a paragraph", "[click here](https://example.com)").replace("a camera", "a drone"))

        expect(email(page).get_by_text("click here")).to_be_visible()
        expect(page.locator("#subject")).to_have_text("Chip rules and a drone")
        expect(page.locator(".problem .what").first).to_contain_text("click here")


def test_a_template_a_block_of_its_own_a_picture_and_the_settings_are_watched(
    preview: Preview, browser: Browser
) -> None:
    with opened(browser, preview, "/issues/chips") as page:
        (preview.root / "templates" / "blocks").mkdir(parents=True)
        preview.save(
            "<mj-section><mj-column><mj-text>Ours: {{ body }}</mj-text></mj-column></mj-section>",
            "templates/blocks/text.mjml",
        )
        expect(email(page).get_by_text("Ours:")).to_be_visible()

        preview.save(SETTINGS.replace('name = "Daily Inference"', 'name = "Morning News"'), "newsletter.toml")
        expect(email(page).get_by_text("Morning News").first).to_be_visible()

        shutil.rmtree(preview.root / "templates")
        expect(email(page).get_by_text("Ours:")).to_have_count(0)

        before = str(email(page).locator("img").first.get_attribute("src"))
        shutil.copy(preview.root / "images" / "network.png", preview.root / "images" / "chips.png")
        expect(email(page).locator("img").first).not_to_have_attribute("src", before)


def test_a_save_that_changes_nothing_swaps_nothing_and_one_that_does_leaves_no_blank(
    preview: Preview, browser: Browser
) -> None:
    with opened(browser, preview, "/issues/chips") as page:
        page.evaluate(COUNT_SWAPS)
        preview.save(ISSUE)
        preview.save(ISSUE.replace("---\nGood", "---\n\nGood"))
        expect(email(page).locator("[data-nl-line='6']")).to_be_attached()
        assert page.evaluate("swaps") == 0

        preview.save(ISSUE.replace("Good morning", "Good evening"))
        expect(email(page).get_by_text("Good evening")).to_be_visible()

        assert page.evaluate("[swaps, blank]") == [1, 0]


def test_the_scroll_stays_at_the_same_block(preview: Preview, browser: Browser) -> None:
    preview.save(LONG)
    with opened(browser, preview, "/issues/chips") as page:
        expect(email(page).get_by_text("Story 19", exact=True)).to_be_attached()
        page.evaluate(f"document.getElementById('stage').scrollTop += ({IN_WINDOW})() - 40")
        before = page.evaluate(IN_WINDOW)

        preview.save(LONG.replace("It has a paragraph.", "It has a paragraph.\n\n" + "And many more. " * 200))

        expect(email(page).get_by_text("And many more.").first).to_be_attached()
        assert abs(page.evaluate(IN_WINDOW) - before) < 2


def test_a_mistake_is_shown_over_the_last_good_email_with_its_lines_until_it_is_mended(
    preview: Preview, browser: Browser
) -> None:
    with opened(browser, preview, "/issues/chips") as page:
        before = page.locator("#single").bounding_box()
        preview.save(ISSUE.replace(":::button", ":::buton"))

        failure = page.locator("#failure")
        expect(failure).to_contain_text('No block is named "buton"')
        expect(failure.locator(".code mark")).to_have_text("buton")
        expect(failure.locator(".where a")).to_have_attribute("href", f"vscode://file{preview.root}/issues/{NAME}:11:4")
        expect(email(page).get_by_text("It has a paragraph.")).to_be_visible()
        expect(page.locator("#stage")).to_have_class("stage is-stale")
        assert page.locator("#single").bounding_box() == before

        preview.save(ISSUE)

        expect(failure).to_be_hidden()
        expect(page.locator("#stage")).to_have_class("stage")


def test_a_file_that_is_empty_for_a_moment_is_no_mistake(preview: Preview, browser: Browser) -> None:
    with opened(browser, preview, "/issues/chips") as page:
        page.evaluate(
            "new MutationObserver(() => window.failed = true)"
            ".observe(document.getElementById('failure'), {attributes: true, childList: true})"
        )
        preview.save("")
        time.sleep(0.04)
        preview.save(ISSUE.replace("Good morning", "Good evening"))

        expect(email(page).get_by_text("Good evening")).to_be_visible()
        page.wait_for_timeout(300)
        assert page.evaluate("window.failed") is None or page.locator("#failure").is_hidden()


def test_the_page_follows_a_renamed_issue_and_says_when_it_is_deleted(preview: Preview, browser: Browser) -> None:
    path = preview.root / "issues" / NAME
    with opened(browser, preview, "/issues/chips?width=375") as page:
        with page.expect_response("**/events?*"):
            page.reload()  # who listens later is told that it is gone, and not where to
        path.rename(path.with_name("2025-01-17-wafers.md"))
        page.wait_for_url("**/issues/wafers?width=375")
        page.wait_for_selector("#stage[data-shown]")

        path.with_name("2025-01-17-wafers.md").unlink()

        expect(page.locator("#failure")).to_contain_text("was deleted or moved")
        expect(email(page).get_by_text("It has a paragraph.")).to_be_visible()


def test_broken_settings_are_shown_with_their_line_and_recover(preview: Preview, browser: Browser) -> None:
    with opened(browser, preview, "/issues/chips") as page:
        preview.save(SETTINGS.replace("reply_to", "reply_too"), "newsletter.toml")

        expect(page.locator("#failure")).to_contain_text("reply_too")
        expect(page.locator("#failure .code .at")).to_contain_text("reply_too")
        expect(email(page).get_by_text("It has a paragraph.")).to_be_visible()

        preview.save(SETTINGS, "newsletter.toml")

        expect(page.locator("#failure")).to_be_hidden()


def test_a_problem_opens_the_editor_at_its_line_and_marks_its_block(preview: Preview, browser: Browser) -> None:
    preview.save(ISSUE.replace("a paragraph", "[click here](https://example.com)"))
    with opened(browser, preview, "/issues/chips") as page:
        problem = page.locator(".problem[data-piece]").first
        expect(problem).to_have_attribute("href", f"vscode://file{preview.root}/issues/{NAME}:8:8")

        problem.hover()

        expect(page.locator(".block .label")).to_contain_text("article · ")
        expect(page.locator(".block .label")).to_contain_text("line 7")


def test_pointing_at_a_block_shows_its_size_and_a_line_shows_where_gmail_cuts(
    preview: Preview, browser: Browser
) -> None:
    preview.save(ISSUE + "\n" + "".join(STORY.format(n, n) + "Words. " * 300 + "\n\n" for n in range(40)))
    with opened(browser, preview, "/issues/chips") as page:
        expect(page.locator(".weight.clipped .meter")).to_be_visible()
        expect(page.locator(".cut")).to_be_attached()

        email(page).get_by_text("It has a paragraph.").hover()

        expect(page.locator(".block .label")).to_contain_text("KB · line 7")
