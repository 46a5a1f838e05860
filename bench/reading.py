"""Measure the archive's answers a second beside a bare Starlette route of equal size: `python -m bench reading`.

Needs `wrk`. Each server is one process, and they take turns. On a busy machine the processor time is the steadier
figure.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.servers import Measured, bare, measured, require_wrk, served
from bench.timing import COMMAND, ROOT, process, report
from newsletter.campaigns.tracking import track_token
from newsletter.config import load_publication
from newsletter.signed_links import Links

ROUNDS = 3
SECONDS = 2
CONNECTIONS = 32


def main() -> None:
    """Print the requests a second of each kind of page, and their ratio to the bare route."""
    require_wrk()
    with TemporaryDirectory() as name:
        folder = Path(name)
        _prepare(folder)
        with (
            served([sys.executable, "-c", bare("/", 10_000)], folder) as plain,
            served([COMMAND, "serve", "--port", "0"], folder) as own,
        ):
            pages = [("a bare route, 10 KB", plain, "/"), *((what, own, path) for what, path in _pages(folder))]
            taken: dict[str, list[Measured]] = {what: [] for what, _server, _path in pages}
            for _ in range(ROUNDS):
                for what, (url, child), path in pages:
                    taken[what].append(measured(f"{url}{path}", child.pid, connections=CONNECTIONS, seconds=SECONDS))
    _print({what: (median(run.rate for run in runs), median(run.cpu for run in runs)) for what, runs in taken.items()})


def _print(taken: Mapping[str, tuple[float, float]]) -> None:
    (bare_rate, bare_cpu), *_others = taken.values()
    rows = [
        (what, f"{rate:,.0f}/s ({rate / bare_rate:.2f}), {cpu * 1e6:,.0f} us CPU ({cpu / bare_cpu:.1f})")
        for what, (rate, cpu) in taken.items()
    ]
    report(f"Reading, {CONNECTIONS} connections, one process (ratios to the bare route)", rows, "2,000/s")


def _pages(folder: Path) -> Sequence[tuple[str, str]]:
    token = track_token(Links(load_publication(folder / "newsletter.toml")), 1, 1)
    return [
        ("the archive's list, with its form", "/issues/"),
        ("an issue, with its form", "/issues/chip-rules"),
        ("the feed", "/feed.xml"),
        ("a picture", "/images/chips.png"),
        ("a counted link", f"/c/{token}.1"),
    ]


def _prepare(folder: Path) -> None:
    """Copy the sample publication, send every issue, and let every link be counted."""
    for name in ("issues", "images"):
        shutil.copytree(ROOT / name, folder / name)
    text = (ROOT / "newsletter.toml").read_text(encoding="utf-8")
    (folder / "newsletter.toml").write_text(f'{text}\n[tracking]\nlevel = "individual"\n', encoding="utf-8")
    process(COMMAND, "subscribers", "add", "ada@example.com", cwd=folder)()
    for slug in ("chip-rules", "sanctions-so-far", "zero-sum"):
        process(COMMAND, "send", slug, "--yes", cwd=folder)()


if __name__ == "__main__":
    main()
