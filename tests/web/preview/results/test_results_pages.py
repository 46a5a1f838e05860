"""The pages of results: the same figures as `newsletter stats`, as pictures with a table behind each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, expect

from newsletter.database.tables import campaign as campaigns
from tests.conftest import Run
from tests.support.html_tables import cells
from tests.support.rendered_email import Scheme
from tests.support.sent_campaigns import send_campaign
from tests.web.preview.preview_server import Preview, publish, running
from tests.web.preview.readers_preview import NOW, open_publication_database, publish_with_readers
from tests.web.preview.results.sent_news import CLICKED, LINK, READERS, click, publish_sent

RESULTS, OF_ISSUE = "/results", "/issues/chips/results"
MOST_BYTES = 200_000
READY = {"/": "#home", "/issues/chips?panel=results": "#panel-results .funnel"}
AXE = "async () => (await axe.run(document, {resultTypes: ['violations']})).violations.map((each) => each.id)"


@pytest.fixture(scope="module")
def preview(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Preview]:
    root = tmp_path_factory.mktemp("results") / "news"
    publish_sent(root)
    with running(root) as preview:
        yield preview


def stats(preview: Preview, newsletter: Run, *words: str) -> Any:
    return json.loads(newsletter("stats", *words, "--json", cwd=preview.root).stdout)


def test_results_say_what_stats_says(preview: Preview, newsletter: Run) -> None:
    said, html = stats(preview, newsletter), preview.get(RESULTS).text

    for name in ("active", "pending", "unsubscribed", "suppressed"):
        assert cells(html, name.capitalize())[0] == str(said["readers"][name])
    for day in said["growth"]:
        net = day["joined"] - day["left"]
        assert cells(html, day["day"]) == [str(number) for number in (day["joined"], day["left"], net, day["active"])]
    row = said["campaigns"][0]
    assert cells(html, "Chip rules and a camera")[1:] == [
        f"{row['accepted']}",
        f"{row['delivered']} 92.1 %",
        f"{row['clicked']} 20.0 %",
        "0 0.0 %",
        "0 0.0 %",
    ]


def test_an_issues_results_say_what_stats_says(preview: Preview, newsletter: Run) -> None:
    said, html = stats(preview, newsletter, "chips"), preview.get(OF_ISSUE).text

    assert [cells(html, step)[0] for step in ("Audience", "Accepted", "Delivered", "Clicked", "Left")] == [
        str(said[name]) for name in ("audience", "accepted", "delivered", "clicked", "unsubscribed")
    ]
    assert [cells(html, words)[0] for words in ("The mailbox does not exist", "Refused by a policy")] == ["1", "1"]
    links = re.findall(r'data-link="(\d+)" data-clicks="(\d+)"', html)
    assert links == [(str(link["number"]), str(link["clicks"])) for link in said["links"]]
    assert cells(html, "example.com")[:2] == ["38", "35 92.1 %"]


def test_nobody_who_joined_or_left_has_no_sign(preview: Preview) -> None:
    html = preview.get(RESULTS).text

    assert '<span class="name">Joined in 30 days</span><b>0</b>' in html
    assert '<span class="name">Left in 30 days</span><b>0</b>' in html


def test_every_chart_has_its_table(preview: Preview) -> None:
    for path in (RESULTS, OF_ISSUE):
        html = preview.get(path).text
        charts = re.findall(r'class="plot"[^>]*? data-table="(\w+)" data-columns="([\w ]+)"', html)
        assert charts
        for table, columns in charts:
            head = re.search(rf'<table[^>]* id="{table}".*?</thead>', html, re.DOTALL)
            assert head
            assert all(f'data-name="{column}"' in head[0] for column in columns.split())


def test_each_figure_says_what_it_cannot_say(preview: Preview) -> None:
    for path in (RESULTS, OF_ISSUE):
        html = preview.get(path).text
        assert "It may lie in the spam folder." in html
        assert "Gmail reports no single complaints." in html
    assert "Mail programs load pictures unread" in preview.get(OF_ISSUE).text


def test_span_and_number_of_campaigns_are_chosen_and_nonsense_is_the_default(preview: Preview) -> None:
    year = preview.get(f"{RESULTS}?days=365").text
    assert "by week" in year
    assert year.count('data-short="') <= 60
    assert "by day" in preview.get(f"{RESULTS}?days=-1&campaigns=x").text


def test_figures_that_are_shown_already_are_not_sent_again(preview: Preview) -> None:
    for path in (RESULTS, OF_ISSUE):
        mark = re.search(r'data-mark="(.*?)"', preview.get(path).text)
        assert mark
        etag = mark[1].replace("&#34;", '"')

        again = preview.get(f"{path}/figures?campaign=1", headers={"If-None-Match": etag})

        assert (again.status_code, again.content) == (304, b"")
        assert preview.get(f"{path}/figures", headers={"If-None-Match": '"other"'}).headers["ETag"] == etag


def test_another_campaign_than_the_issues_own_is_not_found(preview: Preview) -> None:
    for wrong in ("999", "x"):
        assert preview.get(f"{OF_ISSUE}?campaign={wrong}").status_code == 404
        assert preview.get(f"{OF_ISSUE}/email?campaign={wrong}").status_code == 404
    assert preview.get("/issues/never/results").status_code == 404


def test_results_outlive_the_issues_file(preview: Preview) -> None:
    file = preview.root / "issues" / "2025-01-17-chips.md"
    text = file.read_text(encoding="utf-8")
    file.unlink()
    try:
        assert cells(preview.get(OF_ISSUE).text, "Accepted")[0] == "38"
        assert LINK in preview.get(f"{OF_ISSUE}/email").text
    finally:
        file.write_text(text, encoding="utf-8")


def test_the_email_of_the_results_is_the_one_that_was_sent_and_runs_nothing(preview: Preview) -> None:
    answer = preview.get(f"{OF_ISSUE}/email")

    assert answer.text.count('data-nl-link="') >= 3
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "/c/" not in answer.text  # a click here must not be counted as a reader's


def test_without_readers_and_campaigns_the_pages_say_how_to_begin(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running(publish(tmp_path_factory.mktemp("none") / "news")) as preview:
        assert "Nothing to show yet" in preview.get(RESULTS).text
        assert "This issue was not sent yet" in preview.get(OF_ISSUE).text
        assert "This issue was not sent yet" in preview.get(f"{OF_ISSUE}/panel").text
        assert not list(preview.root.glob("*.db"))


@pytest.mark.parametrize(
    ("level", "words"),
    [("none", "Clicks are not counted: tracking is off."), ("aggregate", f"{CLICKED} clicks; by how many readers")],
)
def test_figures_that_nobody_counts_are_not_drawn_as_nought(
    tmp_path_factory: pytest.TempPathFactory, level: str, words: str
) -> None:
    root = tmp_path_factory.mktemp(level) / "news"
    publish_sent(root, level=level)
    with running(root) as preview:
        clicked = cells(preview.get(OF_ISSUE).text, "Clicked")
        assert clicked[0] == "–"
        assert clicked[1].startswith(words)
        assert "not counted" in preview.get(RESULTS).text or f"{CLICKED} clicks" in preview.get(RESULTS).text


def test_a_provider_that_reports_no_delivery_is_not_shown_as_one_that_delivered_to_nobody(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    root = tmp_path_factory.mktemp("silent") / "news"
    publish_sent(root, delivered=0)
    with running(root) as preview:
        figures, of_issue = preview.get(RESULTS).text, preview.get(OF_ISSUE).text

    assert cells(figures, "Chip rules and a camera")[2] == "not reported"
    assert cells(of_issue, "Delivered")[0] == "–"
    assert cells(of_issue, "Delivered")[1].startswith("Not reported: the provider tells nothing after")
    assert 'data-long="2 h">2</th><td>–</td>' in of_issue
    assert 'data-columns="delivered"' not in of_issue
    for html in (figures, of_issue):
        assert "–" in cells(html, "example.com")


def test_campaigns_that_a_page_has_no_room_for_are_counted(tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("many") / "news"
    publish_with_readers(root, 1)
    with open_publication_database(root) as database:
        for number in range(201):
            send_campaign(database, f"issue-{number}", [1], NOW + number * timedelta(days=1))
    with running(root) as preview:
        assert "Show the last 200" in preview.get(RESULTS).text
        assert "1 older: <code>newsletter stats --json</code>" in preview.get(f"{RESULTS}?campaigns=200").text


@contextmanager
def opened_results(
    browser: Browser, preview: Preview, path: str, *, width: int = 1280, scheme: Scheme = "light"
) -> Iterator[Page]:
    """Open a page and wait until its charts and the email in it are drawn; fails when its script fails."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    try:
        page = context.new_page()
        page.set_default_timeout(60_000)
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: errors.append(line.text) if "Content Security Policy" in line.text else None)
        page.goto(preview.url + path)
        page.locator(READY.get(path, "[data-ready]")).first.wait_for()
        yield page
        assert errors == []
    finally:
        context.close()


