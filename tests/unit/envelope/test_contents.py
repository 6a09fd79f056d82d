"""Payloads in other charsets, with byte order marks and packed by gzip, and that opening them is bounded."""

import gzip
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.privacy import AccessProfile
from dashboard.rendering import payload_of_event
from dashboard.rendering.event_json import event_as_json
from eventstore.envelope import read_event
from eventstore.envelope.contents import ALWAYS_UNPACKED, MOST_TIMES, MOST_UNPACKED, most_unpacked
from eventstore.model.events import Event
from eventstore.search.eval_context import UNREADABLE, EvalContext, document_of
from tests.examples import examples
from tests.unit.envelope.test_mapping import mappings
from tests.unit.messages import CE, DOCUMENT, gzipped, json, message

SEES = AccessProfile(name="t", sees_values=True)
TEXT = '{"x":"\u00fc"}'
BOM = b"\xef\xbb\xbf"
GZIP = {"ce_datacontenttype": "application/json", "contentencoding": "gzip"}


def read(payload: bytes, content_type: str = "", **properties: str) -> Event:
    return read_event(message(payload, properties=CE | {"ce_datacontenttype": content_type} | properties))


@pytest.mark.parametrize("charset", ["utf-16", "UTF-16LE", "utf-16be", "utf-32", "iso-8859-1", "latin1", "windows-1252"])
@pytest.mark.parametrize("media", ["application/json", "application/vnd.x+json; v=1", "text/plain"])
def test_a_payload_is_decoded_by_the_charset_that_its_content_type_names(charset: str, media: str) -> None:
    event = read(TEXT.encode(charset), f'{media}; charset="{charset}"')
    assert (event.problem, event.data) == ("", TEXT.encode())
    assert event.recoded is not None
    assert event.recoded.words == f"Decoded from {charset.lower()}."
    assert event.message.payload == TEXT.encode(charset)


def test_utf_16_without_a_byte_order_mark_is_big_endian() -> None:
    assert read(TEXT.encode("utf-16-be"), "application/json; charset=utf-16").data == TEXT.encode()


@pytest.mark.parametrize("payload", [BOM + b'{"x":1}', '{"x":1}'.encode("utf-16"), '\ufeff{"x":1}'.encode("utf-32-be")])
@pytest.mark.parametrize("content_type", ["", "application/json", "text/plain"])
def test_a_byte_order_mark_says_how_to_read_a_text_and_is_left_out(payload: bytes, content_type: str) -> None:
    event = read(payload, content_type)
    assert (event.data, document_of(event)) == (b'{"x":1}', {"x": 1})
    mapped = read_event(message(payload), mappings('type = { from = "json", path = "x" }'))
    assert (mapped.problem, mapped.type, mapped.data) == ("", "1", b'{"x":1}')


@pytest.mark.parametrize(
    ("payload", "content_type"),
    [
        (b"\xff\xfe\x01\x02", ""),
        (BOM + b"\xff", "application/json"),
        (BOM + b"x", "image/png"),
        ("x".encode("utf-16"), "application/octet-stream; charset=utf-16"),
        (b"plain", "application/json; charset=utf-8"),
        (b"\x1f\x8b", "application/json"),
        (gzipped(b"{}"), "application/gzip"),
        (b"", "text/plain; charset=latin1"),
    ],
)
def test_what_is_no_text_or_not_declared_stays_as_it_is(payload: bytes, content_type: str) -> None:
    assert read(payload, content_type).data == payload


@pytest.mark.parametrize("charset", ["idna", "punycode", "unicode_escape", "rot13", "undefined", "hex", "utf-7", "x" * 40])
def test_only_charsets_of_texts_are_decoded(charset: str) -> None:
    event = read(b"xn--abc", f"text/plain; charset={charset}")
    assert event.data == b"xn--abc"
    assert event.recoded is not None
    assert "not known" in event.recoded.words


def test_what_is_not_in_its_declared_charset_stays_and_says_so() -> None:
    event = read(b"{\x00}", "application/json; charset=utf-16")
    assert event.data == b"{\x00}"
    assert event.recoded is not None
    assert event.recoded.words == "It should be in utf-16, which it is not: shown as it is."


