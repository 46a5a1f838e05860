"""The build: text survives the compilers, and nothing is loaded that a build does not need."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from pathlib import Path

import pytest

from newsletter.config import load_publication
from newsletter.errors import NewsletterError
from newsletter.rendering.build import build_issue, sample_mailing, sample_recipient
from newsletter.rendering.output_files import files
from tests import ROOT
from tests.support.writing import PNG, built, message_for, write

AWKWARD = ["❤️", "👩‍💻", "हिन्दी", "é", "مرحبا", 'say "hi"', "it's", "a\\b", "a\u00a0b", "x < y & z > w", "ไทย"]


@pytest.mark.parametrize("words", AWKWARD)
def test_any_words_survive_in_an_attribute(publication_folder: Path, words: str) -> None:
    (publication_folder / "chip.png").write_bytes(PNG)
    value = words.replace("\\", "\\\\").replace('"', '\\"')
    built_issue = built(publication_folder, f':::image src=chip.png alt="{value}" /')
    alts = [
        html.unescape(a or b)
        for a, b in re.findall(r"<img [^>]*alt=(?:\"([^\"]*)\"|'([^']*)')", built_issue.message.html)
    ]
    assert words in alts


@pytest.mark.parametrize("words", AWKWARD)
def test_any_words_survive_in_text_in_a_title_and_in_the_subject(publication_folder: Path, words: str) -> None:
    value = words.replace("\\", "\\\\").replace('"', '\\"')
    front = "subject: '" + words.replace("'", "''") + "'"
    built_issue = built(
        publication_folder, f':::article title="{value}"\n{words.replace(chr(92), chr(92) * 2)}\n:::', front
    )
    text = html.unescape(re.sub(r"<[^>]*>", "", built_issue.message.html))
    assert text.count(words) >= 3  # <title>, the headline, the body
    assert built_issue.message.subject == words


def test_a_merge_tag_works_in_text_in_a_link_in_an_attribute_and_in_the_subject(publication_folder: Path) -> None:
    (publication_folder / "chip.png").write_bytes(PNG)
    body = """
Hello {{ first_name | default("there") }}.