def test_clicks_lie_over_the_email_at_their_links_and_follow_the_campaign(preview: Preview, browser: Browser) -> None:
    with opened_results(browser, preview, OF_ISSUE) as page:
        expect(page.locator(".clicks[data-link]:not(.none)")).to_have_text([str(CLICKED)] * 2)
        link = page.frame_locator("#letter iframe:not(.incoming)").get_by_text("The whole story").bounding_box()
        badge = page.locator(".clicks:not(.none)").first.bounding_box()
        assert link
        assert badge
        assert 0 <= badge["x"] - (link["x"] + link["width"]) < 10
        assert abs(badge["y"] - link["y"]) < 20
        expect(page.locator(".clicks.none").first).to_have_text("0")
        number = int(page.locator(".clicks:not(.none)").first.get_attribute("data-link") or "")

        with open_publication_database(preview.root) as database:
            with database.read() as connection:
                campaign = connection.execute(campaigns.select()).one().id
            click(database, campaign, number, [READERS - 10])
        expect(page.locator(".clicks:not(.none)")).to_have_text([str(CLICKED + 1)] * 2)
        expect(page.locator(".funnel tr", has_text="Clicked").locator("td").first).to_have_text(str(CLICKED + 1))

        page.locator(f'[data-show="{number}"]').click()
        expect(page.locator(f'.clicks.is-chosen[data-link="{number}"]').first).to_be_visible()


