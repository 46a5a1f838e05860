"""The parts that deploy/ starts, as commands that run here: the same words, on ports of this machine that are free."""

from __future__ import annotations

import configparser
from pathlib import Path
from typing import Any

import yaml

from tests import ROOT
from tests.support.ports import free_port

DEPLOY = ROOT / "deploy"
UNITS = DEPLOY / "systemd"
PROGRAM = "/srv/newsletter/.venv/bin/newsletter"
INSTANCES = ("1", "2")
"""The workers that docs/operation.md enables on a machine."""


def unit(path: Path) -> configparser.ConfigParser:
    """Read a unit of systemd."""
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[method-assign, assignment]
    parser.read(path, encoding="utf-8")
    return parser


def parts_of_units() -> dict[str, list[str]]:
    """Return the words of each process that the units for PostgreSQL start on a machine, by the process's name."""
    parts: dict[str, list[str]] = {}
    for path in sorted(UNITS.glob("newsletter-*.service")):
        program, _, words = unit(path)["Service"]["ExecStart"].partition(" ")
        assert program == PROGRAM
        for instance in INSTANCES if "@" in path.name else ("",):
            parts[path.stem.replace("@", "-") + instance] = words.replace("%i", instance).split()
    return parts


def compose() -> dict[str, Any]:
    """Read the compose file."""
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    return loaded


def parts_of_compose() -> dict[str, list[str]]:
    """Return the words of each process of the compose file that keeps running, by the process's name."""
    parts: dict[str, list[str]] = {}
    for name, service in compose()["services"].items():
        if service["image"] == "newsletter" and service["restart"] != "on-failure":
            program, *words = service["command"]
            assert program == "newsletter"
            for replica in range(service.get("deploy", {}).get("replicas", 1)):
                parts[f"{name}-{replica + 1}"] = words
    return parts


def on_free_ports(words: list[str]) -> list[str]:
    """Return the command with other ports, on the loopback address."""
    changed = [*words]
    for option, value in (("--listen", f"127.0.0.1:{free_port()}"), ("--host", "127.0.0.1")):
        if option in words:
            changed[words.index(option) + 1] = value
    if "--port" in words:
        changed[words.index("--port") + 1] = str(free_port())
    elif "serve" in words:
        changed += ["--port", str(free_port())]
    return changed


def address_of(words: list[str]) -> str:
    """Return the address on which a part of `on_free_ports` listens."""
    return words[words.index("--listen") + 1]
