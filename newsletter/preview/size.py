"""Weights: what an issue and each of its blocks weigh, beside what Gmail shows, for people to look at.

What a byte is counted as, `checks.size` says; so the meter and the rule agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from newsletter.checks.context.context import Context
from newsletter.checks.rules.size import CLIPPED, LARGE, Sizes, sizes
from newsletter.issues.issue import Block


@dataclass(frozen=True, kw_only=True)
class Weight:
    """A block's."""

    piece: int
    """Index in `Issue.content`, which the trace's marks name."""
    name: str
    line: int
    end_line: int
    size: int
    """In bytes."""


@dataclass(frozen=True, kw_only=True)
class Weights:
    """An issue's."""

    total: int
    blocks: Sequence[Weight]
    clip: tuple[int, float] | None
    """The piece in which Gmail cuts and how far into it, 0 to 1; piece -1 is the footer; None when it does not."""

    @property
    def level(self) -> str:
        """`fine`, `large`, `clipped`."""
        return "clipped" if self.total > CLIPPED else "large" if self.total > LARGE else "fine"

    @property
    def share(self) -> float:
        """Of what Gmail shows; more than 1 where it cuts."""
        return self.total / CLIPPED


def weights(context: Context) -> Weights:
    """Of an issue that builds."""
    weighed = sizes(context)
    pieces = {id(piece): index for index, piece in enumerate(context.issue.content)}
    blocks = [
        Weight(
            piece=pieces[id(each.block)],
            name=each.block.name,
            line=each.block.line,
            end_line=each.block.end_line,
            size=each.size,
        )
        for each in weighed.blocks
    ]
    return Weights(total=weighed.total, blocks=blocks, clip=_clip(weighed, pieces))


def _clip(weighed: Sizes, pieces: dict[int, int]) -> tuple[int, float] | None:
    if weighed.total <= CLIPPED:
        return None
    falls = weighed.at(CLIPPED)
    if falls is None:
        return -1, 0.0
    return pieces[id(falls.block)], max(0.0, (CLIPPED - falls.start) / max(1, falls.size))


def piece_at(context: Context, line: int) -> int | None:
    """The block that a line of the file is in."""
    for index, piece in enumerate(context.issue.content):
        if isinstance(piece, Block) and piece.line <= line <= piece.end_line:
            return index
    return None
