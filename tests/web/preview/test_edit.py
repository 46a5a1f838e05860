"""Editing in the browser: the text beside its email, and saving that never overwrites another's changes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, FrameLocator, Page, expect

from tests.support.rendered_email import Scheme
from tests.web.preview.preview_server import NAME, Preview, running
from tests.web.preview.readers_preview import ISSUE, publish_with_readers
from tests.web.preview.test_actions import token


@pytest.fixture(scope="module")
def preview(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Preview]:
    with running(publish_with_readers(tmp_path_factory.mktemp("edit") / "news")) as preview:
        yield preview


@contextmanager
def send_state(browser: Browser, preview: Preview, *, width: int = 1280, scheme: Scheme = "light") -> Iterator[Page]:
    """Open the editor on the original issue; fails when the page's own script fails."""
    preview.save(ISSUE)
    context = browser.new_context(viewport={"width": width, "height": 720}, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(60_000)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    try:
        page.goto(f"{preview.url}/issues/chips/edit")
        page.wait_for_selector("#writing[data-ready]")
        yield page
        assert not wrong, wrong
    finally:
        context.close()


def email(page: Page) -> FrameLocator:
    return page.frame_locator("#stage iframe:not(.incoming)")


def on_disk(preview: Preview) -> str:
    return (preview.root / "issues" / NAME).read_text(encoding="utf-8")


def go_to(page: Page, words: str) -> None:
    """Put the caret after these words."""
    page.evaluate(
        """words => { const area = document.getElementById("text"); const at = area.value.indexOf(words) + words.length;
        area.focus(); area.setSelectionRange(at, at); area.dispatchEvent(new Event("click")); }""",
        words,
    )


def test_typed_text_is_shown_at_once_and_saved_only_on_request(browser: Browser, preview: Preview) -> None:
    with send_state(browser, preview) as page:
        expect(page.locator("#save")).to_be_disabled()
        go_to(page, "about wafers")
        page.keyboard.type(" and lenses 🔭")
        expect(email(page).get_by_text("about wafers and lenses 🔭.")).to_be_visible()
        expect(page.locator("#saved")).to_have_text("Not saved")
        assert on_disk(preview) == ISSUE
        page.keyboard.press("Control+s")
        expect(page.locator("#saved")).to_have_text("Saved")
        assert on_disk(preview) == ISSUE.replace("about wafers", "about wafers and lenses 🔭")
        page.keyboard.press("Control+z")
        expect(page.locator("#save")).to_be_enabled()


def test_a_mistake_is_underlined_at_its_line_with_its_words_and_the_last_email_stays(
    browser: Browser, preview: Preview
) -> None:
    with send_state(browser, preview) as page:
        go_to(page, "\n:::button")
        page.keyboard.type("s")
        expect(page.locator(".line .wrong.error")).to_have_text("buttons")
        expect(page.locator("#note")).to_contain_text('No block is named "buttons". Did you mean "button"?')
        expect(page.locator("#stage")).to_have_class("stage is-stale")
        expect(email(page).get_by_text("about wafers")).to_be_visible()
        expect(page.locator("#stale")).to_contain_text(
            'the last version that could be. Line 15: No block is named "buttons".'
        )
        page.locator("#problems-switch").click()
        page.evaluate("document.getElementById('text').setSelectionRange(0, 0)")
        page.locator("#problems button").first.click()
        expect(page.locator("#place")).to_have_text("Line 15, column 4")
        page.keyboard.press("Control+z")
        expect(page.locator("#problems-switch")).to_have_text("No problems")
        expect(page.locator(".line .wrong")).to_have_count(0)
        expect(page.locator("#stale")).to_be_hidden()


def test_a_block_is_inserted_from_the_menu_with_its_fields_and_undone_in_one_step(
    browser: Browser, preview: Preview
) -> None:
    with send_state(browser, preview) as page:
        go_to(page, "It has a")
        page.locator("#insert-block").select_option("quote")
        page.locator("#block [name=by]").fill('Ada "the first" Lovelace')
        page.get_by_role("button", name="Insert").click()
        page.keyboard.type("It weaves algebra.")
        expect(email(page).get_by_text("It weaves algebra.")).to_be_visible()
        expect(email(page).get_by_text('Ada "the first" Lovelace')).to_be_visible()
        text = page.locator("#text").input_value()
        assert ':::\n\n:::quote by="Ada \\"the first\\" Lovelace"\nIt weaves algebra.\n:::\n\n:::button' in text
        page.locator("#insert-block").select_option("divider")
        assert "\n\n:::divider /\n\n:::button" in page.locator("#text").input_value()
        page.keyboard.press("Control+z")
        assert page.locator("#text").input_value() == text


def test_every_kind_of_block_builds_as_it_is_inserted_whatever_its_fields_hold(
    browser: Browser, preview: Preview
) -> None:
    values = {
        "title": 'The "big" \\ story, {{ first_name | default("reader") }}',
        "url": "https://example.com/?a=b&c=d",
        "image": "images/chips.png",
        "src": "images/chips.png",
        "alt": "It's a chip",
        "name": "Acme = more",
        "width": "300",
    }
    with send_state(browser, preview) as page:
        kinds = page.locator("#insert-block option").all_inner_texts()[1:]
        for kind in kinds:
            go_to(page, "Read the full story\n:::")
            page.locator("#insert-block").select_option(kind)
            if page.locator("#block").is_visible():
                for name, value in values.items():
                    if page.locator(f"#block [name={name}]").count() and (kind, name) != ("sponsor", "id"):
                        page.locator(f"#block [name={name}]").fill(value)
                page.get_by_role("button", name="Insert").click()
            # The dialog is hidden before its block is written.
            expect(page.locator("#text")).to_have_value(re.compile(rf"^:::{kind}\b", re.MULTILINE))
        expect(email(page).get_by_text('The "big" \\ story, reader').first).to_be_visible()
        expect(page.locator("#stage")).not_to_have_class("stage is-stale")
        text = page.locator("#text").input_value()

    assert sorted(kinds) == sorted(
        {line.split()[0].strip(":") for line in text.split("\n") if line.startswith(":::")} - {""}
    )
    own = {"X-Newsletter-Token": token(preview)}
    assert preview.post(TYPED, data=text.encode(), headers=own).json()["failed"] is False


def test_tab_enter_and_marks_do_what_writers_expect(browser: Browser, preview: Preview) -> None:
    with send_state(browser, preview) as page:
        go_to(page, "about wafers.")
        page.keyboard.type("\n\n- one\ntwo\n\n\nthree")
        assert "- one\n- two\n\nthree\n:::" in page.locator("#text").input_value()
        page.keyboard.press("Tab")
        page.keyboard.press("Shift+Home")
        page.keyboard.press("Control+b")
        assert "**three  **" in page.locator("#text").input_value()
        page.keyboard.press("Escape")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == "problems-switch"


def test_a_file_that_changed_meanwhile_is_shown_beside_the_text_and_not_overwritten(
    browser: Browser, preview: Preview
) -> None:
    theirs = ISSUE.replace("about wafers", "about ovens")
    with send_state(browser, preview) as page:
        go_to(page, "about wafers")
        page.keyboard.type(" of mine")
        preview.save(theirs)
        expect(page.locator("#saved")).to_have_text("Changed on disk; saving shows both")
        page.keyboard.press("Control+s")
        dialog = page.locator("#conflict")
        expect(dialog.locator(".left mark")).to_have_text("ovens")
        expect(dialog.locator(".right mark").last).to_contain_text("of mine")
        assert on_disk(preview) == theirs
        page.get_by_role("button", name="Go on writing").click()
        assert on_disk(preview) == theirs
        page.locator("#save").click()
        page.get_by_role("button", name="Take the one on disk").click()
        expect(page.locator("#text")).to_have_value(theirs)
        page.keyboard.press("Control+z")
        page.keyboard.press("Control+s")
        expect(page.locator("#saved")).to_have_text("Saved")
        assert on_disk(preview) == ISSUE.replace("about wafers", "about wafers of mine")


def test_the_typed_text_overwrites_a_changed_file_only_by_a_decision(browser: Browser, preview: Preview) -> None:
    with send_state(browser, preview) as page:
        go_to(page, "about wafers")
        page.keyboard.type(" of mine")
        preview.save(ISSUE.replace("about wafers", "about ovens"))
        expect(page.locator("#saved")).to_have_text("Changed on disk; saving shows both")
        page.locator("#save").click()
        page.get_by_role("button", name="Overwrite it with mine").click()
        expect(page.locator("#saved")).to_have_text("Saved")
        assert on_disk(preview) == ISSUE.replace("about wafers", "about wafers of mine")


def test_without_unsaved_text_a_changed_file_is_simply_read_again(browser: Browser, preview: Preview) -> None:
    with send_state(browser, preview) as page:
        preview.save(ISSUE.replace("about wafers", "about ovens"))
        expect(page.locator("#saved")).to_have_text("Read anew: it was changed on disk")
        expect(email(page).get_by_text("about ovens")).to_be_visible()
        expect(page.locator("#save")).to_be_disabled()


def test_a_file_that_was_removed_meanwhile_comes_back_only_by_a_decision(browser: Browser, preview: Preview) -> None:
    file = preview.root / "issues" / NAME
    with send_state(browser, preview, width=375) as page:
        go_to(page, "about wafers")
        page.keyboard.type(" of mine")
        file.unlink()
        expect(page.locator("#saved")).to_contain_text("The file is gone")
        page.locator("#save").click()
        expect(page.locator("#conflict-title")).to_have_text("The file was removed meanwhile")
        page.keyboard.press("Escape")
        assert not file.exists()
        page.locator("#save").click()
        page.get_by_role("button", name="Overwrite it with mine").click()
        expect(page.locator("#saved")).to_have_text("Saved")
        assert on_disk(preview) == ISSUE.replace("about wafers", "about wafers of mine")


def test_an_issue_is_created_in_the_browser_and_can_be_edited_at_once(browser: Browser, preview: Preview) -> None:
    context = browser.new_context(viewport={"width": 375, "height": 720})
    page = context.new_page()
    page.goto(preview.url)
    page.get_by_role("button", name="New issue").click()
    page.locator("#new [name=title]").fill("…")
    page.get_by_role("button", name="Begin").click()
    expect(page.locator("#new-refusal")).to_contain_text("has no letter and no digit")
    page.locator("#new [name=title]").fill("Winter, explained")
    page.locator("#new [name=day]").fill("2025-02-01")
    page.keyboard.press("Enter")
    page.wait_for_selector("#writing[data-ready]")
    assert page.url == f"{preview.url}/issues/winter-explained/edit"
    page.goto(preview.url)
    page.keyboard.press("n")
    page.locator("#new [name=title]").fill("Winter, explained")
    page.locator("#new [name=day]").fill("2025-02-01")
    page.keyboard.press("Enter")
    expect(page.locator("#new-refusal")).to_contain_text("issues/2025-02-01-winter-explained.md: this issue exists")
    context.close()

    assert 'subject: "Winter, explained"' in (preview.root / "issues" / "2025-02-01-winter-explained.md").read_text()
    again = preview.post("/new?title=Winter, explained&day=2025-02-01", headers={"X-Newsletter-Token": token(preview)})
    assert (again.status_code, again.json()["message"].split(": ")[-1]) == (
        400,
        "this issue exists and is left as it is",
    )
    assert preview.post("/new?title=Stolen").status_code == 403


def test_an_issue_that_never_was_built_says_so_and_shows_no_empty_email(browser: Browser, preview: Preview) -> None:
    preview.save("---\nsubject: [\n---\n", "issues/2025-02-02-unbuilt.md")
    page = browser.new_page()
    page.goto(f"{preview.url}/issues/unbuilt/edit")

    expect(page.locator("#stale")).to_contain_text("Not built yet. Line 3: The front matter is not YAML")
    expect(page.locator("#stage .device")).to_be_hidden()
    page.close()


def test_two_windows_on_one_issue_see_each_others_saves(browser: Browser, preview: Preview) -> None:
    with send_state(browser, preview) as one, send_state(browser, preview) as other:
        go_to(one, "about wafers")
        one.keyboard.type(" of one")
        one.keyboard.press("Control+s")
        expect(one.locator("#saved")).to_have_text("Saved")
        expect(other.locator("#saved")).to_have_text("Read anew: it was changed on disk")
        assert "of one" in other.locator("#text").input_value()
        expect(email(other).get_by_text("about wafers of one")).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), [(375, "dark"), (1280, "light")])
