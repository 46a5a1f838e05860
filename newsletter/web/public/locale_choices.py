"""The time zones and languages that a reader can choose, each under its name in the reader's language."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import available_timezones

from newsletter.rendering.translations import locale_of


@dataclass(frozen=True, kw_only=True)
class TimeZone:
    """A time zone to choose."""

    name: str
    """Its name in the IANA database, such as `Europe/Paris`."""
    city: str
    """Its city, in the reader's language."""


@lru_cache(maxsize=32)
def zones_by_region(code: str) -> tuple[tuple[str, tuple[TimeZone, ...]], ...]:
    """Return every time zone once, grouped by the first part of its name; `code` is the language of the cities.

    The cities of a region are in alphabetical order.
    """
    # Babel is imported where it is used: its data take a while to load.
    from babel.core import get_global

    regions: dict[str, list[TimeZone]] = {}
    for name in sorted(available_timezones() & {*get_global("zone_territories")}):
        region, slash, _city = name.partition("/")
        if slash and region != "Etc":
            regions.setdefault(region, []).append(TimeZone(name=name, city=city_of(name, code)))
    return tuple((region, tuple(sorted(zones, key=lambda zone: zone.city))) for region, zones in regions.items())


def city_of(name: str, code: str) -> str:
    """Return the city that a language calls a time zone by."""
    from babel.core import get_global

    locale = locale_of(code)
    first_name = get_global("zone_aliases").get(name, name)  # CLDR keeps a zone's first name
    city = locale.time_zones.get(first_name, {}).get("city") if locale else None
    return str(city or name.rpartition("/")[2].replace("_", " "))


def language_names(codes: list[str]) -> list[tuple[str, str]]:
    """Return each language's code and the name it has for itself."""
    names = []
    for code in codes:
        locale = locale_of(code)
        name = str(locale.get_display_name(locale)) if locale else code
        names.append((code, name[:1].upper() + name[1:]))
    return names
