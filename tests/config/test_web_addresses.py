"""An address in newsletter.toml that cannot be taken apart is one error with its line, whichever setting holds it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.config import load_publication
from newsletter.config.provider_settings import is_well_formed
from newsletter.errors import ConfigError
from newsletter.web.public.security import default_headers

HOSTILE = [
    "https://[",
    "https://[::1",
    "https://[x]/",
    "https://a.example:99999999/",
    "https://a.example:x/",
    "https://:443/",
    "https://a.example;script-src/x",
    'https://a.example\\"/x',
    "https://a.example\\r\\nX: y/",
]
PLACES = {
    "url": '[publication]\nname = "N"\nurl = "{}"\nfrom = "a@example.com"\n[lists.daily]\ntitle = "D"\n',
    "logo": '{publication}\n[theme]\nlogo = "{}"\n',
    "social": '{publication}\n[theme.social]\nx = "{}"\n',
    "sites": '{publication}\n[signup]\nsites = ["{}"]\n',
    "challenge_url": '{publication}\n[signup]\nchallenge_url = "{}"\n',
    "sponsor url": '{publication}\n[sponsors.acme]\nname = "Acme"\nurl = "{}"\n',
    "sponsor image": '{publication}\n[sponsors.acme]\nname = "Acme"\nimage = "{}"\n',
    "base_url": '{publication}\n[providers.postmark]\ntoken = "env:X"\nbase_url = "{}"\n',
}
PUBLICATION = PLACES["url"].format("https://news.example.com").strip()


def written(folder: Path, place: str, address: str) -> Path:
    path = folder / "newsletter.toml"
    path.write_text(PLACES[place].replace("{publication}", PUBLICATION).replace("{}", address), encoding="utf-8")
    return path


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("address", HOSTILE)
def test_a_hostile_address_is_refused_at_its_line(tmp_path: Path, place: str, address: str) -> None:
    path = written(tmp_path, place, address)
    line = next(number for number, line in enumerate(path.read_text().splitlines(), 1) if address in line)

    with pytest.raises(ConfigError) as refused:
        load_publication(path)

    assert f"newsletter.toml:{line}: " in str(refused.value)
    assert "address" in str(refused.value)


@pytest.mark.parametrize("place", PLACES)
def test_usual_addresses_are_taken(tmp_path: Path, place: str) -> None:
    for address in (
        "https://a.example",
        "https://a.example:8443/b/c?d=e#f",
        "https://[2001:db8::1]/x",
        "https://ö.example/ü",
    ):
        load_publication(written(tmp_path, place, address))


@given(text=st.text(max_size=30))
def test_a_logo_never_breaks_the_policy_of_a_page(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    address = f"https://{text}"
    if not is_well_formed(address):
        return
    path = tmp_path_factory.mktemp("logo") / "newsletter.toml"
    path.write_text(
        f'{PUBLICATION}\n[theme]\nlogo = """{address}"""\n' if "\\" not in text else PUBLICATION, encoding="utf-8"
    )

    policy = default_headers(load_publication(path))["content-security-policy"]

    assert policy.count(";") == default_headers(load_publication(written(path.parent, "url", "https://a.example")))[
        "content-security-policy"
    ].count(";")
    assert policy.isprintable()
