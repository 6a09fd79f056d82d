"""Scripts and styles travel compressed; pages do not, since what is in them is secret."""

import gzip
from pathlib import Path

from django.test import Client

from dashboard import settings

STYLE, FACE = "/static/dashboard/style.css", "/static/dashboard/inter/inter-latin.woff2"
GZIP = {"Accept-Encoding": "gzip, br"}


def content_of(path: str) -> bytes:
    return (Path(settings.BASE_DIR) / "dashboard" / path.removeprefix("/")).read_bytes()


def test_a_style_is_compressed_for_whoever_takes_that() -> None:
    answer = Client().get(STYLE, headers=GZIP)
    compressed = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    assert answer["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in answer["Vary"]
    assert gzip.decompress(compressed) == content_of(STYLE)
    assert len(compressed) < len(content_of(STYLE)) / 2


def test_a_style_comes_as_it_is_without_that() -> None:
    answer = Client().get(STYLE)
    assert "Content-Encoding" not in answer
    assert "Accept-Encoding" in answer["Vary"]  # a cache must not give this answer to somebody else, nor the other way round
    assert b"".join(answer.streaming_content) == content_of(STYLE)  # type: ignore[attr-defined]


def test_a_part_of_a_style_comes_as_it_is() -> None:
    answer = Client().get(STYLE, headers={**GZIP, "Range": "bytes=0-9"})
    assert answer.status_code == 206
    assert "Content-Encoding" not in answer
    assert b"".join(answer.streaming_content) == content_of(STYLE)[:10]  # type: ignore[attr-defined]


def test_a_face_is_not_compressed_again() -> None:
    answer = Client().get(FACE, headers=GZIP)
    assert "Content-Encoding" not in answer
    assert b"".join(answer.streaming_content) == content_of(FACE)  # type: ignore[attr-defined]


def test_a_page_is_not_compressed(db: None) -> None:
    answer = Client().get("/login/", headers=GZIP)
    assert len(answer.content) > 1_000
    assert "Content-Encoding" not in answer