def test_the_drawn_lines_lie_under_the_words_that_are_typed(
    browser: Browser, preview: Preview, width: int, scheme: Scheme
) -> None:
    with send_state(browser, preview, width=width, scheme=scheme) as page:
        page.locator("#text").fill(
            ISSUE + "A long line with words and an https://example.com/address/that/wraps. " * 12
        )
        lines, area = (page.locator(each).evaluate("element => element.scrollHeight") for each in ("#lines", "#text"))
        assert lines == area
        assert page.evaluate("document.documentElement.scrollWidth") == width
        if width == 375:
            page.locator("#sides [value=email]").check()
        expect(email(page).get_by_text("A long line with words").first).to_be_visible()
        email(page).get_by_text("It has a paragraph").click()
        expect(page.locator("#place")).to_have_text("Line 12, column 1")


SAVE = "/issues/chips/save"
TYPED = "/issues/chips/typed/somebody"


@pytest.mark.parametrize("name", ["../newsletter.toml", "../chips.md", "..%2Fchips.md", "", "other.md", "sub/chips.md"])
def test_only_the_issues_own_file_can_be_written(preview: Preview, name: str) -> None:
    files = {path: path.read_bytes() for path in preview.root.rglob("*") if path.suffix in (".md", ".toml")}

    answer = preview.post(f"{SAVE}?name={name}&over=", data=b"stolen", headers={"X-Newsletter-Token": token(preview)})

    assert answer.status_code == 400
    assert files == {path: path.read_bytes() for path in preview.root.rglob("*") if path.suffix in (".md", ".toml")}


