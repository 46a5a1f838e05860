"""Limits count a mailbox with all its tags as one, and an IPv6 network with its neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.addresses import mailbox_key
from newsletter.config import load_publication
from newsletter.database.connection import Database, open_database
from newsletter.rates import Rate
from newsletter.subscribers.rate_limits import FormUse, SignupLimits, address_use, network_use, networks_of
from tests.subscribers.test_signups import NOW

pytestmark = pytest.mark.usefixtures("each_database")

LIMIT = Rate("3/h")


@pytest.fixture
def db(publication_folder: Path) -> Iterator[Database]:
    database = open_database(load_publication(publication_folder / "newsletter.toml"))
    yield database
    database.close()


def taken(db: Database, *uses: FormUse) -> int:
    """How many of the uses are allowed."""
    with db.begin() as connection:
        return sum(SignupLimits(b"key").take(connection, uses, NOW))


@pytest.mark.parametrize(
    "addresses",
    [
        ("victim+1@example.com", "Victim+2@Example.com", "victim@example.com", "VICTIM+a+b@example.com"),
        ("victim@gmail.com", "v.i.c.t.i.m+news@gmail.com", "vic.tim@googlemail.com", "victim+@gmail.com"),
    ],
)
def test_a_mailbox_cannot_be_flooded_through_its_tags(db: Database, addresses: tuple[str, ...]) -> None:
    assert taken(db, *(address_use(address, LIMIT) for address in addresses)) == 3


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ada.byron@example.com", "adabyron@example.com"),
        ("+ada@example.com", "+bob@example.com"),
        ("ada@gmail.com", "ada@example.com"),
        ("ada-news@example.com", "ada@example.com"),
    ],
)
def test_these_are_two_mailboxes(one: str, other: str) -> None:
    assert mailbox_key(one) != mailbox_key(other)


@pytest.mark.parametrize(
    ("size", "allowed"),
    [(64, 3), (56, 12), (48, 48)],
)
def test_an_ipv6_network_is_limited_at_every_size_that_customers_get(db: Database, size: int, allowed: int) -> None:
    network = ip_network("2001:db8:1::/48")
    step = 1 << (128 - 64) if size < 64 else 1
    many = (str(network[0] + step * (n if size != 48 else n << 8 | n >> 8)) for n in range(200))

    assert taken(db, *(network_use(address, LIMIT) for address in many)) == allowed


def test_a_neighbour_is_not_shut_out_by_one_machine(db: Database) -> None:
    taken(db, *(network_use("2001:db8:1:1::7", LIMIT) for _ in range(50)))

    assert taken(db, network_use("2001:db8:1:2::7", LIMIT)) == 1


def test_a_use_that_one_of_its_limits_refuses_counts_against_none(db: Database) -> None:
    refused = [network_use("2001:db8:1:1::7", LIMIT) for _ in range(50)]
    taken(db, *refused, *refused)

    others = [network_use(f"2001:db8:1:{n}::7", LIMIT) for n in range(2, 12)]
    assert taken(db, *others) == 9  # three of the household's twelve are used up


def test_uses_are_allowed_again_when_their_time_is_over(db: Database) -> None:
    use = network_use("2001:db8::1", LIMIT)
    taken(db, *[use] * 4)

    with db.begin() as connection:
        assert SignupLimits(b"key").take(connection, [use], NOW + timedelta(hours=2)) == [True]


@given(address=st.ip_addresses(v=6))
def test_each_network_key_of_an_ipv6_address_holds_it_and_grows(address: IPv6Address) -> None:
    keys = networks_of(str(address))

    if len(keys) == 1:  # an IPv4 address that IPv6 carries
        assert isinstance(ip_address(keys[0][0]), IPv4Address)
        assert address in ip_network("::ffff:0:0/96") or address in ip_network("2000::/3") or address.packed[1] == 0x64
        return
    networks = [ip_network(name) for name, _factor in keys]
    assert [network.prefixlen for network in networks] == [64, 56, 48]
    assert all(address in network for network in networks)
    assert [factor for _name, factor in keys] == [1, 4, 16]


@given(address=st.ip_addresses(v=6), other=st.integers(0, (1 << 64) - 1))
def test_all_addresses_of_one_subnet_have_the_same_keys(address: IPv6Address, other: int) -> None:
    neighbour = IPv6Address(int(address) >> 64 << 64 | other)
    keys = [networks_of(str(each)) for each in (address, neighbour)]

    assert keys[0] == keys[1] or any(len(each) == 1 for each in keys)


@given(address=st.ip_addresses(v=4))
def test_an_ipv4_address_has_one_key_however_it_arrives(address: IPv4Address) -> None:
    six_to_four = f"2002:{int(address) >> 16:x}:{int(address) & 0xFFFF:x}::1"
    spellings = [str(address), f"::ffff:{address}", f"64:ff9b::{address}", six_to_four]

    assert [networks_of(each) for each in spellings] == [[(str(address), 1)]] * 4


@given(text=st.text(max_size=40))
def test_what_is_no_address_is_a_network_by_itself(text: str) -> None:
    keys = networks_of(text)

    assert keys
    assert networks_of("unknown") == [("unknown", 1)]
