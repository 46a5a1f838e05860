"""Time zones as a reader chooses one: by region and city, in the reader's language."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import available_timezones

from newsletter.rendering.translations import locale_of


@dataclass(frozen=True, kw_only=True)
class Zone:
    """One to choose."""

    name: str
    """As the IANA names it."""
    city: str


@lru_cache(maxsize=32)
def zones_by_region(code: str) -> tuple[tuple[str, tuple[Zone, ...]], ...]:
    """Every zone once, by the first part of its name, cities in alphabetical order."""
    from babel.core import get_global

    regions: dict[str, list[Zone]] = {}
    for name in sorted(available_timezones() & {*get_global("zone_territories")}):
        region, slash, _city = name.partition("/")
        if slash and region != "Etc":
            regions.setdefault(region, []).append(Zone(name=name, city=city_of(name, code)))
    return tuple((region, tuple(sorted(zones, key=lambda zone: zone.city))) for region, zones in regions.items())


def city_of(name: str, code: str) -> str:
    """What a zone is called in a language: its city."""
    from babel.core import get_global

    locale = locale_of(code)
    listed = get_global("zone_aliases").get(name, name)  # CLDR keeps a zone's first name
    known = locale.time_zones.get(listed, {}).get("city") if locale else None
    return str(known or name.rpartition("/")[2].replace("_", " "))


def names_of_languages(codes: list[str]) -> list[tuple[str, str]]:
    """Languages by their code, each by the name it has for itself."""
    found = []
    for code in codes:
        locale = locale_of(code)
        name = str(locale.get_display_name(locale)) if locale else code
        found.append((code, name[:1].upper() + name[1:]))
    return found
