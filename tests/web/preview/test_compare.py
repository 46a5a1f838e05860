"""Comparing an issue with its other versions, and with another issue."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.support.programs import program
from tests.web.preview.preview_server import NAME, Preview, opened, running
from tests.web.preview.readers_preview import ISSUE, publish_with_readers


@pytest.fixture(scope="module")
def preview(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Preview]:
    root = publish_with_readers(tmp_path_factory.mktemp("compare") / "news")
    for arguments in (["init"], ["add", "issues"], ["commit", "--message=An issue"]):
        named = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
        subprocess.run([program("git"), *named, *arguments], cwd=root, check=True, capture_output=True, timeout=60)
    schedule = [*("schedule", "chips", "--at", "2099-01-17 07:00", "--yes", "--allow", "NL")]
    from click.testing import CliRunner

    from newsletter.cli.main import cli

    done = CliRunner().invoke(cli, ["--config", str(root / "newsletter.toml"), *schedule])
    assert done.exit_code == 0, done.output
    with running(root) as preview:
        preview.save(ISSUE.replace("paragraph about wafers", "paragraph about lenses"))
        preview.save(ISSUE.replace("Chip rules and a camera", "Another issue"), "issues/2025-01-18-other.md")
        yield preview


def test_the_words_that_changed_since_the_last_commit_are_marked(browser: Browser, preview: Preview) -> None:
    with opened(browser, preview, "/issues/chips") as page:
        page.get_by_role("link", name="Compare").click()
        expect(page.locator(".verdict")).to_contain_text("1 difference")
        expect(page.locator(".left mark")).to_have_text("wafers")
        expect(page.locator(".right mark")).to_have_text("lenses")
        expect(page.locator(".sides")).to_contain_text("Commit ")


def test_both_emails_stand_side_by_side_and_scroll_together(browser: Browser, preview: Preview) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 500})
    page = context.new_page()
    page.goto(f"{preview.url}/issues/chips/compare?with=issue:other&shape=html&reader=known")
    cells = page.locator(".emails .cell")
    for number, words in enumerate(("wafers", "lenses")):
        inside = cells.nth(number).frame_locator("iframe:not(.incoming)")
        expect(inside.get_by_text(words)).to_be_visible()
        expect(inside.get_by_text("Good morning Ada.")).to_be_visible()
    left, right = (cells.nth(number).locator(".scroll") for number in (0, 1))
    left.evaluate("element => element.scrollTo(0, 200)")
    follows = "element => Math.abs(element.scrollTop - 200) < 20"
    page.wait_for_function(follows, arg=right.element_handle(), timeout=60_000)
    context.close()


def test_a_campaigns_approved_version_is_compared_with_the_file(browser: Browser, preview: Preview) -> None:
    context = browser.new_context(viewport={"width": 375, "height": 720}, color_scheme="dark")
    page = context.new_page()
    page.goto(f"{preview.url}/issues/chips/compare")
    page.locator("#with").select_option("campaign:1")
    expect(page.locator(".left mark")).to_have_text("wafers")
    expect(page.locator(".verdict")).to_contain_text("As it was approved, word for word.")
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    context.close()


@pytest.mark.parametrize("key", ["campaign:9", "issue:nothing", "nonsense", "head:../../etc"])
def test_a_version_that_cannot_be_compared_says_why_and_another_can_be_chosen(preview: Preview, key: str) -> None:
    answer = preview.get("/issues/chips/compare", params={"with": key})

    assert answer.status_code == 200
    assert "Choose something else to compare with." in answer.text
    assert preview.get("/issues/chips/compare/frame", params={"version": key}).status_code == 200


def test_a_file_that_does_not_build_is_named_on_the_page(preview: Preview) -> None:
    text = (preview.root / "issues" / NAME).read_text()
    preview.save(":::qoute\n")
    broken = preview.get("/issues/chips/compare").text
    preview.save(text)

    assert "The file now cannot be built" in broken
