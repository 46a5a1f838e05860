"""The tests; each name is a sentence that could stand in the release notes. Folders mirror the package."""

from pathlib import Path

ROOT = Path(__file__).parent.parent
"""The checkout."""
