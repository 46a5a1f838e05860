"""Readers by the API: added, found, changed, erased, imported, listed in pages."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from sqlalchemy import select

from newsletter.database.program_tables import api_write
from newsletter.subscribers import suppressions
from newsletter.subscribers.suppressions import Reason
from newsletter.times import utc_now
from tests.web.api.serving import ServedApi


def test_a_reader_is_added_with_everything_and_the_evidence_names_the_key(api: ServedApi) -> None:
    shop = api.make_key("shop")
    body = {
        "email": "Ada@Example.com",
        "first_name": "Ada",
        "timezone": "Europe/London",
        "lists": {"daily": "active", "weekly": "pending"},
        "fields": {"plan": "pro", "visits": 3},
        "tags": ["vip", "early"],
    }

    answer = api.ask("POST", "/subscribers", shop, json=body)

    assert answer.status_code == 201, answer.text
    reader = answer.json()
    assert reader["email"] == "Ada@example.com"
    assert reader["lists"] == {"daily": "active", "weekly": "pending"}
    assert reader["fields"] == {"first_name": "Ada", "timezone": "Europe/London", "plan": "pro", "visits": 3}
    assert reader["tags"] == ["early", "vip"]
    assert {proof["source"] for proof in reader["consent"]} == {"api:shop"}
    assert api.get(f"/subscribers/{reader['id']}") == reader
    assert api.get("/subscribers/ada@example.com") == reader
    with api.database.read() as connection:
        written = connection.execute(select(api_write.c.operation, api_write.c.target)).all()
    assert ("createSubscriber", f"subscriber {reader['id']}") in [tuple(row) for row in written]


def test_adding_somebody_again_tells_more_about_them_and_erases_nothing(api: ServedApi) -> None:
    api.ask("POST", "/subscribers", json={"email": "bea@example.com", "first_name": "Bea", "tags": ["a"]})

    answer = api.ask("POST", "/subscribers", json={"email": "bea@example.com", "tags": ["b"]})

    assert answer.status_code == 200
    assert answer.json()["fields"] == {"first_name": "Bea"}
    assert answer.json()["tags"] == ["a", "b"]


def test_who_left_comes_back_only_when_they_asked_for_it(api: ServedApi) -> None:
    api.ask("POST", "/subscribers", json={"email": "cid@example.com", "lists": {"daily": "unsubscribed"}})

    refused = api.ask("POST", "/subscribers", json={"email": "cid@example.com"})
    patched = api.ask("PATCH", "/subscribers/cid@example.com", json={"lists": {"weekly": "active"}})
    asked = api.ask("POST", "/subscribers", json={"email": "cid@example.com", "resubscribe": True})

    assert (refused.status_code, patched.status_code) == (409, 409)
    assert refused.json()["hint"] == 'If they asked to be back, send `"resubscribe": true`.'
    assert asked.json()["lists"] == {"daily": "active"}


def test_a_suppressed_address_is_not_added_and_the_answer_says_why(api: ServedApi) -> None:
    with api.database.begin() as connection:
        suppressions.suppress(connection, "dan@example.com", Reason.COMPLAINED, "", utc_now())

    answer = api.ask("POST", "/subscribers", json={"email": "dan@example.com"})

    assert answer.status_code == 409
    assert "complained" in answer.json()["detail"]


def test_a_change_replaces_what_it_names_and_leaves_the_rest(api: ServedApi) -> None:
    body = {"email": "eve@example.com", "first_name": "Eve", "last_name": "Ng", "fields": {"plan": "pro", "visits": 1}}
    api.ask("POST", "/subscribers", json={**body, "tags": ["a", "b"]})

    patch = {"last_name": None, "fields": {"plan": None, "visits": 2}, "tags": ["c"], "lists": {"weekly": "active"}}
    answer = api.ask(
        "PATCH",
        "/subscribers/eve@example.com",
        json=patch,
        headers={"Content-Type": "application/merge-patch+json"},
    )

    assert answer.status_code == 200, answer.text
    changed = answer.json()
    assert changed["fields"] == {"first_name": "Eve", "visits": 2}
    assert changed["tags"] == ["c"]
    assert changed["lists"] == {"daily": "active", "weekly": "active"}


def test_a_change_that_is_refused_half_way_changes_nothing(api: ServedApi) -> None:
    api.ask("POST", "/subscribers", json={"email": "fay@example.com", "first_name": "Fay"})

    answer = api.ask("PATCH", "/subscribers/fay@example.com", json={"first_name": "X", "lists": {"nolist": "active"}})

    assert answer.status_code == 422
    assert 'no list is named "nolist"' in answer.json()["detail"]
    assert api.get("/subscribers/fay@example.com")["fields"] == {"first_name": "Fay"}


def test_an_erased_reader_is_gone_and_a_forgotten_one_stays_away(api: ServedApi) -> None:
    for address in ("gil@example.com", "hal@example.com"):
        api.ask("POST", "/subscribers", json={"email": address})

    erased = api.ask("DELETE", "/subscribers/gil@example.com")
    forgotten = api.ask("DELETE", "/subscribers/hal@example.com?forget=true")

    assert (erased.status_code, erased.content) == (204, b"")
    assert forgotten.status_code == 204
    assert api.ask("GET", "/subscribers/gil@example.com").status_code == 404
    assert api.ask("POST", "/subscribers", json={"email": "gil@example.com"}).status_code == 201
    assert api.ask("POST", "/subscribers", json={"email": "hal@example.com"}).status_code == 409


@pytest.mark.parametrize("name", ["nobody@example.com", "0", "99999", "99999999999999999999", "%00", "a/b/c", "x"])
def test_an_unknown_reader_is_a_clear_refusal(api: ServedApi, name: str) -> None:
    answer = api.ask("GET", f"/subscribers/{name}")

    assert answer.status_code in (404, 422)
    assert "example.com" not in answer.json()["detail"]


def test_an_address_with_odd_signs_is_found_by_its_encoded_form(api: ServedApi) -> None:
    address = "o'neil/sales+news@example.com"
    api.ask("POST", "/subscribers", json={"email": address})

    assert api.get(f"/subscribers/{quote(address, safe='')}")["email"] == address


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"email": "no@address"}, '"no@address" is not an email address'),
        ({"email": "i@example.com", "lists": {"nolist": "active"}}, 'no list is named "nolist"'),
        ({"email": "i@example.com", "timezone": "Mars"}, "Mars"),
        ({"email": "i@example.com", "fields": {"visits": "many"}}, 'visits "many" is not a number'),
        ({"email": "i@example.com", "fields": {"email": "x"}}, '"email" cannot be a field'),
        ({"email": "i@example.com", "first_name": "A\x00"}, "NUL"),
    ],
)
def test_a_value_that_cannot_be_is_named_and_nothing_is_added(
    api: ServedApi, body: dict[str, object], detail: str
) -> None:
    answer = api.ask("POST", "/subscribers", json=body)

    assert answer.status_code == 422, answer.text
    assert detail in answer.json()["detail"]
    assert api.ask("GET", "/subscribers/i@example.com").status_code == 404


@pytest.mark.parametrize(
    ("content", "media_type", "status", "detail"),
    [
        (b"{", "application/json", 400, "not JSON"),
        (b"[]", "application/json", 400, "the body: expected"),
        (b'{"email":1}', "application/json", 400, "the body at email"),
        (b'{"email":"j@example.com","emial":1}', "application/json", 400, "emial"),
        (b'{"email":"j@example.com","lists":{"daily":"maybe"}}', "application/json", 400, "maybe"),
        (b'{"email":"\xff"}', "application/json", 400, "not JSON"),
        (b"email=j@example.com", "application/x-www-form-urlencoded", 415, "application/json"),
        (b"x" * 70_000, "application/json", 413, "65,536 bytes"),
    ],
)
def test_a_body_that_does_not_fit_is_refused_with_its_place(
    api: ServedApi, content: bytes, media_type: str, status: int, detail: str
) -> None:
    answer = api.ask("POST", "/subscribers", data=content, headers={"Content-Type": media_type})

    assert answer.status_code == status, answer.text
    assert detail in answer.json()["detail"]


def test_pages_lead_through_all_readers_and_their_cursors_hold_no_address(api: ServedApi) -> None:
    for number in range(7):
        api.ask("POST", "/subscribers", json={"email": f"page{number}@example.com", "tags": ["paged"]})

    pages, cursor = [], ""
    while True:
        page = api.get("/subscribers", limit=3, tag="paged", **({"cursor": cursor} if cursor else {}))
        pages.append([reader["email"] for reader in page["data"]])
        cursor = page["next"]
        if cursor is None:
            break

    assert pages == [[f"page{n}@example.com" for n in part] for part in ((0, 1, 2), (3, 4, 5), (6,))]


def test_readers_are_chosen_by_list_status_tag_and_segment(api: ServedApi) -> None:
    for name, plan, lists in (("k", "pro", {"weekly": "active"}), ("l", "free", {"weekly": "pending"})):
        body = {"email": f"{name}@choose.example.com", "fields": {"plan": plan}, "lists": lists, "tags": ["chosen"]}
        api.ask("POST", "/subscribers", json=body)

    def chosen(**query: str) -> list[str]:
        return [reader["email"][0] for reader in api.get("/subscribers", tag="chosen", **query)["data"]]

    assert chosen() == ["k", "l"]
    assert chosen(list="weekly", status="pending") == ["l"]
    assert chosen(segment="pro") == ["k"]


@pytest.mark.parametrize(
    "query", ["cursor=x.y", "limit=0", "limit=1001", "limit=x", "limt=1", "limit=1&limit=2", "status=gone"]
)
def test_a_query_that_does_not_fit_is_refused(api: ServedApi, query: str) -> None:
    assert api.ask("GET", f"/subscribers?{query}").status_code == 400


def test_a_cursor_of_another_list_is_refused(api: ServedApi) -> None:
    cursor = api.get("/subscribers", limit=1)["next"]

    assert api.ask("GET", "/suppressions", params={"cursor": cursor}).status_code == 422
    assert api.ask("GET", "/suppressions", params={"cursor": "x"}).status_code == 422


def test_a_csv_file_is_imported_and_bad_rows_cost_no_good_one(api: ServedApi) -> None:
    content = b"email,first_name,plan\nmia@example.com,Mia,pro\nno address,X,\nned@example.com,Ned,\n"

    answer = api.ask("POST", "/subscribers/import", data=content, headers={"Content-Type": "text/csv"})

    assert answer.status_code == 200, answer.text
    report = answer.json()
    assert (report["rows"], report["added"], report["refused"]) == (3, 2, 1)
    assert report["refusals"][0]["row"] == 3
    mia = api.get("/subscribers/mia@example.com")
    assert mia["fields"] == {"first_name": "Mia", "plan": "pro"}
    assert mia["consent"][0]["source"] == "api:everything"


def test_a_file_without_a_good_row_is_refused(api: ServedApi) -> None:
    answer = api.ask("POST", "/subscribers/import", data=b"email\nx\n", headers={"Content-Type": "text/csv"})

    assert answer.status_code == 422
    assert "no row was imported" in answer.json()["detail"]
