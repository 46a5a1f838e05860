"""Origins of the built HTML: the publication's own template, or the line of the issue, where it can be mended.

The package's own templates are never named: an author cannot mend them, so the issue's line counts instead.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from newsletter.checks.context.context import Context
from newsletter.checks.context.places import Spot
from newsletter.checks.html.tree import Element
from newsletter.issues.templates import package_templates


def origin(context: Context, element: Element | None, *written: str) -> Spot:
    """Return the place that an element came from; None means the frame around the issue.

    It is the first place in the publication's own templates where one of `written` stands, the templates of the
    element's block first; else the whole line of the issue that the element came from.
    """
    in_template = _in_templates(context.publication.root, _own_templates(context, element), written)
    return in_template or context.whole_line(1 if element is None else context.line_of(element))


def is_written(context: Context, words: str) -> bool:
    """Tell whether the author wrote these words, in whatever case, in newsletter.toml or a template of their own."""
    settings = context.publication.path.read_text(encoding="utf-8")
    texts = (path.read_text(encoding="utf-8", errors="replace") for path in _own_templates(context, None))
    return any(words.casefold() in text.casefold() for text in (settings, *texts))


def _own_templates(context: Context, element: Element | None) -> Sequence[Path]:
    """Return the files that may have made an element: its block's template, or all of them for the frame."""
    folder = context.publication.templates
    if folder.resolve() == package_templates():
        return []
    block = context.block_of(element) if element is not None else None
    if block is not None:
        return [path for path in (folder / "blocks" / f"{block.name}.mjml", folder / "inline.css") if path.is_file()]
    files = (*folder.rglob("*.mjml"), *folder.glob("*.css")) if folder.is_dir() else ()
    return sorted(path for path in files if path.is_file())


def _in_templates(root: Path, paths: Sequence[Path], written: Sequence[str]) -> Spot | None:
    for words in written:
        # Compilation changes white space, so a template may have written any amount of it.
        pattern = re.compile(r"\s*".join(re.escape(word) for word in words.split()), re.IGNORECASE)
        for path in paths:
            text = path.read_text(encoding="utf-8", errors="replace")
            if match := pattern.search(text):
                before = text[: match.start()]
                column = match.start() - before.rfind("\n")
                width = len(match[0].partition("\n")[0])
                return Spot(before.count("\n") + 1, column, width, path.relative_to(root).as_posix())
    return None
