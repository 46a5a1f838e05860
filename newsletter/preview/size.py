"""The weight of an issue and its blocks in bytes, beside what Gmail shows: the preview's meter.

Bytes are counted by `checks.rules.size`, so that the meter and the rules about size agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from newsletter.checks.context.context import Context
from newsletter.checks.rules.size import CLIPPED, LARGE, Sizes, sizes
from newsletter.issues.issue import Block


@dataclass(frozen=True, kw_only=True)
class Weight:
    """The weight of a block."""

    piece: int
    """The block's index in `Issue.content`, which the source map names too."""
    name: str
    line: int
    end_line: int
    size: int
    """The bytes of the block's HTML."""


@dataclass(frozen=True, kw_only=True)
class Weights:
    """The weight of an issue and its blocks."""

    total: int
    blocks: Sequence[Weight]
    clip: tuple[int, float] | None
    """The piece in which Gmail cuts, and how far into it, 0 to 1; piece -1 is the footer. None without a cut."""

    @property
    def level(self) -> str:
        """The word for the total: `fine`, `large` or `clipped`."""
        return "clipped" if self.total > CLIPPED else "large" if self.total > LARGE else "fine"

    @property
    def share(self) -> float:
        """The total as a share of what Gmail shows; more than 1 where it cuts."""
        return self.total / CLIPPED


def weights(context: Context) -> Weights:
    """Return the weights of an issue that builds."""
    measured = sizes(context)
    pieces = {id(piece): index for index, piece in enumerate(context.issue.content)}
    blocks = [
        Weight(
            piece=pieces[id(each.block)],
            name=each.block.name,
            line=each.block.line,
            end_line=each.block.end_line,
            size=each.size,
        )
        for each in measured.blocks
    ]
    return Weights(total=measured.total, blocks=blocks, clip=_clip(measured, pieces))


def _clip(measured: Sizes, pieces: dict[int, int]) -> tuple[int, float] | None:
    if measured.total <= CLIPPED:
        return None
    cut = measured.at(CLIPPED)
    if cut is None:
        return -1, 0.0
    return pieces[id(cut.block)], max(0.0, (CLIPPED - cut.start) / max(1, cut.size))


def piece_at(context: Context, line: int) -> int | None:
    """Return the index of the block that a line of the file is in, or None."""
    for index, piece in enumerate(context.issue.content):
        if isinstance(piece, Block) and piece.line <= line <= piece.end_line:
            return index
    return None
