"""Where a finding about the built HTML can be mended: the publication's own template, or the issue's line.

Templates of the package are nobody's fault; then it is the line whose words or fields made the HTML.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from newsletter.checks.context.context import Context
from newsletter.checks.context.rule import Finding
from newsletter.checks.html.visibility import Element
from newsletter.issues.templates import package_templates


def found_at(context: Context, element: Element | None, message: str, *written: str) -> Finding:
    """A finding about an element, None for the email as a whole.

    It points at the first place in the publication's own templates where one of `written` stands, those of the
    element's block first; else at the line of the issue that the element came from.
    """
    place = _in_templates(_own_templates(context, element), written)
    if place:
        path, line, column, width = place
        shown = path.relative_to(context.publication.root).as_posix()
        return Finding(message=message, path=shown, line=line, column=column, width=width)
    line = context.line_of(element) if element is not None else 1
    return Finding(message=message, line=line, width=max(1, len(context.line(line))))


def _own_templates(context: Context, element: Element | None) -> Sequence[Path]:
    """What may have made an element: the template of its block, or everything around blocks."""
    folder = context.publication.templates
    if folder.resolve() == package_templates():
        return []
    block = context.block_of(element) if element is not None else None
    if block is not None:
        return [path for path in (folder / "blocks" / f"{block.name}.mjml", folder / "inline.css") if path.is_file()]
    found = (*folder.rglob("*.mjml"), *folder.glob("*.css")) if folder.is_dir() else ()
    return sorted(path for path in found if path.is_file())


def _in_templates(paths: Sequence[Path], written: Sequence[str]) -> tuple[Path, int, int, int] | None:
    for words in written:
        pattern = re.compile(r"\s*".join(re.escape(word) for word in words.split()), re.IGNORECASE)
        for path in paths:
            text = path.read_text(encoding="utf-8", errors="replace")
            if found := pattern.search(text):
                before = text[: found.start()]
                column = found.start() - before.rfind("\n")
                return path, before.count("\n") + 1, column, len(found[0].partition("\n")[0])
    return None
