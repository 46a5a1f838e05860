"""Compile a Document to HTML: MRML lays out, premailer puts the theme's rules on the bodies.

Everything here that looks odd works around a behaviour of these two that was measured; each has a test.
"""

from __future__ import annotations

import logging
import re
from functools import cache
from types import ModuleType
from typing import cast

from newsletter.errors import NewsletterError
from newsletter.rendering.assemble import Document
from newsletter.rendering.picture_widths import fit_pictures

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


class TokenLost(NewsletterError):  # noqa: N818 - names the event, not an error of the caller
    """A template dropped what held a merge tag; `line` is the tag's in the issue, 1 for a template's own."""

    def __init__(self, message: str, *, line: int, hint: str) -> None:
        super().__init__(f"{message} [NL008]", hint=hint)
        self.cause, self.line = message, line


def compile_mjml(document: Document) -> str:
    """Return the HTML of a document, tokens of merge tags still in it.

    Raises NewsletterError when the templates make invalid MJML, or when the compiler lost a token.
    """
    html = document.with_bodies(_laid_out(document.mjml))
    html = _inlined(html, document.css)
    _check_tokens(document, html)
    return html


def _laid_out(mjml: str) -> str:
    from mjml import mjml2html

    try:
        # No fonts: MRML would link to a server that readers' mail clients then load from.
        html: str = mjml2html(mjml, fonts={})
    except ValueError as error:
        raise _explained(mjml, str(error)) from error
    # premailer knows the doctype in capitals only, and drops any other.
    return re.sub(r"^<!doctype html>", "<!DOCTYPE html>", html, flags=re.IGNORECASE)


def _inlined(html: str, css: str) -> str:
    """Put the theme's rules for bodies on their elements; MRML's and the theme's style sheets stay to the letter."""
    from lxml import etree

    premailer = _premailer()
    marked = re.sub(r"<style(?=[\s>])", '<style data-premailer="ignore"', html)
    root = etree.fromstring(marked.strip(), etree.HTMLParser())
    premailer.Premailer(root, css_text=css, **PREMAILER).transform()
    fit_pictures(root)
    out: str = etree.tostring(root.getroottree(), method="html", encoding="utf-8").decode()
    return out.replace(' data-premailer="ignore"', "")  # premailer leaves it in comments


@cache
def _premailer() -> ModuleType:
    """Import premailer, and let its CSS parser judge no values.

    It imports requests too, for linked style sheets, which ours never are. premailer reads styles in attributes with
    validation whatever it is told, which compiles the patterns of CSS properties and changes nothing of the result;
    without cssutils' profiles there is nothing to compile.
    """
    import cssutils
    import premailer

    cssutils.profile.removeProfile(all=True)
    return cast(ModuleType, premailer)


def _check_tokens(document: Document, html: str) -> None:
    """Raise TokenLost unless every merge tag that went in came out and no body was left behind."""
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
    """Return an error with the line of the assembled document; MRML gives byte offsets, or nothing."""
    position = _POSITION.search(message)
    if not position:
        hint = "An element is not closed, or closes another; look at the template that you changed last."
        return NewsletterError(f"the templates do not make valid MJML: {message}", place="templates/", hint=hint)
    before = mjml.encode()[: int(position[1])].decode(errors="replace")
    line = before.count("\n") + 1
    excerpt = mjml.split("\n")[line - 1].strip()[:80]
    words = _POSITION.sub("", message).strip()
    return NewsletterError(
        f"the templates do not make valid MJML: {words}", place="templates/", hint=f"Near: {excerpt}"
    )
