"""Measure `newsletter build` against the `mjml` 5 command, which compiles the MJML of that build.

`newsletter build` starts, reads the issue, makes the MJML, compiles it, inlines the
style and writes six files; `mjml` starts, reads the MJML, compiles it and writes one.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from bench.sample import SLUG, publication
from bench.timing import COMMAND, ROOT, in_turns, process, report

HERE = ROOT / "bench"
MJML = HERE / "node_modules" / ".bin" / "mjml"


def main() -> None:
    """Print the ratio, or the reason why there is none."""
    if not mjml_is_here():
        print("\nBuild: not measured; it needs npm, to install mjml@5 into bench/node_modules")
        return
    with publication() as folder:
        process(COMMAND, "build", SLUG, cwd=folder)()
        document = folder / "build" / SLUG / "document.mjml"
        taken = in_turns(
            {
                "newsletter": process(COMMAND, "build", SLUG, cwd=folder),
                "mjml": process(str(MJML), str(document), "-o", str(folder / "mjml.html"), cwd=folder),
            },
            rounds=11,
        )
        size = document.with_name("message.html").stat().st_size
    rows = [
        (f"mjml 5: MJML to HTML ({_version()})", f"{taken['mjml'] * 1000:.0f} ms"),
        (f"newsletter build: issue to six files ({size // 1000} KB)", f"{taken['newsletter'] * 1000:.0f} ms"),
        ("ratio", f"{taken['newsletter'] / taken['mjml']:.2f}"),
    ]
    report("Build: whole process / the mjml command", rows, "at most 0.7")


def mjml_is_here() -> bool:
    """Install the command if it is missing and npm is there; return whether it is there."""
    if not MJML.exists() and shutil.which("npm"):
        command = ["npm", "install", "--no-save", "--no-package-lock", "--silent", "mjml@5"]
        subprocess.run(command, cwd=HERE, capture_output=True, check=False)
    return MJML.exists()


def _version() -> str:
    package = Path(HERE / "node_modules" / "mjml" / "package.json")
    return package.read_text(encoding="utf-8").partition('"version": "')[2].partition('"')[0]


if __name__ == "__main__":
    main()
