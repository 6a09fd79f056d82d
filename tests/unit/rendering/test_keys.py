"""How keys and ordering keys show on an event's page, and what is said of a key that may be binary."""

import base64
import random
import uuid

import pytest
from msgspec.structs import replace

from dashboard.privacy import MASKED, AccessProfile
from dashboard.rendering import key_of, ordering_key_of
from dashboard.web.event_detail import KEY_IS_BINARY, KEY_MAY_BE_BINARY, key_notes, looks_like_base64
from eventstore.envelope import read_event
from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import UNREADABLE_KEY, Event, Position, SchemaUse
from tests.unit.messages import CE, message

ALL = AccessProfile(name="support", sees_values=True)
LITTLE = AccessProfile(name="viewer", sees_values=False)


NOBODY_KNOWS: dict[Position, bool] = {}


def keyed(key: str | None, ordering_key: str | None = None) -> Event:
    return read_event(replace(message(key=key, properties=CE), ordering_key=ordering_key))


def test_an_ordering_key_is_shown_like_a_key() -> None:
    beside, alone = keyed("k", "order-7"), keyed(None, "order-7")
    assert (key_of(beside, ALL), ordering_key_of(beside, ALL)) == ("k", "order-7")
    assert (key_of(alone, LITTLE), ordering_key_of(alone, LITTLE)) == ("", "order-7")
    assert ordering_key_of(beside, LITTLE) is MASKED
    assert "not text" in str(ordering_key_of(keyed("k", UNREADABLE_KEY), LITTLE))


def test_a_key_that_is_binary_or_may_be_is_said_so() -> None:
    event = keyed("AAEC/w==")
    assert key_notes(event, {event.position: True}.get) == (KEY_IS_BINARY,)
    assert key_notes(event, {event.position: False}.get) == ()
    assert key_notes(event, NOBODY_KNOWS.get) == (KEY_MAY_BE_BINARY,)
    assert key_notes(event, away) == (KEY_MAY_BE_BINARY,)


def test_nobody_is_asked_about_a_key_that_does_not_read_like_base64_or_was_read_by_its_schema() -> None:
    by_schema = replace(keyed("AAEC/w=="), schema=SchemaUse(kind="bytes", version="0", key_read=True))
    for event in (by_schema, keyed(None), keyed("patient-4711")):
        assert key_notes(event, never) == ()


def away(position: Position) -> bool | None:
    raise StoreUnreachable("away")


def never(position: Position) -> bool | None:
    raise AssertionError("asked")


@pytest.mark.parametrize(
    "key",
    [
        "",
        "4711",
        "customer0001",
        "device42",
        "users/42/abc",
        str(uuid.UUID(int=7)),
        uuid.UUID(int=2**127).hex,
        "a=",
        "ab==c",
        "=" * 4,
    ],
)
def test_an_ordinary_key_does_not_look_like_base64(key: str) -> None:
    assert not looks_like_base64(key)


def test_the_base64_of_random_bytes_mostly_looks_like_it() -> None:
    rng = random.Random(7)
    for length in (1, 2, 4, 8, 16, 20, 32):
        assert looks_like_base64(base64.b64encode(rng.randbytes(length)).decode())
    twelve = [looks_like_base64(base64.b64encode(rng.randbytes(12)).decode()) for _ in range(1_000)]
    assert sum(twelve) > 850
