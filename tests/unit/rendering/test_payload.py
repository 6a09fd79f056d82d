"""Any payload is shown unchanged, bounded, escaped, and only to those who may see it."""

import html
import random
import re
from typing import Any

import pytest

from dashboard.privacy import AccessProfile
from dashboard.rendering.payload import DEEPEST, HEX_BYTES, MOST_BYTES, hex_lines, payload_of, payload_of_event, pretty
from eventstore.model.events import Event, Message, Position, SchemaUse
from tests.unit.messages import PUBLISHED
from tests.unit.privacy.rules import config

SUPPORT = AccessProfile(name="support", sees_values=True)
VIEWER = AccessProfile(name="viewer", sees_values=False)
LIMIT = 20_000


def shown(data: bytes, content_type: str = "application/json", limit: int = LIMIT) -> tuple[str, str]:
    """The payload's kind, and its text as a browser shows it."""
    payload = payload_of(data, content_type, limit)
    return payload.kind, html.unescape(re.sub(r"</?span[^>]*>", "", str(payload.html)))


def test_json_is_indented_and_coloured() -> None:
    payload = payload_of(b'{"a":{"b":[1,true,null,"x"]},"c":{},"d":[]}', "application/json", LIMIT)
    assert payload.kind == "json"
    assert '<span class="j-key">&quot;a&quot;</span>' in payload.html
    assert shown(b'{"a":{"b":[1,true,null,"x"]},"c":{},"d":[]}')[1] == (
        '{\n  "a": {\n    "b": [\n      1,\n      true,\n      null,\n      "x"\n    ]\n  },\n  "c": {},\n  "d": []\n}'
    )


def test_numbers_keep_their_spelling_and_doubled_keys_stay() -> None:
    text = shown(b'{"n":1.10,"n":1E+2,"big":123456789012345678901234567890,"huge":1e999,"minus":-0.0}')[1]
    assert text == (
        '{\n  "n": 1.10,\n  "n": 1E+2,\n  "big": 123456789012345678901234567890,\n  "huge": 1e999,\n  "minus": -0.0\n}'
    )


def test_strings_keep_their_spelling() -> None:
    kind, text = shown(rb'["\u00e9 \"quoted\" \\ \/", "{not, a: bracket}"]')
    assert (kind, text) == ("json", '[\n  "\\u00e9 \\"quoted\\" \\\\ \\/",\n  "{not, a: bracket}"\n]')


def test_hostile_strings_are_escaped_and_cannot_turn_the_line_around() -> None:
    payload = payload_of('{"<script>":"</pre><script>alert(1)</script>\u202e"}'.encode(), "application/json", LIMIT)
    assert "<script" not in payload.html
    assert "</pre" not in payload.html
    assert "\u202e" not in payload.html
    assert "\\u202e" in payload.html


def test_ten_thousand_levels_are_shown_in_bounded_length() -> None:
    data = b"[" * 10_000 + b"]" * 10_000
    kind, text = shown(data)
    assert kind == "json"
    assert "".join(text.split()) == data.decode()
    assert len(text) < len(data) + 2 * (DEEPEST + 1) * (2 * DEEPEST + 1)


def test_a_long_payload_is_cut_and_says_so() -> None:
    data = b'{"a":"' + b"x" * 5_000_000 + b'"}'
    payload = payload_of(data, "application/json", LIMIT)
    assert (payload.kind, payload.shown, payload.size) == ("json", LIMIT, len(data))
    assert payload.cut
    assert payload.more_on_page
    whole = payload_of(data, "application/json", 10**9)
    assert whole.shown == MOST_BYTES
    assert not whole.more_on_page


def test_a_character_cut_in_half_is_left_out() -> None:
    assert shown(("ä" * 100).encode(), "text/plain", 101) == ("text", "ä" * 50)


def test_invalid_json_is_text_with_the_place_and_without_a_quotation() -> None:
    payload = payload_of(b'{"name": "secret", oops}', "application/json", LIMIT)
    assert payload.kind == "text"
    assert "not valid JSON (at byte 19)" in payload.note
    assert "oops" not in payload.note


@pytest.mark.parametrize("data", [b"\xff\xfe\x00\x01", bytes(range(256)), b"\x00" * 50, b'{"a": "\xff"}'])
def test_bytes_that_are_no_text_are_shown_in_hexadecimal(data: bytes) -> None:
    kind, text = shown(data)
    assert kind == "binary"
    assert text == hex_lines(data)


def test_hexadecimal_is_bounded_and_never_promises_more_on_the_page() -> None:
    payload = payload_of(b"\xff" * 10_000, "", LIMIT)
    assert payload.shown == HEX_BYTES
    assert not payload.more_on_page


def test_a_line_of_hexadecimal_has_offset_bytes_and_characters() -> None:
    assert hex_lines(b"\x00abc<\xff") == "00000000  00 61 62 63 3c ff" + " " * 30 + "  ·abc<·"


