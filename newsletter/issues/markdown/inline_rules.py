"""Rules for words: comments are dropped, and tokens know where in the text they begin and end."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote

from markdown_it.rules_inline import StateInline

from newsletter.issues.images import is_remote
from newsletter.issues.markdown.environment import MARK, environment_of
from newsletter.messages.merge_tags import tag_end

Rule = Callable[[StateInline, bool], bool]
PLACED = ("link_open", "image", "code_inline", "footnote_ref")
"""The tokens that know their place."""


def placed(rule: Rule) -> Rule:
    """Return the rule with an addition: its token knows where in the text it begins and ends."""

    def run(state: StateInline, silent: bool) -> bool:
        at, before = state.pos, len(state.tokens)
        is_match = rule(state, silent)
        if is_match and not silent:
            # A rule that reads text, such as backticks that close nothing, makes no token.
            made = next((token for token in state.tokens[before:] if token.type in PLACED), None)
            if made is not None:
                made.meta.update(at=at, end=state.pos)
                source = str(made.attrs.get("src", ""))
                if source and not is_remote(source):  # markdown-it encodes addresses; this is the path of a file
                    made.attrs["src"] = unquote(source)
        return is_match

    return run


def comment(state: StateInline, silent: bool) -> bool:
    """Drop a comment inside a line."""
    if not state.src.startswith("<!--", state.pos):
        return False
    environment = environment_of(state)
    end = environment.comment_end(state.src, state.pos)
    if end and not silent and state.src is environment.content:
        environment.ranges.append((state.pos, end))
    state.pos = end or state.pos
    return bool(end)


def doubtful_tag(state: StateInline, silent: bool) -> bool:
    """Read a merge tag of which it is open whether it is code; it hides the backticks in it."""
    braces = environment_of(state).braces
    mark = MARK.match(state.src, state.pos) if braces else None
    if not mark or mark[0] not in braces:
        return False
    opening, closing = braces[mark[0]], {"{{": "}}", "{%": "%}"}
    end = state.src.find("\n", mark.end())
    rest = opening + state.src[mark.end() : end if end >= 0 else None]
    stop = rest.find(closing[opening], 2)
    state.pos = mark.end() + max(tag_end(rest, 0, stop + 2 if stop >= 0 else 0) - 2, 0)
    return True
