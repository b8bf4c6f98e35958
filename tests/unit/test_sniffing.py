"""What a file is, by its bytes: real samples, hostile ones, and how each is served."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.domain.media import kind_of_type, shown_as
from parley.domain.sniffing import settled_type, sniff

SAMPLES = Path(__file__).parents[2] / "local" / "simulator" / "samples"
MP4 = b"\0\0\0\x18ftypmp42\0\0\0\0"
M4A = b"\0\0\0\x18ftypM4A \0\0\0\0"
ZIP = b"PK\x03\x04rest"
SVG = b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>"
HTML = b"\n  <!DOCTYPE HTML><script>alert(1)</script>"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.mark.parametrize(
    ("name", "kind", "declared", "kept"),
    [
        ("beach.jpg", "image", "image/jpeg", "image/jpeg"),
        ("beach.jpg", "image", "image/png", "image/jpeg"),
        ("beach.jpg", "document", "application/pdf", "image/jpeg"),
        ("star.webp", "sticker", "image/webp", "image/webp"),
        ("voice.ogg", "audio", "audio/ogg; codecs=opus", "audio/ogg; codecs=opus"),
        ("voice.ogg", "audio", None, "audio/ogg"),
        ("waves.mp4", "video", "video/mp4", "video/mp4"),
        ("waves.mp4", "audio", "audio/mp4", "audio/mp4"),
        ("order.pdf", "document", "application/pdf", "application/pdf"),
        ("order.pdf", "image", "image/jpeg", None),
        ("voice.ogg", "image", "image/jpeg", None),
        ("beach.jpg", "video", "video/mp4", None),
        ("beach.jpg", "audio", "audio/mpeg", None),
    ],
)
def test_a_real_file_is_kept_as_what_it_is(name: str, kind: str, declared: str | None, kept: str | None) -> None:
    assert settled_type(kind, (SAMPLES / name).read_bytes()[:4096], declared) == kept


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (HTML, "text/html"),
        (b"\xef\xbb\xbf<html>", "text/html"),
        (SVG, "image/svg+xml"),
        (b"<svg onload=alert(1)>", "image/svg+xml"),
        (b"<!-- x --><script>", "text/html"),
        (b"GIF89a<script>", "image/gif"),
        (b"#!AMR\n", "audio/amr"),
        (b"\xff\xf1\x50\x80", "audio/aac"),
        (b"\xff\xfb\x90\x00", "audio/mpeg"),
        (M4A, "audio/mp4"),
        (b"\0\0\0\x18ftypheic", "image/heic"),
        (b"\0\0\0\x18ftyp3gp4", "video/3gpp"),
        (b"MZ\x90", "application/vnd.microsoft.portable-executable"),
        (b"just text", None),
        (b"", None),
    ],
)
def test_first_bytes_tell(head: bytes, found: str | None) -> None:
    assert sniff(head) == found


@pytest.mark.parametrize("kind", ["image", "sticker", "audio", "video"])
@pytest.mark.parametrize("head", [HTML, SVG, ZIP, b"MZ\x90", b"{}", b"", b"\0\0\0\x18ftypheic"])
def test_what_could_run_is_neither_picture_nor_sound_nor_film(kind: str, head: bytes) -> None:
    assert settled_type(kind, head, f"{kind}/jpeg") is None


@pytest.mark.parametrize(
    ("head", "declared", "kept"),
    [
        (ZIP, DOCX, DOCX),
        (ZIP, "application/pdf", "application/zip"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/msword", "application/msword"),
        (HTML, "text/plain", "text/html"),
        (SVG, "application/pdf", "image/svg+xml"),
        (b"a;b\n1;2", "text/csv", "text/csv"),
        (b"\x80\x81\0", "text/csv", "application/octet-stream"),
        (b"\x80\x81\0", "image/png", "application/octet-stream"),
        (b"plain", "application/pdf", "text/plain"),
        (b"\x01\x02", "application/x-anything", "application/x-anything"),
        (b"\x01\x02", None, "application/octet-stream"),
        ("é".encode() * 2047 + b"abc", "text/plain", "text/plain"),
    ],
)
def test_a_document_may_be_anything_but_not_what_its_bytes_deny(head: bytes, declared: str | None, kept: str) -> None:
    assert settled_type("document", head[:4096], declared) == kept


@given(
    kind=st.sampled_from(["image", "sticker", "audio", "video", "document"]),
    head=st.binary(max_size=64) | st.sampled_from([HTML, SVG, MP4, ZIP]),
    declared=st.none() | st.text(max_size=30) | st.sampled_from(["image/svg+xml", "text/html", "image/png"]),
)
def test_nothing_that_a_browser_would_run_is_ever_shown(kind: str, head: bytes, declared: str | None) -> None:
    kept = settled_type(kind, head, declared)
    content_type, disposition = shown_as(kept, "a.html")
    if disposition.startswith("inline"):
        assert sniff(head) is not None
        assert content_type.partition("/")[0] in {"image", "audio", "video"}
        assert "svg" not in content_type
    else:
        assert content_type in {"application/pdf", "application/octet-stream"}


@pytest.mark.parametrize(
    ("mime_type", "name", "served"),
    [
        ("image/jpeg", None, ("image/jpeg", "inline")),
        ("audio/ogg; codecs=opus", None, ("audio/ogg", "inline")),
        ("image/svg+xml", "a.svg", ("application/octet-stream", "attachment; filename*=UTF-8''a.svg")),
        ("text/html", None, ("application/octet-stream", "attachment")),
        ("application/pdf", "conta é.pdf", ("application/pdf", "attachment; filename*=UTF-8''conta%20%C3%A9.pdf")),
        ("image/png", 'x"\r\n../y.png', ("image/png", "inline; filename*=UTF-8''x..y.png")),
        (None, None, ("application/octet-stream", "attachment")),
    ],
)
def test_a_file_is_served_as_what_no_browser_runs(mime_type: str | None, name: str | None, served: object) -> None:
    assert shown_as(mime_type, name) == served


@pytest.mark.parametrize(
    ("mime_type", "kind"),
    [("image/png", "image"), ("image/svg+xml", "document"), ("audio/mpeg", "audio"), ("video/mp4", "video"),
     ("text/html", "document"), ("application/pdf", "document")],
)  # fmt: skip
def test_a_type_says_what_a_file_is_sent_as(mime_type: str, kind: str) -> None:
    assert kind_of_type(mime_type) == kind