def test_a_chart_is_read_with_the_arrow_keys(preview: Preview, browser: Browser) -> None:
    with opened_results(browser, preview, RESULTS) as page:
        chart = page.get_by_role("slider", name="Active readers")
        last = chart.get_attribute("aria-valuetext")
        chart.focus()
        page.keyboard.press("Home")
        page.keyboard.press("ArrowRight")

        expect(chart).to_have_attribute("aria-valuenow", "1")
        rows = page.locator("#growth tbody tr")
        day = rows.nth(1).locator("th").text_content()
        expect(page.locator(".readout", has_text=f"Active {READERS} · {day}")).to_be_visible()
        page.keyboard.press("End")
        expect(chart).to_have_attribute("aria-valuetext", last or "")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", RESULTS, OF_ISSUE, "/issues/chips?panel=results"])
def test_axe_finds_no_barrier_and_no_page_is_wider_than_a_phone(
    preview: Preview, browser: Browser, path: str, scheme: Scheme
) -> None:
    with opened_results(browser, preview, path, width=375, scheme=scheme) as page:
        page.evaluate(AXE_SCRIPT)

        assert page.evaluate(AXE) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("path", [RESULTS, OF_ISSUE])
def test_a_page_loads_at_most_200_kb_and_nothing_from_elsewhere(preview: Preview, browser: Browser, path: str) -> None:
    answers: list[tuple[str, int]] = []
    with opened_results(browser, preview, "/") as page:
        page.on("requestfinished", lambda each: answers.append((each.url, each.sizes()["responseBodySize"])))
        page.goto(preview.url + path)
        page.locator("[data-ready]").wait_for()

        own = [(url, size) for url, size in answers if "/images/" not in url]
        assert all(url.startswith(preview.url) for url, _ in answers)
        assert 60_000 < sum(size for _, size in own) < MOST_BYTES