@pytest.mark.parametrize("slug", ["..%2Fnewsletter", "%2e%2e%2fnewsletter.toml", "nothing", ".hidden"])
def test_only_issue_files_can_be_read(preview: Preview, slug: str) -> None:
    answer = preview.get(f"/issues/{slug}/manuscript")

    assert answer.status_code == 404
    assert "publication]" not in answer.text


def test_a_text_that_is_too_long_or_no_text_is_refused_and_nothing_is_written(preview: Preview) -> None:
    preview.save(ISSUE)
    digest = preview.get("/issues/chips/manuscript").json()["digest"]
    own = {"X-Newsletter-Token": token(preview)}

    answers = [
        preview.post(f"{SAVE}?name={NAME}&over={digest}", data=body, headers=own)
        for body in (b"x" * (1024 * 1024 + 1), b"\xff\xfe", b"a\0b")
    ]

    assert [answer.status_code for answer in answers] == [413, 400, 400]
    assert on_disk(preview) == ISSUE


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_editor_has_no_accessibility_barrier(browser: Browser, preview: Preview, scheme: Scheme) -> None:
    with send_state(browser, preview, scheme=scheme) as page:
        go_to(page, "\n:::button")
        page.keyboard.type("s")
        expect(page.locator("#problems-switch")).to_have_text("1 problem")
        page.locator("#problems-switch").click()
        assert barriers(page) == []
        preview.save(ISSUE.replace("wafers", "ovens"))
        expect(page.locator("#saved")).to_have_text("Changed on disk; saving shows both")
        page.locator("#save").click()
        expect(page.locator("#conflict")).to_be_visible()
        assert barriers(page) == []
        for path in ("?panel=readers", "?panel=act", "/compare?with=issue:chips"):
            page.goto(f"{preview.url}/issues/chips{path}")
            page.wait_for_selector(".variant, #schedule, .verdict")
            assert barriers(page) == [], path


def barriers(page: Page) -> list[str]:
    """Return the serious findings of axe-core, without those in emails, which other tests check."""
    found = Axe().run(page, options={"iframes": False}).response["violations"]
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:120]}" for one in found if one["impact"] in ("serious", "critical")
    ]
