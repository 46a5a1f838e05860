"""The page that describes the API to people, made from its OpenAPI document; it loads nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

HEADERS: Mapping[str, str] = {}


def page(document: Mapping[str, Any]) -> str:
    """Return the page as HTML."""
    return f"<!doctype html><title>{document['info']['title']}</title>"
