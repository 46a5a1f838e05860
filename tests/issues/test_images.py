"""Pictures: kind and size from the first bytes, and whether the file is the publication's."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.issues.images import ImageFile, PictureError, find_picture, picture_url, read_picture
from tests import ROOT
from tests.support.writing import PNG

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xc0\0\x11\x08" + struct.pack(">HH", 580, 1104)
WEBP = b"RIFF\x24\0\0\0WEBPVP8X\x0a\0\0\0\x10\0\0\0" + (1103).to_bytes(3, "little") + (579).to_bytes(3, "little")


@pytest.mark.parametrize(
    ("head", "kind"),
    [(PNG, "png"), (b"GIF89a" + struct.pack("<HH", 1104, 580), "gif"), (JPEG, "jpeg"), (WEBP, "webp")],
)
def test_the_first_bytes_tell_kind_and_size(head: bytes, kind: str) -> None:
    assert read_picture(head.ljust(64, b"\0"), "x") == ImageFile(kind=kind, width=1104, height=580)


@pytest.mark.parametrize("head", [PNG[:20], b"GIF8", WEBP[:24], PNG[:16] + bytes(8)])
def test_a_picture_that_is_cut_short_or_has_no_size_is_refused(head: bytes) -> None:
    with pytest.raises(PictureError, match=r"broken|not a picture"):
        read_picture(head, "x")


@pytest.mark.parametrize("head", [b"\xff\xd8\xff", b"\xff\xd8\xff\xe0\0\0"])
def test_a_jpeg_may_say_its_size_later(head: bytes) -> None:
    assert read_picture(head, "x").width == 0


def test_the_sample_pictures_are_as_large_as_they_say() -> None:
    assert find_picture(ROOT, "images/chips.png").width == 1104


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("none.png", "no picture"),
        ("../outside.png", "outside"),
        ("/etc/passwd", "outside"),
        ("a.txt", "not a picture"),
        (".", "no picture"),
    ],
)
def test_what_is_no_picture_of_the_publication_is_refused(tmp_path: Path, path: str, words: str) -> None:
    root = tmp_path / "publication"
    root.mkdir()
    (root / "a.txt").write_text("words")
    (tmp_path / "outside.png").write_bytes(PNG)
    with pytest.raises(PictureError, match=words):
        find_picture(root, path)


def test_a_link_that_leads_out_of_the_publication_is_outside(tmp_path: Path) -> None:
    root = tmp_path / "publication"
    root.mkdir()
    (tmp_path / "outside.png").write_bytes(PNG)
    (root / "inside.png").symlink_to(tmp_path / "outside.png")
    with pytest.raises(PictureError, match="outside"):
        find_picture(root, "inside.png")


def test_readers_load_a_picture_from_the_publications_address() -> None:
    base = "https://news.example.com"
    assert picture_url(ROOT, base, "images/a b.png") == f"{base}/images/a%20b.png"
    assert picture_url(ROOT, base, "logo.png") == f"{base}/images/logo.png"
    assert picture_url(ROOT, base, "https://example.com/x.png") == "https://example.com/x.png"


@given(magic=st.sampled_from((PNG[:16], b"GIF89a", JPEG[:20], JPEG[:-4], WEBP[:12], WEBP[:16])), rest=st.binary())
def test_whatever_follows_the_first_bytes_has_a_size_or_is_broken(magic: bytes, rest: bytes) -> None:
    try:
        picture = read_picture(magic + rest, "x")
    except PictureError:
        return
    assert picture.kind == "jpeg" or (picture.width > 0 and picture.height > 0)


@pytest.mark.parametrize("length", range(64))
def test_a_png_cut_anywhere_is_refused_or_as_large_as_the_whole(length: int) -> None:
    whole = (ROOT / "images" / "chips.png").read_bytes()
    if length < 26:  # where the bytes that imagesize reads end
        with pytest.raises(PictureError, match=r"broken|not a picture"):
            read_picture(whole[:length], "x")
    else:
        assert read_picture(whole[:length], "x").width == 1104


def test_an_svg_has_no_size_and_is_never_parsed() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><svg width="&b;" height="10"/>'
    assert read_picture(bomb, "x") == ImageFile(kind="svg", width=0, height=0)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("images/a.gif", r"holds a PNG: rename it to end in \.png"),
        ("newsletter.db", "does not end in"),
        ("images/link.png", "does not end in"),
        ("issues/a.png", "move it to images/"),
        (".cache/a.png", "move it to images/"),
    ],
)
def test_a_picture_that_readers_would_not_get_is_refused_with_what_to_do(tmp_path: Path, path: str, words: str) -> None:
    for name in ("images", "issues", ".cache"):
        (tmp_path / name).mkdir()
    for name in ("images/a.gif", "newsletter.db", "issues/a.png", ".cache/a.png"):
        (tmp_path / name).write_bytes((ROOT / "images" / "chips.png").read_bytes())
    (tmp_path / "images" / "link.png").symlink_to(tmp_path / "newsletter.db")

    with pytest.raises(PictureError, match=words):
        find_picture(tmp_path, path)


@pytest.mark.parametrize(
    "head", [b"a <svg/>", b"<html><svg/></html>", b"<svgx/>", b"SQLite format 3\0<svg/>", b"<!--<svg/>"]
)
def test_an_svg_inside_something_else_is_not_a_picture(head: bytes) -> None:
    with pytest.raises(PictureError, match="not a picture"):
        read_picture(head, "x")
