"""Zip files of exports: read as they are, within bounds."""

from __future__ import annotations

import io
import zipfile

import pytest

from newsletter.errors import NewsletterError
from tests.support.readers import Readers

pytestmark = pytest.mark.usefixtures("each_database")

_HEADER = "Email Address,MEMBER_RATING,OPTIN_TIME,TAGS\n"


def packed(**files: str | bytes) -> bytes:
    """Return a zip file; `__` stands for `/` and a last `_` for a dot in the names."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            stem, _, extension = name.rpartition("_")
            archive.writestr(f"{stem.replace('__', '/')}.{extension}", content)
    return stream.getvalue()


def test_the_files_of_a_zip_file_are_read_and_each_says_who_left(readers: Readers) -> None:
    report = readers.read(
        packed(
            audience__subscribed_members_export_1_csv=f'{_HEADER}in@example.com,2,2021-03-04,"""VIP"""\n',
            audience__unsubscribed_members_export_1_csv=f"{_HEADER}out@example.com,2,2021-03-04,\nin2@example.com,2,,\n",
            audience__cleaned_members_export_1_csv=f"{_HEADER}dead@example.com,2,2021-03-04,\n",
            audience__nonsubscribed_members_export_1_csv=f"{_HEADER}shop@example.com,2,,\n",
            campaigns__march_html="<p>",
            ____MACOSX__x_csv="email\nnobody@example.com\n",
            granular_activity__opens_csv="Timestamp,Email\n1,opener@example.com\n",
        ),
        "export.zip",
    )

    assert readers.statuses() == {
        "in": "active",
        "out": "unsubscribed",
        "in2": "unsubscribed",
        "dead": "unsubscribed",
        "shop": "unsubscribed",
    }
    assert (readers.suppressed(), report.rows, report.platform) == ({"dead": "bounced"}, 5, "mailchimp")
    assert "march.html" in readers.told[-1]
    assert "opens.csv" in readers.told[-1]
    assert readers.find("in@example.com").consent[0].detail["part"] == "subscribed_members_export_1.csv"


def test_of_a_publication_of_substack_only_the_list_is_imported(readers: Readers) -> None:
    list_ = "email,active_subscription,expiry,plan,email_disabled,created_at\n"
    list_ += "in@example.com,false,,other,false,2024-01-01\n"
    opens = "post_id,timestamp,email,post_type,active_subscription\n1,2024-01-01,out@example.com,newsletter,false\n"
    readers.read(packed(posts_csv="post_id,title\n1,A\n", posts__1_opens_csv=opens, email_list_news_csv=list_), "x.zip")

    assert readers.statuses() == {"in": "active"}


def test_a_refused_row_of_a_zip_file_is_named_with_its_file(readers: Readers) -> None:
    report = readers.read(packed(some_csv="email\nbad\n", other_csv="email\na@example.com\n"), "x.zip")

    assert [(refusal.file.name, refusal.row) for refusal in report.refusals] == [("some.csv", 2)]


def test_one_unclear_column_in_a_zip_file_stops_all_of_it(readers: Readers) -> None:
    with pytest.raises(NewsletterError) as stopped:
        readers.read(packed(a_csv="email\na@example.com\n", b_csv="email,left\nb@example.com,perhaps\n"), "x.zip")

    assert stopped.value.place == "x.zip/b.csv:1:7"
    assert readers.all() == []


def test_a_file_that_unpacks_to_far_more_than_text_would_is_refused(readers: Readers) -> None:
    bomb = packed(a_csv=b"email\n" + b" " * (80 << 20))

    with pytest.raises(NewsletterError, match="unpacks to more than 64 MiB"):
        readers.read(bomb, "x.zip")


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        (packed(readme_txt_md="x"), "has no CSV file with readers"),
        (packed(posts_csv="title,url\nA,B\n"), "has no CSV file with readers"),
        (packed(a_csv="email\n" * 9)[:-40], "the zip file cannot be read"),
        (packed(**{"[Content_Types]_xml": "<x/>", "a_csv": "email\n"}), "this is an Excel workbook"),
        (packed(**{"META-INF__manifest_xml": "<x/>"}), "this is a spreadsheet document"),
    ],
    ids=["no csv", "no addresses", "cut off", "workbook", "spreadsheet"],
)
def test_a_zip_file_without_readers_is_refused(readers: Readers, archive: bytes, message: str) -> None:
    with pytest.raises(NewsletterError, match=message):
        readers.read(archive, "x.zip")


def test_paths_in_a_zip_file_lead_nowhere(readers: Readers) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("../../etc/readers.csv", "email\na@example.com\n")
        archive.writestr("/tmp/\x1b[31m.html", "x")

    readers.read(stream.getvalue(), "x.zip")

    assert readers.statuses() == {"a": "active"}
    assert all(sign.isprintable() for text in readers.told for sign in text)
