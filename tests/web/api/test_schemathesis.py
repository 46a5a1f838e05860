"""Send the API what its OpenAPI document allows, and what it does not: every answer has to be as described."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.web.api.conftest import make_news
from tests.web.api.serving import serve_api

EXAMPLES = int(os.environ.get("NEWSLETTER_API_EXAMPLES", "1"))
"""Examples of each operation in each phase: 1 makes a few hundred requests, 450 make more than 10,000."""
CONFIG = Path(__file__).parent / "schemathesis.toml"


@pytest.mark.slow
@pytest.mark.timeout(0 if EXAMPLES > 1 else 300)
def test_generated_requests_find_no_answer_that_is_not_described(tmp_path: Path) -> None:
    with serve_api(make_news(tmp_path)) as api:
        api.ask("POST", "/subscribers", json={"email": "ada@example.com"})
        api.ask("POST", "/campaigns", json={"issue": "chips", "at": "now"})
        command: list[str | Path] = [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", CONFIG),
            *("run", f"{api.url}/api/v1/openapi.json", "--url", api.url, "--checks", "all"),
            *("-H", f"Authorization: Bearer {api.key}", "-n", str(EXAMPLES), "--seed", "17", "--continue-on-failure"),
            *("--generation-database", "none", "--suppress-health-check", "all"),
        ]
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr
    made = re.search(r"([\d,]+) generated", run.stdout)
    assert made is not None, run.stdout
    assert int(made[1].replace(",", "")) > 300
    print(made[0])
