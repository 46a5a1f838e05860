"""The script that looks for what the tests need: what it installs, what it only lists, and what it leaves alone."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tools.test_needs import NEEDS, install, main

pytestmark = pytest.mark.process

APT = """#!/bin/sh
echo "$* ($(cat {policy} 2>/dev/null | tail -n 1))" >> {log}
case "$*" in *"install"*"{broken}"*) echo "E: no package {broken}"; exit 100;; esac
"""


class Machine:
    """A Debian of our own: its apt-get writes down what it is told, and what the policy says meanwhile."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, broken: str = "nothing-of-ours") -> None:
        self.policy = folder / "policy-rc.d"
        self._log = folder / "log"
        self._bin = folder / "bin"
        self._bin.mkdir()
        self._write("apt-get", APT.format(policy=self.policy, log=self._log, broken=broken))
        self._write("debconf-set-selections", "#!/bin/sh\ncat > /dev/null\n")
        monkeypatch.setenv("PATH", str(self._bin), prepend=os.pathsep)

    def _write(self, name: str, script: str) -> None:
        (self._bin / name).write_text(script, encoding="utf-8")
        (self._bin / name).chmod(0o755)

    @property
    def told(self) -> list[str]:
        """What apt-get was told, and in brackets the last line of the policy then."""
        return [line.removeprefix("-qq ") for line in self._log.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def without_git(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NEEDS, "git", replace(NEEDS["git"], find=lambda: ""))
    monkeypatch.setenv("INSTALL", "no")
    monkeypatch.delenv("CI", raising=False)


def test_what_is_missing_is_installed_and_nothing_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(tmp_path, monkeypatch)

    install([NEEDS["git"], NEEDS["smtp-sink"]], (), machine.policy)

    assert machine.told == ["update (exit 101)", "install --no-install-recommends git postfix (exit 101)"]
    assert not machine.policy.exists()


def test_one_package_that_cannot_be_had_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    machine = Machine(tmp_path, monkeypatch, broken="nginx-light")

    install([NEEDS["git"], NEEDS["nginx"]], (), machine.policy)

    alone = [line.split()[2] for line in machine.told[2:]]
    assert alone == ["git", "nginx-light", "nginx"]
    assert not machine.policy.exists()
    assert "E: no package nginx-light" in capfd.readouterr().err


def test_a_policy_that_is_there_already_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(tmp_path, monkeypatch, broken="git")
    machine.policy.write_text("#!/bin/sh\n# mine\n", encoding="utf-8")

    install([NEEDS["git"]], (), machine.policy)

    assert machine.told[0] == "update (# mine)"
    assert machine.policy.read_text(encoding="utf-8") == "#!/bin/sh\n# mine\n"


@pytest.mark.usefixtures("without_git")
def test_where_it_may_not_install_it_lists_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["git"]) == 0

    assert capsys.readouterr().err.splitlines() == [
        "Missing on this machine:",
        "  git           Git, for the versions of an issue",
        "On Debian and Ubuntu: apt-get install git",
    ]


@pytest.mark.usefixtures("without_git")
def test_in_ci_a_missing_part_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")

    assert main(["git"]) == 1


def test_without_what_every_test_needs_it_is_an_error_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NEEDS, "venv", replace(NEEDS["venv"], find=lambda: ""))
    monkeypatch.setenv("INSTALL", "no")

    assert main(["venv"]) == 1