[Your page](https://example.com/?who={{ first_name | default("nobody") }}&x=1)

:::image src=chip.png alt="For {{ first_name | default("you") }}" /
"""
    built_issue = built(publication_folder, body, 'subject: "Hi {{ first_name | default("friend") }}"')
    ada, nobody = message_for(built_issue, first_name='A "&" B'), message_for(built_issue)
    assert (ada.subject, nobody.subject) == ('Hi A "&" B', "Hi friend")
    assert "Hello A &quot;&amp;&quot; B." in ada.html
    assert "Hello there." in nobody.html
    assert 'href="https://example.com/?who=A%20%22%26%22%20B&amp;x=1"' in ada.html
    assert 'alt="For A &quot;&amp;&quot; B"' in ada.html
    assert 'alt="For you"' in nobody.html
    assert "Your page <https://example.com/?who=A%20%22%26%22%20B&x=1>" in ada.text


def test_quotes_that_yaml_makes_an_author_double_or_escape_are_the_tags_own(publication_folder: Path) -> None:
    doubled = built(publication_folder, "x", "subject: 'Hi {{ first_name | default(''friend'') }}'")
    escaped = built(publication_folder, "x", 'subject: "Hi {{ first_name | default(\\"friend\\") }}"')
    assert message_for(doubled).subject == message_for(escaped).subject == "Hi friend"


def test_a_condition_around_a_paragraph_leaves_no_empty_paragraph(publication_folder: Path) -> None:
    body = 'Before.\n\n{% if first_name == "Ada" %}\nOnly for *Ada*.\n{% else %}\nFor the rest.\n{% endif %}\n\nAfter.'
    built_issue = built(publication_folder, body)
    ada, bob = message_for(built_issue, first_name="Ada"), message_for(built_issue, first_name="Bob")
    assert "Only for <em" in ada.html
    assert "For the rest." not in ada.html
    assert "For the rest." in bob.html
    assert "Only for" not in bob.html
    assert "Before.\n\nOnly for Ada.\n\nAfter." in ada.text
    assert re.search(r"Before\.</p>\s*<p[^>]*>For the rest\.</p>\s*<p[^>]*>After\.</p>", bob.html)


def test_a_condition_around_a_whole_block_takes_the_blocks_tables_with_it(publication_folder: Path) -> None:
    body = (
        '{% if first_name == "Ada" %}\n:::note title="Psst"\nA secret.\n:::\n'
        '{% elif first_name %}\n:::note title="Hm"\nNothing.\n:::\n{% endif %}\n\nBye.'
    )
    built_issue = built(publication_folder, body)
    for fields, shown in (({"first_name": "Ada"}, "A secret."), ({"first_name": "Bob"}, "Nothing."), ({}, "")):
        page = message_for(built_issue, **fields).html
        assert {words for words in ("A secret.", "Nothing.") if words in page} == ({shown} if shown else set())
        assert page.count("<table") == page.count("</table>")
        assert page.count("<div") == page.count("</div>")
        assert page.count("<!--[if mso | IE]>") == page.count("<![endif]-->") - page.count(
            "<!--[if !mso]>"
        ) - page.count("<!--[if mso]>") - page.count("<!--[if lte mso 11]>")


def test_a_condition_works_inside_a_line(publication_folder: Path) -> None:
    built_issue = built(
        publication_folder, "You read {% if first_name %}as {{ first_name }}{% else %}unnamed{% endif %}."
    )
    assert "You read as Ada." in message_for(built_issue, first_name="Ada").text
    assert "You read unnamed." in message_for(built_issue).html


def test_escaped_braces_are_braces(publication_folder: Path) -> None:
    front = r"subject: 'Write \{{ first_name }}'"
    built_issue = built(publication_folder, r"Write \{{ first_name }} or \{% if %}, and `\{{ code }}`.", front)
    page = message_for(built_issue, first_name="Ada")
    assert "Write {{ first_name }} or {% if %}, and {{ code }}." in page.text
    assert "{{ code }}</code>" in page.html
    assert page.subject == "Write {{ first_name }}"


def test_text_that_looks_like_our_own_tokens_stays_as_it_is(publication_folder: Path) -> None:
    built_issue = built(publication_folder, "NLM00000xNL and NLB00000xNL and {{ first_name }}")
    assert "NLM00000xNL and NLB00000xNL and Ada" in message_for(built_issue, first_name="Ada").text
    assert "NLM00000xNL and NLB00000xNL and Ada" in message_for(built_issue, first_name="Ada").html


@pytest.mark.parametrize("around", ["{}", ":::note\n{}\n:::", "- Item\n\n{}", "Words.\n\n{}\n\nMore words."])
def test_blank_lines_in_code_are_in_both_parts(publication_folder: Path, around: str) -> None:
    code = "```python\nimport os\n\n\ndef a():\n    return 1\n```"
    indent = "  " if around.startswith("- ") else ""
    lines = "\n".join(f"{indent}{line}" if line else "" for line in code.split("\n"))
    message = built(publication_folder, around.format(lines)).message
    assert "import os\n\n\ndef a():\n    return 1" in html.unescape(re.sub(r"<[^>]*>", "", message.html))
    assert "import os\n\n\ndef a():\n    return 1" in re.sub(r"(?m)^ +(?=import|def|$)|^ +(?=    r)", "", message.text)


def test_raw_html_is_shown_as_text_and_comments_are_dropped(publication_folder: Path) -> None:
    body = "<script>alert(1)</script> <!-- {{ nonsense --> end\n\n<!-- nl-ignore NL210: why\n two lines -->\n\n<b>x</b>"
    built_issue = built(publication_folder, body)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in built_issue.message.html
    assert "nonsense" not in built_issue.message.html
    assert "nl-ignore" not in built_issue.message.html + built_issue.message.text
    assert "&lt;b&gt;x&lt;/b&gt;" in built_issue.message.html


def test_the_finished_html_keeps_its_doctype_media_queries_importance_and_picture_widths(
    publication_folder: Path,
) -> None:
    (publication_folder / "chip.png").write_bytes(PNG)
    page = built(publication_folder, "![A chip](chip.png)\n\n:::image src=chip.png alt=Chip width=300 /").message.html
    assert page.startswith("<!DOCTYPE html>")
    assert "@media" in page
    assert "prefers-color-scheme: dark" in page
    assert "!important" in page
    widths = re.findall(r"<img [^>]*width=\"([^\"]*)\"", page)
    assert widths
    assert all(width.isdigit() for width in widths)
    assert "data-premailer" not in page
    assert "fonts.googleapis" not in page


def test_nothing_of_ours_is_left_in_a_message(publication_folder: Path) -> None:
    built_issue = built(publication_folder, "Hello {{ first_name }}.\n\n- {{ email }}")
    for content in files(built_issue.theme.publication, built_issue).values():
        assert not re.search(rb"NL[MBL]\d{5}xNL", content)


def test_two_builds_are_byte_for_byte_equal(publication_folder: Path) -> None:
    body = "Hello {{ first_name }}.\n\n:::news\n- [A](https://example.com/a) One.\n:::"
    first, second = built(publication_folder, body), built(publication_folder, body)
    assert first.message == second.message
    assert files(first.theme.publication, first) == files(second.theme.publication, second)


def test_the_digest_changes_with_an_expression_and_not_with_the_way_it_is_spaced(publication_folder: Path) -> None:
    plain, spaced, other = (
        built(publication_folder, body).message.digest for body in ("{{email}}", "{{ email }}", "{{ first_name }}")
    )
    assert plain == spaced != other


def test_the_date_of_the_built_email_is_the_issues_day_at_midnight(publication_folder: Path) -> None:
    built_issue = built(publication_folder, "x")
    publication = built_issue.theme.publication
    raw = sample_mailing(publication, built_issue).mime(sample_recipient(publication, built_issue.issue.slug))
    assert b"\r\nDate: Fri, 17 Jan 2025 00:00:00 -0500\r\n" in raw


def test_an_arabic_publication_reads_from_right_to_left(publication_folder: Path) -> None:
    config = publication_folder / "newsletter.toml"
    config.write_text(config.read_text().replace('timezone = "America/New_York"', 'language = "ar"'))
    page = built(publication_folder, ":::quote by=Ada\nمرحبا\n:::").message.html
    assert '<html lang="ar" dir="rtl"' in page
    assert re.search(r'<div [^>]*role="article"[^>]*lang="ar" dir="rtl"', page)


def test_the_web_page_has_a_form_and_nobodys_links(publication_folder: Path) -> None:
    page = built(publication_folder, "Hello {{ first_name | default('there') }}, {{ email }}.").page.html
    assert "<form" in page
    assert 'name="email"' in page
    assert "/unsubscribe/" not in page
    assert "/preferences/" not in page
    assert "Hello there, ." in page


def test_signup_false_leaves_the_block_out_and_a_block_in_the_issue_takes_its_place(publication_folder: Path) -> None:
    usual = built(publication_folder, "x").message
    without = built(publication_folder, "x", "subject: x\nsignup: false").message
    placed = built(publication_folder, ":::signup heading=Join! /\n\nx").message
    for part in ("html", "text"):
        assert getattr(usual, part).count("Join our daily newsletter") == 1
        assert "Join our daily newsletter" not in getattr(without, part)
        assert "Join!" in getattr(placed, part)
        assert "Join our daily newsletter" not in getattr(placed, part)


def test_a_publication_adds_a_block_with_a_template_of_its_own(publication_folder: Path) -> None:
    blocks = publication_folder / "templates" / "blocks"
    blocks.mkdir(parents=True)
    template = """{# fields: title* url; positional: url; body: markdown #}
<mj-section><mj-column><mj-text>{{ title }} / {{ url }} / {{ body }}</mj-text></mj-column></mj-section>"""
    (blocks / "event.mjml").write_text(template)
    message = built(publication_folder, ":::event https://example.com/e title='A & B'\nCome *all*.\n:::").message
    assert re.search(r"A &amp; B / https://example\.com/e / <p[^>]*>Come <em[^>]*>all</em>", message.html)
    assert "A & B\n\nCome all.\n\n<https://example.com/e>" in message.text


@pytest.mark.parametrize(
    ("template", "place"),
    [
        ("{{ titel }}", "templates/blocks/note.mjml:2"),
        ("{% if %}", "templates/blocks/note.mjml:2"),
        ("<mj-text><p></mj-text>", "templates/"),
    ],
)
def test_a_mistake_in_a_template_is_one_error_at_its_line(publication_folder: Path, template: str, place: str) -> None:
    blocks = publication_folder / "templates" / "blocks"
    blocks.mkdir(parents=True)
    (blocks / "note.mjml").write_text(
        f"<mj-section><mj-column><mj-text>\n{template}</mj-text></mj-column></mj-section>"
    )
    with pytest.raises(NewsletterError) as caught:
        built(publication_folder, ":::note\nx\n:::")
    assert caught.value.place == place


def test_a_picture_is_named_by_the_address_readers_load_it_from(publication_folder: Path) -> None:
    (publication_folder / "images").mkdir()
    (publication_folder / "images" / "a chip.png").write_bytes(PNG)
    page = built(publication_folder, ':::image src="images/a chip.png" alt="" /').message.html
    assert 'src="https://news.example.com/images/a%20chip.png"' in page


def test_building_needs_no_database_no_provider_and_no_network_library(newsletter, publication_folder: Path) -> None:  # type: ignore[no-untyped-def]
    path = write(publication_folder, "---\nsubject: x\n---\nHello.\n")
    code = f"""
import sys
from pathlib import Path
from newsletter.rendering.build import build_issue
from newsletter.config import load_publication
build_issue(load_publication(Path("newsletter.toml").absolute()), Path({str(path)!r}))
loaded = {{name.split(".")[0] for name in sys.modules}}
print(sorted(loaded & {{"sqlalchemy", "alembic", "rich", "uvicorn", "starlette"}}))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=publication_folder, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_threads_may_import_requests_while_an_issue_is_built(publication_folder: Path) -> None:
    path = write(publication_folder, "---\nsubject: x\n---\nHello.\n")
    code = f"""
import sys
from pathlib import Path
from threading import Thread
from newsletter.rendering.build import build_issue
from newsletter.config import load_publication
def fetch():
    import requests
    sys.stdout.write(requests.Session.__name__ + "\\n")
threads = [Thread(target=fetch) for _ in range(20)]
build = Thread(target=build_issue, args=(load_publication(Path("newsletter.toml").absolute()), Path({str(path)!r})))
build.start()
for thread in threads: thread.start()
for thread in [build, *threads]: thread.join()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=publication_folder, capture_output=True, text=True, check=True
    )

    assert (done.stdout.split(), done.stderr) == (["Session"] * 20, "")


def test_the_sample_issues_build_without_a_warning() -> None:
    root = ROOT
    publication = load_publication(root / "newsletter.toml")
    for path in sorted(publication.issues.glob("*.md")):
        assert build_issue(publication, path).warnings == ()


def test_control_characters_in_a_title_are_left_out(publication_folder: Path) -> None:
    built_issue = built(publication_folder, ':::article title="Chip\x1b \x0brules\ufffe"\nWords.\n:::')

    assert ">Chip rules<" in built_issue.message.html
