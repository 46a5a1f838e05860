"""The outbox: a file per message."""

from __future__ import annotations

from email import message_from_bytes, policy
from pathlib import Path

import pytest

from newsletter.messages.mailing import Mailing
from newsletter.messages.types import Recipient
from newsletter.providers.base import Batch, Outcome
from newsletter.providers.outbox import file_name, send
from tests.conftest import without_rights
from tests.providers.test_postmark import ENVELOPE, recipient
from tests.support.sending import MESSAGE


def batch(*numbers: int) -> Batch:
    people = tuple(recipient(number) for number in numbers)
    return Batch(mailing=Mailing(MESSAGE, ENVELOPE), recipients=people, key="k", label="1-hello")


def test_every_message_is_a_file_that_any_mail_reader_opens(tmp_path: Path) -> None:
    answer = send(batch(1, 2), {"path": str(tmp_path)})

    files = sorted((tmp_path / "1-hello").iterdir())
    assert [path.name for path in files] == ["1.1-r1-example.com.eml", "1.2-r2-example.com.eml"]
    assert message_from_bytes(files[0].read_bytes(), policy=policy.default)["To"] == "r1@example.com"
    assert [result.outcome for result in answer.results] == [Outcome.ACCEPTED] * 2


def test_writing_a_batch_again_replaces_it(tmp_path: Path) -> None:
    send(batch(1, 2), {"path": str(tmp_path)})
    (tmp_path / "1-hello" / ".1.1-r1-example.com.eml.unfinished").write_bytes(b"half")

    send(batch(1, 2), {"path": str(tmp_path)})

    assert len([*(tmp_path / "1-hello").iterdir()]) == 2


@pytest.mark.parametrize("address", ["../../etc/passwd@example.com", "a/b@example.com", '"x\\y"@example.com', "." * 60])
def test_an_address_cannot_lead_out_of_the_outbox(address: str) -> None:
    name = file_name(Recipient(delivery_id="1.1", email=address, fields={}))

    assert Path(name).name == name
    assert name.startswith("1.1-")
    assert "/" not in name
    assert "\\" not in name


def test_a_long_address_still_makes_a_file_name() -> None:
    assert len(file_name(Recipient(delivery_id="1.1", email="a" * 300 + "@example.com", fields={}))) < 120


def test_a_folder_that_cannot_be_written_stops(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    with without_rights(tmp_path):
        answer = send(batch(1), {"path": str(tmp_path / "outbox")})

    assert "cannot be written" in answer.stop


def test_an_outbox_that_is_a_file_stops_and_nothing_counts_as_sent(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("in the way")

    answer = send(batch(1, 2), {"path": str(tmp_path / "outbox")})

    assert answer.stop.startswith("the outbox ")
    assert {result.outcome for result in answer.results} == {Outcome.BUSY}
