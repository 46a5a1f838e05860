"""From a Document to HTML: MRML lays out, premailer puts the theme's rules on the bodies.

Everything here that looks odd works around something that was measured; each has a test.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from newsletter.errors import NewsletterError
from newsletter.rendering.assemble import Document

_POSITION = re.compile(r"\s*(?:at position|in position)?\s*(\d+):(\d+)")
PREMAILER = {
    "keep_style_tags": False,
    "strip_important": False,  # MJML's columns and every dark mode need !important
    "allow_network": False,
    "disable_validation": True,
    "cssutils_logging_level": logging.CRITICAL,
    "align_floating_images": False,
    "remove_unset_properties": False,
    "disable_basic_attributes": ["width", "height", "bgcolor", "align", "valign"],  # else width="100" becomes "100%"
}


class TokenLost(NewsletterError):  # noqa: N818 - what happened to the merge tag
    """A template dropped what held a merge tag; `line` is the tag's in the issue, 1 for a template's own."""

    def __init__(self, message: str, *, line: int, hint: str) -> None:
        super().__init__(f"{message} [NL008]", hint=hint)
        self.cause, self.line = message, line


def compile_mjml(document: Document) -> str:
    """The HTML of a document, tokens of merge tags still in it.

    Raises NewsletterError when the templates make invalid MJML, or when the compiler lost a token.
    """
    html = document.with_bodies(_layout(document.mjml))
    html = _inlined(html, document.css)
    _prove(document, html)
    return html


def _layout(mjml: str) -> str:
    from mjml import mjml2html

    try:
        html: str = mjml2html(mjml, fonts={})
    except ValueError as error:
        raise _explained(mjml, str(error)) from error
    # premailer knows the doctype in capitals only, and drops any other.
    return re.sub(r"^<!doctype html>", "<!DOCTYPE html>", html, flags=re.IGNORECASE)


def _inlined(html: str, css: str) -> str:
    """The theme's rules for bodies as style attributes; MRML's and the theme's style sheets stay to the letter."""
    with _no_requests():
        from premailer import Premailer  # 0.1 s to import: only when something is built

    marked = re.sub(r"<style(?=[\s>])", '<style data-premailer="ignore"', html)
    out: str = Premailer(marked, css_text=css, **PREMAILER).transform(pretty_print=False)
    return out.replace(' data-premailer="ignore"', "")  # premailer leaves it in comments


@contextmanager
def _no_requests() -> Iterator[None]:
    """premailer imports requests to fetch style sheets that pages link to; ours link to none, and it costs as much
    time as all the rest of a build. An empty module stands in while it is imported, unless the real one is there.
    """
    if "requests" in sys.modules:
        yield
        return
    sys.modules["requests"] = ModuleType("requests")
    try:
        yield
    finally:
        del sys.modules["requests"]


def _prove(document: Document, html: str) -> None:
    """Every merge tag that went in came out, and no body was left behind."""
    pattern = document.tag_store.token
    lost = set(pattern.findall(document.with_bodies(document.mjml))) - set(pattern.findall(html))
    if lost:
        tag = document.tag_store.tags[int(min(lost))]
        raise TokenLost(
            f"the merge tag {tag.source} was lost while compiling (line {tag.line})",
            line=tag.line,
            hint="Move it out of the attribute or element that the compiler drops.",
        )
    if re.search(rf"{document.tag_store.base}B\d{{5}}xNL", html):
        raise TokenLost("a body was left as a token while compiling", line=1, hint="Print it as text in the template.")


def _explained(mjml: str, message: str) -> NewsletterError:
    """MRML gives byte offsets, or nothing; the line of the assembled document is shown."""
    found = _POSITION.search(message)
    if not found:
        hint = "An element is not closed, or closes another; look at the template that you changed last."
        return NewsletterError(f"the templates do not make valid MJML: {message}", place="templates/", hint=hint)
    before = mjml.encode()[: int(found[1])].decode(errors="replace")
    line = before.count("\n") + 1
    excerpt = mjml.split("\n")[line - 1].strip()[:80]
    words = _POSITION.sub("", message).strip()
    return NewsletterError(
        f"the templates do not make valid MJML: {words}", place="templates/", hint=f"Near: {excerpt}"
    )
