"""Emphasis beside Chinese, Japanese and Korean text, whose words have no spaces between them.

CommonMark's rule reads `**重要！**内容` as words with asterisks, because the closing mark stands between punctuation
and a letter. The amendment of https://github.com/tats-u/markdown-cjk-friendly lets it close there; text without such
characters is read as CommonMark says.
"""

from __future__ import annotations

from functools import lru_cache
from unicodedata import category, east_asian_width

from markdown_it import MarkdownIt
from markdown_it.common.utils import isMdAsciiPunct, isPunctChar, isWhiteSpace
from markdown_it.parser_inline import ParserInline
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Scanned
from markdown_it.token import Token
from markdown_it.utils import EnvType

_JAMO = ((0x1100, 0x11FF), (0xA960, 0xA97F), (0xD7B0, 0xD7FF))
"""Letters of Hangul; Unicode calls some of them narrow."""
_SELECTORS = ((0xFE00, 0xFE0F), (0xE0100, 0xE01EF))
"""Variation selectors: they choose the form of the character before them."""


class InlineParser(ParserInline):
    """markdown-it's parser of words, with our rule for the marks of emphasis."""

    def parse(self, src: str, md: MarkdownIt, env: EnvType, tokens: list[Token]) -> list[Token]:
        """Read words into `tokens`."""
        state = _State(src, md, env, tokens)
        self.tokenize(state)
        for rule in self.ruler2.getRules(""):
            rule(state)
        return state.tokens


class _State(StateInline):
    """The state of reading words."""

    def scanDelims(self, start: int, canSplitWord: bool) -> Scanned:  # noqa: N802, N803
        """Tell whether the marks at `start` may open and close emphasis, and how many they are."""
        scanned = super().scanDelims(start, canSplitWord)
        end = start + scanned.length
        last, following = self._before(start), self.src[end : min(end + 1, self.posMax)] or " "
        if last.isascii() and following.isascii():
            return scanned
        return _scanned(last, following, scanned.length, is_splitting=canSplitWord)

    def _before(self, start: int) -> str:
        """Return the character before `start`; a variation selector belongs to the one before it."""
        at = start - 1
        if at > 0 and _within(self.src[at], _SELECTORS):
            at -= 1
        return self.src[at] if at >= 0 else " "


def _scanned(last: str, following: str, length: int, *, is_splitting: bool) -> Scanned:
    left = not _is_space(following) and (
        not _is_western_mark(following) or _is_space(last) or _is_punctuation(last) or is_cjk(last)
    )
    right = not _is_space(last) and (
        not _is_western_mark(last) or _is_space(following) or _is_punctuation(following) or is_cjk(following)
    )
    can_open = left and (is_splitting or not right or _is_punctuation(last))
    can_close = right and (is_splitting or not left or _is_punctuation(following))
    return Scanned(can_open, can_close, length)


@lru_cache(maxsize=4096)
def is_cjk(character: str) -> bool:
    """Tell whether a character is Chinese, Japanese or Korean: a letter, a sign, or punctuation of full width."""
    if character.isascii():
        return False
    # Emoji are wide, too.
    is_wide = east_asian_width(character) in "WFH" and not (
        category(character) == "So" and not 0x3000 <= ord(character) <= 0x33FF
    )
    return is_wide or _within(character, _JAMO)


def _within(character: str, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= ord(character) <= last for first, last in ranges)


def _is_space(character: str) -> bool:
    return isWhiteSpace(ord(character))


def _is_punctuation(character: str) -> bool:
    return isMdAsciiPunct(ord(character)) or isPunctChar(character)


def _is_western_mark(character: str) -> bool:
    return _is_punctuation(character) and not is_cjk(character)
