"""What the broker's answer for an entry tells of a key. The bytes are those of a real 4.0.8, for a batch of three."""

import pytest

from eventstore.drivers.pulsar.client.entry_batches import BATCH, KEY, KEY_IS_BASE64, is_set_as_bytes

BODY = bytes.fromhex(
    "000000101208414145432f773d3d1802300140007b7d"  # the bytes 00 01 02 ff as key
    "000000101208414145432f773d3d1802300040017b7d"  # the text AAEC/w==
    "000000150a060a016112016212016b180230003a0200ff40027b7d"  # the text k, an ordering key, and a property
)
IN_A_BATCH = {BATCH: "3", KEY_IS_BASE64: "true"}


def test_each_message_of_a_batch_tells_of_its_own_key() -> None:
    assert [is_set_as_bytes(IN_A_BATCH, BODY, number) for number in range(4)] == [True, False, False, None]


def test_a_message_by_itself_tells_in_the_headers() -> None:
    assert is_set_as_bytes({KEY: "AAEC/w==", KEY_IS_BASE64: "true"}, b"{}", -1) is True
    assert is_set_as_bytes({KEY: "AAEC/w==", KEY_IS_BASE64: "false"}, b"{}", -1) is False
    assert is_set_as_bytes({KEY: "AAEC/w=="}, b"{}", -1) is False
    assert is_set_as_bytes({}, b"{}", -1) is None


@pytest.mark.parametrize(
    "body", [b"", b"\0", bytes(4), bytes(8), b"\xff" * 40, BODY[1:], BODY[:10], b"\0\0\0\1\x08", b"\0\0\0\2\x09\0"]
)
def test_a_body_that_is_no_batch_tells_nothing(body: bytes) -> None:
    assert is_set_as_bytes(IN_A_BATCH, body, 0) is None


def test_a_batch_that_is_cut_anywhere_never_raises() -> None:
    for end in range(len(BODY)):
        assert is_set_as_bytes(IN_A_BATCH, BODY[:end], 2) in (None, False)