@pytest.mark.parametrize("name", ["contentencoding", "Content-Encoding", "contentEncoding", "ce_contentencoding"])
def test_a_payload_that_is_declared_as_gzip_is_unpacked(name: str) -> None:
    packed = gzip.compress(b'{"x":1}')
    event = read(packed, "application/json", **{name: "gzip"})
    assert (event.data, document_of(event)) == (b'{"x":1}', {"x": 1})
    assert event.recoded is not None
    assert event.recoded.words == f"Unpacked from gzip: 7 bytes of {len(packed)}."
    shown = payload_of_event(event, SEES, 1000)
    assert (shown.kind, shown.note) == ("json", event.recoded.words)


def test_gzip_charset_and_files_one_behind_the_other_work_together() -> None:
    packed = gzip.compress(TEXT.encode("utf-16")[:6]) + gzip.compress(TEXT.encode("utf-16")[6:])
    event = read(packed, "application/json; charset=utf-16", contentencoding="gzip")
    assert event.data == TEXT.encode()


def test_a_structured_event_may_be_packed_and_in_another_charset() -> None:
    document = json(DOCUMENT | {"data": [1]}).decode()
    declared = {"content-type": "application/cloudevents+json; charset=utf-16", "content-encoding": "gzip"}
    event = read_event(message(gzip.compress(document.encode("utf-16")), properties=declared))
    assert (event.problem, event.id, event.data) == ("", "e-1", b"[1]")


@pytest.mark.slow
@pytest.mark.parametrize("size", [ALWAYS_UNPACKED, ALWAYS_UNPACKED + 1, 50_000_000])
def test_a_bomb_is_cut_at_the_limit_and_says_so(size: int) -> None:
    packed = gzip.compress(b"0" * size)
    event = read(packed, "text/plain", contentencoding="gzip")
    limit = most_unpacked(len(packed))
    assert limit <= min(MOST_UNPACKED, max(ALWAYS_UNPACKED, MOST_TIMES * len(packed)))
    assert event.data == b"0" * min(size, limit)
    assert event.recoded is not None
    assert event.recoded.cut == (size > limit)
    assert f"{min(size, limit):,} bytes" in event.recoded.words


def test_what_is_cut_is_never_taken_for_the_whole() -> None:
    packed = gzip.compress(b"1" * 100_000)
    event = read_event(message(packed, properties=CE | GZIP))
    assert document_of(event) is UNREADABLE
    assert EvalContext(event).text_is_cut
    assert b'"data_base64"' in event_as_json(event, SEES)
    mapped = read_event(message(packed, properties=GZIP), mappings('type = { from = "json", path = "@" }'))
    assert mapped.problem == "unrecognised format: its payload is gzip and holds more than its topic's mapping may unpack"


def test_a_hundred_thousand_files_in_one_payload_are_not_all_opened() -> None:
    event = read(gzip.compress(b"") * 100_000, "text/plain", contentencoding="gzip")
    assert event.recoded is not None
    assert (event.data, event.recoded.cut) == (b"", True)


@pytest.mark.parametrize("damage", [slice(0, 12), slice(0, -1), slice(0, -9)])
def test_damaged_gzip_is_shown_as_it_is_and_says_so(damage: slice) -> None:
    packed = gzip.compress(b'{"x":1}')[damage]
    event = read(packed, "application/json", contentencoding="gzip")
    assert event.data == packed
    assert event.recoded is not None
    assert event.recoded.words == "It is declared as gzip, but is cut off or damaged: shown as it is."


charsets = st.sampled_from(["", "utf-8", "utf-16", "utf-32be", "iso-8859-12", "iso-2022-jp", "idna", "big5", "cp9999"])
medias = st.sampled_from(["", "application/json", "text/x", "image/png", "a", ";"])
bodies = st.binary(max_size=60) | st.sampled_from([BOM, b"\xff\xfe", b"\xfe\xff\x00", b"\xff\xfe\0\0"])


@settings(max_examples=examples(300), deadline=None, print_blob=True)
@given(head=bodies, body=bodies, charset=charsets, media=medias, packed=st.booleans(), level=st.integers(0, 9))
def test_no_content_breaks_the_reading(head: bytes, body: bytes, charset: str, media: str, packed: bool, level: int) -> None:
    payload = gzip.compress(head + body, level) if packed else head + body
    event = read(payload, f"{media}; charset={charset}", contentencoding="gzip")
    assert event.problem == ""
    assert event.message.payload == payload
    assert (event.recoded is not None) or event.data == payload
    assert zlib.crc32(event.data) >= 0
