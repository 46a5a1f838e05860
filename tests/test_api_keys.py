"""Keys of the HTTP API, and `newsletter keys`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.conftest import Run

pytestmark = pytest.mark.usefixtures("each_database")


def test_a_key_is_shown_once_and_only_its_hash_is_kept(publication_folder: Path, newsletter: Run) -> None:
    added = newsletter("keys", "add", "shop", "--scope", "read,subscribers", cwd=publication_folder)
    key = added.stdout.strip()

    assert re.fullmatch(r"nlk_[\w-]{43}", key)
    assert "not shown again" in added.stderr
    files = [file for file in publication_folder.rglob("*") if file.is_file()]
    assert not [file for file in files if key[4:].encode() in file.read_bytes()]


def test_keys_are_listed_with_what_they_may_do_and_stay_listed_when_revoked(
    publication_folder: Path, newsletter: Run
) -> None:
    made = newsletter(
        "keys", "add", "shop", "--scope", "read", "--scope", "campaigns", "--json", cwd=publication_folder
    )
    assert json.loads(made.stdout)["scopes"] == ["campaigns", "read"]

    newsletter("keys", "revoke", "shop", cwd=publication_folder)

    [listed] = json.loads(newsletter("keys", "list", "--json", cwd=publication_folder).stdout)
    assert (listed["name"], listed["scopes"]) == ("shop", ["campaigns", "read"])
    assert listed["revoked_at"]
    assert "key" not in listed
    assert "revoked" in newsletter("keys", "list", cwd=publication_folder).stdout


def test_a_name_is_never_used_again_because_the_evidence_has_it(publication_folder: Path, newsletter: Run) -> None:
    newsletter("keys", "add", "shop", "--scope", "read", cwd=publication_folder)
    newsletter("keys", "revoke", "shop", cwd=publication_folder)

    again = newsletter("keys", "add", "shop", "--scope", "read", cwd=publication_folder)

    assert again.returncode == 1
    assert 'a key named "shop" was made before' in again.stderr


def test_mistakes_are_named_and_nothing_is_made(publication_folder: Path, newsletter: Run) -> None:
    scope = newsletter("keys", "add", "shop", "--scope", "raed", cwd=publication_folder)
    name = newsletter("keys", "add", "a b", "--scope", "read", cwd=publication_folder)
    none = newsletter("keys", "add", "shop", "--scope", ",", cwd=publication_folder)
    missing = newsletter("keys", "add", "shop", cwd=publication_folder)
    unknown = newsletter("keys", "revoke", "shop", cwd=publication_folder)

    assert 'Did you mean "read"?' in scope.stderr
    assert '"a b" cannot name a key' in name.stderr
    assert "no scope" in none.stderr
    assert "no scope" in missing.stderr
    assert "Scopes: campaigns, publish, read, subscribers." in missing.stderr
    assert 'no key is named "shop"' in unknown.stderr
    assert [run.returncode for run in (scope, name, none, missing, unknown)] == [2, 2, 2, 2, 1]
    assert json.loads(newsletter("keys", "list", "--json", cwd=publication_folder).stdout) == []
