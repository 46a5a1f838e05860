"""The wheel: what a user installs works outside this repository."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests import ROOT
from tests.support.programs import missing

OLD_PIP = "23.2"
"""Older than the spelling of extras that all tools agree on (PEP 685, in pip since 23.3)."""
PAGE = """<html lang="en"><head><title>The chips are down</title></head><body><article><h1>The chips are down</h1>
<p>The rules that everybody expected were published today, and nobody who makes chips was surprised by them.</p>
<p>What happens next depends on the answers of a dozen governments, which are due before the end of the year.</p>
</article></body></html>"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=ROOT)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Make sure that pip reaches a registry, however it is configured here; else skip, and in CI fail."""
    folder = tmp_path_factory.mktemp("downloaded")
    ask = ["download", "--quiet", "--no-deps", "--retries", "0", "--dest", str(folder), f"pip=={OLD_PIP}"]
    done = subprocess.run([sys.executable, "-m", "pip", *ask], capture_output=True, timeout=100, check=False)
    if done.returncode:
        missing("packages: a network, over which pip reaches its registry")


@pytest.fixture(scope="module")
def command(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into an environment that sees this one's dependencies; return the path of `newsletter`."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    site = Path(run([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).strip())
    # Names below a path file's folder are found; path files in it, such as the checkout's own, are not read.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    run(
        [
            sys.executable,
            "-m",
            "pip",
            "--python",
            str(python),
            "install",
            "--quiet",
            "--no-deps",
            "--no-index",
            str(wheel),
        ]
    )
    return folder / "bin" / "newsletter"


def run(arguments: list[str], cwd: Path | None = None) -> str:
    done = subprocess.run(arguments, cwd=cwd, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_first_issue_builds_from_an_installed_wheel(command: Path, tmp_path: Path) -> None:
    run([str(command), "init", "news"], cwd=tmp_path)
    path = run([str(command), "new", "Hello"], cwd=tmp_path / "news").strip()
    run([str(command), "build", "hello"], cwd=tmp_path / "news")

    where = run([str(command.with_name("python")), "-c", "import newsletter; print(newsletter.__file__)"], cwd=tmp_path)
    made = {file.name for file in (tmp_path / "news" / "build" / "hello").iterdir()}
    assert where.startswith(str(command.parent.parent))
    assert path.endswith("-hello.md")
    assert made == {"message.html", "message.txt", "message.eml", "document.mjml", "message.json", "preview.html"}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("pip", "lowest"),
    [(f"pip=={OLD_PIP}", False), ("pip", False), ("pip", True)],
    ids=["old pip", "newest pip", "lowest versions"],
)
@pytest.mark.usefixtures("registry")
def test_an_issue_is_drafted_and_sent_after_an_install_without_the_lock(
    wheel: Path, tmp_path: Path, pip: str, lowest: bool
) -> None:
    versions = tmp_path / "versions.txt"
    versions.write_text("\n".join(lowest_versions()) if lowest else "", encoding="utf-8")
    venv.create(tmp_path / "installed", with_pip=True)
    bin = tmp_path / "installed" / "bin"
    (tmp_path / "page.html").write_text(PAGE, encoding="utf-8")

    # All three share pip's own cache: what one has downloaded, the others find there.
    run([str(bin / "python"), "-m", "pip", "install", "--quiet", "--upgrade", pip])
    run([str(bin / "python"), "-m", "pip", "install", "--quiet", "--constraint", str(versions), f"{wheel}[dkim]"])

    command = str(bin / "newsletter")
    run([command, "init", "news"], cwd=tmp_path)
    news = tmp_path / "news"
    path = run([command, "new", "Hello"], cwd=news).strip()
    (news / path).write_text("---\nsubject: Hello\n---\nWe flew to Mars.\n", encoding="utf-8")
    run([command, "check", "hello"], cwd=news)
    drafted = run([command, "draft", "--from", "../page.html"], cwd=news)
    run([command, "build", "hello"], cwd=news)
    run([command, "subscribers", "add", "ada@example.com"], cwd=news)
    run([command, "send", "hello", "--yes"], cwd=news)
    assert "The chips are down" in (news / drafted.strip()).read_text(encoding="utf-8")
    assert len([*(news / "outbox").rglob("*.eml")]) == 1


def lowest_versions() -> list[str]:
    """Return a constraint for every dependency: the lowest version that pyproject.toml allows."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["dkim"]]
    return [re.sub(r">=([\w.]+).*", r"==\1", line) for line in lines]


def test_the_wheel_holds_the_templates_the_migrations_and_nothing_of_the_checkout(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())

    wanted = {f"newsletter/{path.relative_to(ROOT)}" for path in (ROOT / "templates").rglob("*") if path.is_file()}
    scripts = {str(path.relative_to(ROOT)) for path in (ROOT / "newsletter" / "database" / "migrations").rglob("*.py")}
    assert wanted | scripts <= names
    assert {name.split("/")[0] for name in names} == {
        "newsletter",
        next(n for n in names if n.endswith("METADATA")).split("/")[0],
    }


def normalized(name: str) -> str:
    """Return a distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_package_that_is_imported_is_declared_and_the_other_way_round() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    declared = {normalized(re.split(r"[^\w.-]", line)[0]) for line in [*project["dependencies"], *extras]}

    imported = {name for file in (ROOT / "newsletter").rglob("*.py") for name in third_party(file)}
    owners = packages_distributions()
    used = {normalized(owners[name][0]) for name in imported if name in owners}

    assert used - declared == set()
    assert declared - used == {"tzdata", "python-multipart", "httptools", "lxml-html-clean"}  # others import these


def third_party(file: Path) -> set[str]:
    """Return the top-level packages that a file imports, at its top or inside a function."""
    packages: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            packages |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            packages.add(node.module.split(".")[0])
    return packages - sys.stdlib_module_names - {"newsletter"}


def test_the_locked_environment_has_everything_that_is_declared_with_hashes_and_no_address() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lock = (ROOT / "requirements-dev.txt").read_text(encoding="utf-8")
    locked = dict(re.findall(r"^([\w.-]+)==([\w.+!-]+)", lock, re.MULTILINE))

    for line in (*project["project"]["dependencies"], *project["dependency-groups"]["dev"]):
        wanted = Requirement(line)
        assert wanted.name in locked, f"{wanted.name} is not locked: make lock"
        assert wanted.specifier.contains(locked[wanted.name]), f"{wanted} is locked at {locked[wanted.name]}: make lock"
    assert lock.count("--hash=sha256:") >= len(locked)
    assert not re.search(r"https?://|file:|index-url|find-links", lock)
