"""The web page of an issue: its description for search engines, and no trace of what only email needs."""

from __future__ import annotations

import json
from pathlib import Path

from lxml import html

from newsletter.messages.types import WebPage
from tests.support.writing import PNG, built


def page(folder: Path, front: str, body: str = "Hello.") -> WebPage:
    return built(folder, body, front).page


def meta(page: WebPage) -> dict[str, str]:
    elements = html.document_fromstring(page.html).xpath("//meta[@content]")
    return {element.get("property") or element.get("name") or "": element.get("content") for element in elements}


def test_previews_of_links_show_title_description_and_picture(publication_folder: Path) -> None:
    (publication_folder / "chips.png").write_bytes(PNG)
    article = ':::article title="A" image=chips.png alt="A \\"chip\\""\nText.\n:::'
    told = meta(page(publication_folder, 'subject: "Chips & <b>"\npreheader: What "it" means', article))

    assert told["og:title"] == "Chips & <b>"
    assert told["description"] == told["og:description"] == 'What "it" means'
    assert told["og:url"] == "https://news.example.com/issues/hello"
    assert told["og:image"] == "https://news.example.com/images/chips.png"
    assert told["og:image:alt"] == 'A "chip"'


def test_merge_tags_are_filled_for_nobody_and_no_reader_is_in_a_description(publication_folder: Path) -> None:
    body = "Dear {{ first_name }}, this one is about you.\n\n" + "What everybody may read stands here. " * 9
    told = page(publication_folder, "subject: \"{{ first_name | default('Friends') }}, hello\"", body).about

    assert told.title == "Friends, hello"
    assert told.description.startswith("What everybody may read")
    assert len(told.description) <= 201


def test_the_facts_for_search_engines_cannot_end_their_element(publication_folder: Path) -> None:
    made = page(publication_folder, 'subject: "</script><script>alert(1)</script>"')

    (script,) = html.document_fromstring(made.html).xpath("//script")
    assert json.loads(script.text)["headline"] == "</script><script>alert(1)</script>"


def test_what_only_mail_programs_need_is_not_on_the_page(publication_folder: Path) -> None:
    made = page(publication_folder, "subject: x\npreheader: The line for inboxes").html

    assert "[if mso" not in made
    assert "data-ogsc" not in made
    assert "display:none" not in made
    assert made.count("<main>") == made.count("</main>") == 1


def test_an_issue_kept_off_the_web_offers_its_readers_no_page(publication_folder: Path) -> None:
    private = built(publication_folder, "Hello.", "subject: x\narchive: false")

    assert "View in browser" not in private.message.html + private.message.text
    assert not private.page.about.archived
