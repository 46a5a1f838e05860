"""Emphasis beside Chinese, Japanese and Korean text; other text is read as CommonMark says."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from newsletter.issues.markdown.emphasis import InlineParser, is_cjk

COMMONMARK = MarkdownIt("commonmark").enable("strikethrough")
OURS = MarkdownIt("commonmark").enable("strikethrough")
OURS.inline = InlineParser()
OURS.inline.ruler.enableOnly(COMMONMARK.inline.ruler.get_active_rules())
OURS.inline.ruler2.enableOnly(COMMONMARK.inline.ruler2.get_active_rules())


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**“你好”**世界", "<strong>“你好”</strong>世界"),
        ("**重要！**内容。", "<strong>重要！</strong>内容。"),
        ("你说**“好”**吗", "你说<strong>“好”</strong>吗"),
        ("这是**《书》**的书评", "这是<strong>《书》</strong>的书评"),
        ("**该文（注）**说明", "<strong>该文（注）</strong>说明"),
        ("**价格(元)**是", "<strong>价格(元)</strong>是"),
        ("*“一”*和*“二”*都", "<em>“一”</em>和<em>“二”</em>都"),
        ("~~“旧”~~新", "<s>“旧”</s>新"),
        ("**このように。**続く", "<strong>このように。</strong>続く"),
        ("これは**「大事」**です", "これは<strong>「大事」</strong>です"),
        ("**ｶﾀｶﾅ！**です", "<strong>ｶﾀｶﾅ！</strong>です"),
        ("**한국어(Korean)**은", "<strong>한국어(Korean)</strong>은"),
        ('그는 **"안녕"**이라고', "그는 <strong>&quot;안녕&quot;</strong>이라고"),
        ("**`code`**を使う", "<strong><code>code</code></strong>を使う"),
        ("**[链接](https://example.com/)**在", '<strong><a href="https://example.com/">链接</a></strong>在'),
        ("**葛󠄀城。**市", "<strong>葛󠄀城。</strong>市"),
        ("𠮷**“田”**𠮷", "𠮷<strong>“田”</strong>𠮷"),
        ("2 * 3 * 4 个", "2 * 3 * 4 个"),
        ("** 空格 **不是", "** 空格 **不是"),
        ("这_是_不", "这_是_不"),
        ("🎉**“x”**y", "🎉**“x”**y"),
    ],
)
def test_bold_words_beside_cjk_text_are_bold(text: str, html: str) -> None:
    assert OURS.renderInline(text) == html


@settings(max_examples=500, deadline=None)
@given(st.text(st.sampled_from(list("*_~ aé1.,!?()[]\"'“”—…\n\t\u00a0жα🎉€")), max_size=24))
def test_text_without_cjk_characters_is_read_as_commonmark_says(text: str) -> None:
    assert OURS.render(text) == COMMONMARK.render(text)


@pytest.mark.parametrize(
    "text",
    [
        "a * foo bar*",
        'a*"foo"*',
        "*\u00a0a\u00a0*",
        "foo*bar*",
        "_foo_bar_baz_",
        'a_"foo"_',
        'aa_"bb"_cc',
        "foo-_(bar)_",
        "*(*foo*)*",
        '**foo"*bar*"foo**',
        "***foo** bar*",
        "*foo**bar**baz*",
        "пристаням_стремятся_",
        "**Gomphocarpus (*Gomphocarpus physocarpus*, syn.\n*Asclepias physocarpa*)**",
    ],
)
def test_the_examples_of_commonmark_come_out_as_they_did(text: str) -> None:
    assert OURS.render(text) == COMMONMARK.render(text)


@pytest.mark.parametrize(
    ("character", "expected"), [*((c, True) for c in "你あア한！。「ｱ㊗ᄀ"), *((c, False) for c in "aé“…—€🎉⌚ж")]
)
def test_a_character_is_cjk_by_its_width_and_an_emoji_is_not(character: str, expected: bool) -> None:
    assert is_cjk(character) is expected