def test_no_payload_is_said_to_be_none() -> None:
    assert payload_of(b"", "application/json", LIMIT).kind == "empty"


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", b"text", b"x" * 100_000])
def test_a_viewer_sees_nothing_of_any_payload(data: bytes) -> None:
    payload = payload_of_event(event(data), VIEWER, LIMIT)
    assert (payload.kind, payload.size, payload.shown, payload.html) == ("hidden", 0, 0, "")
    assert payload.note


@pytest.mark.parametrize("data", [b"plain words", b"<b>bold</b>", b"NaN", b"{half"])
def test_text_is_shown_as_text(data: bytes) -> None:
    assert shown(data, "text/plain") == ("text", data.decode())


@pytest.mark.parametrize("data", [b"42", b"null", b'"word"', b" [1] "])
def test_bare_values_without_a_type_are_json(data: bytes) -> None:
    assert shown(data, "")[0] == "json"


def test_json_cut_or_broken_anywhere_loses_no_sign() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201
    chance = random.Random(seed)
    signs = '{}[],:"\\ \n0123e+-.truefalsenull<>&\u202eä'
    for _ in range(300):
        text = "".join(chance.choice(signs) for _ in range(chance.randrange(200)))
        back = html.unescape(re.sub(r"</?span[^>]*>", "", str(pretty(text)))).replace("\\u202e", "\u202e")
        assert "".join(back.split()) == "".join(text.split()), text


def event(data: bytes, schema: SchemaUse | None = None, **message: Any) -> Event:
    raw = Message(position=Position(topic="t", partition=0, token="11"), payload=b"\x0e", published=PUBLISHED, **message)
    return Event(message=raw, id="e-1", time=PUBLISHED, data=data, type="T", schema=schema)


def test_a_payload_that_was_read_by_its_schema_says_by_which() -> None:
    payload = payload_of_event(event(b'{"n":7}', SchemaUse(kind="Avro", version="3", converted=True)), SUPPORT, LIMIT)
    assert (payload.kind, payload.note, payload.converted) == ("json", "Avro, schema version 3, shown as JSON.", True)
    assert '"n"' in html.unescape(str(payload.html))


def test_a_payload_that_does_not_fit_its_schema_is_shown_as_it_is_with_the_reason() -> None:
    problem = "its schema version 3 is Avro, and the payload does not fit it: it ends too early"
    payload = payload_of_event(event(b"\x00\xff", SchemaUse(kind="Avro", version="3", problem=problem)), SUPPORT, LIMIT)
    assert payload.kind == "binary"
    assert payload.note.startswith(f"Shown as it is: {problem}.")


def test_a_schema_that_is_not_read_says_why() -> None:
    use = SchemaUse(kind="string", version="0", note="it has more than 1 MB, and is not read by its schema")
    note = payload_of_event(event(b"text", use), SUPPORT, LIMIT).note
    assert note.startswith("String, schema version 0: it has more than 1 MB")


def test_a_tombstone_and_an_encrypted_payload_are_named() -> None:
    tombstone = payload_of_event(event(b"", null=True), SUPPORT, LIMIT)
    assert (tombstone.kind, "tombstone" in tombstone.note) == ("empty", True)
    one, batch = (payload_of_event(event(b"\x8f", encrypted=True, encrypted_batch=n), SUPPORT, LIMIT) for n in (0, 3))
    assert (one.kind, one.mark, tombstone.mark) == ("encrypted", "encrypted", "erased")
    assert one.note.startswith("Encrypted by its publisher, and Eventdesk has no key: its payload cannot be shown.")
    assert "a whole batch of 3 messages" in batch.note
    assert not one.html


def test_a_viewer_does_not_even_learn_how_a_payload_is_made() -> None:
    use = SchemaUse(kind="Avro", version="3", converted=True)
    for shown_event in (event(b'{"n":7}', use), event(b"", null=True), event(b"\x8f", encrypted=True)):
        assert payload_of_event(shown_event, VIEWER, LIMIT).kind == "hidden"


def test_what_stands_in_for_a_value_is_marked_and_says_what_it_is(settings: Any) -> None:
    settings.EVENTDESK = config()
    data = b'{"patient": {"born": "1953-04-02", "insurance": "A1234<\\"\\\\9", "email": "a@b.org", "name": "Berg"}}'
    page = str(payload_of_event(event(data), VIEWER, LIMIT).html)
    assert '<bdi class="masked-part" data-part="year" title="Masked: only the year">1953</bdi>' in page
    assert 'data-part="last 4" title="Masked: only the last four characters">…&lt;' in page
    assert 'data-part="mark"' in page
    assert "masked-" not in page.replace("masked-part", "")
    for limit in range(1, 200):
        payload_of_event(event(data), VIEWER, limit)
