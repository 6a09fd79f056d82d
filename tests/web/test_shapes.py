"""Messages in the forms that other systems write, from the store through the index to their pages."""

import threading
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from django.test.utils import override_settings
from django.urls import reverse

from dashboard import gateway
from eventstore.config.loading import parse_config
from eventstore.index.check.run import check_topic
from eventstore.model.events import NewMessage, Position
from tests.unit.messages import gzipped, json
from tests.web.desk import Desk, attribute, opened_desk, text

CONFIG = """
[[mapping]]
topics = ["shapes"]
form = "debezium"
extensions.tenant = { from = "property", name = "tenant" }
"""
PLAIN = {"id": "e", "type": "T", "source": "/s", "specversion": "1.0", "time": "2024-05-01T09:00:00Z"}
BOM = b"\xef\xbb\xbf"
KEY = '{"schema": {"type": "struct", "fields": []}, "payload": {"id": 1001}}'
CHANGE = {"before": None, "after": {"id": 1001}, "op": "u", "source": {"table": "orders", "ts_ms": 1732865000123}}


def ce(prefix: str, id: str, **more: str) -> dict[str, str]:
    return {prefix + name: value for name, value in (PLAIN | {"id": id} | more).items()}


def document(id: str) -> bytes:
    return json(PLAIN | {"id": id, "aggregateid": "a", "data": {"x": "shown"}})


STRUCTURED = {"content-type": "application/cloudevents+json"}
BATCH = {"content-type": "application/cloudevents-batch+json"}
SHAPES: list[tuple[str, bytes, dict[str, str], str, str]] = [
    ("hyphen", b'{"x":"shown"}', ce("ce-", "hyphen"), "k", "shown"),
    ("amqp", b'{"x":"shown"}', ce("cloudEvents:", "amqp"), "k", "shown"),
    ("capitals", b'{"x":"shown"}', {name.upper(): value for name, value in ce("ce_", "capitals").items()}, "k", "shown"),
    ("quoted", b'{"x":"shown"}', {name: f'"{value}"' for name, value in ce("ce_", "quoted").items()}, "k", "shown"),
    ("twice", b"{}", ce("ce_", "twice") | ce("ce-", "other"), "k", "The properties hold two envelopes that differ"),
    ("bom", BOM + document("bom"), STRUCTURED, "k", "shown"),
    ("bare", BOM + document("bare"), {}, "k", "shown"),
    ("member", b"[" + document("member") + b"]", BATCH, "k", "the only member of a batch"),
    ("utf16", '{"x":"shown"}'.encode("utf-16"), ce("ce_", "utf16", datacontenttype="a/json; charset=utf-16"), "k", "shown"),
    ("latin", '{"x":"grün"}'.encode("latin-1"), ce("ce_", "latin", datacontenttype="text/x;charset=latin1"), "k", "grün"),
    ("gzip", gzipped(b'{"x":"shown"}'), ce("ce_", "gzip") | {"contentencoding": "gzip"}, "k", "Unpacked from gzip"),
    ("leap", b"{}", ce("ce_", "leap", time="2016-12-31T23:59:60Z"), "k", "The event's time is a leap second"),
    ("9999", b"{}", ce("ce_", "9999", time="9999-12-31T23:59:59Z"), "k", "outside the years 2 to 9998"),
    ("keyed", document("keyed").replace(b'"aggregateid":"a",', b""), {}, KEY, "1001"),
]  # fmt: skip


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with override_settings(EVENTDESK=parse_config(CONFIG, "shapes.toml")), opened_desk() as opened:
        yield opened


def test_every_shape_is_an_event_on_its_topics_page_and_on_its_own_and_the_index_holds_what_the_store_says(desk: Desk) -> None:
    desk.log.create_topic("shapes")
    new = [NewMessage(payload=payload, key=key, properties=properties) for _, payload, properties, key, _ in SHAPES]
    positions = desk.log.append("shapes", new)
    batch = NewMessage(payload=b"[" + document("one") + b",7," + document("two") + b"]", key="k", properties=BATCH)
    change = NewMessage(payload=json(CHANGE), key='{"id":1001}', properties={"tenant": "south"})
    at_batch, at_change = desk.log.append("shapes", [batch, change])
    desk.index()
    listed = attribute(desk.get("/topics/shapes/"), "data-event-id")
    assert [id for id in reversed(listed) if "@" not in id] == [*(id for id, *_ in SHAPES), "one", "two"]
    for (id, _, _, _, said), position in zip(SHAPES, positions, strict=True):
        shown = desk.get(f"{reverse('event', args=[id])}?at={quote(position.encode())}")
        assert (shown.status_code, said in text(shown)) == (200, True), (id, text(shown))
    check_members(desk, at_batch)
    page = text(desk.get(f"{reverse('event', args=[at_change.encode()])}?at={quote(at_change.encode())}"))
    assert all(said in page for said in ("orders.updated", "1001", "tenant", "south")), page
    (report,) = check_topic(
        gateway.desk().store, gateway.desk().config, desk.log.topic("shapes"), lambda _: None, threading.Event()
    )
    assert (report.difference, len(listed)) == ("", len(SHAPES) + 4)


def check_members(desk: Desk, whole: Position) -> None:
    """Each member has a page and raw bytes, with its own payload and nothing of the others'."""
    rows = desk.get("/topics/shapes/").content.decode()
    assert [f">member {number} of 3<" in rows for number in (1, 2, 3)] == [True] * 3
    bad = whole.inside(2)
    members = [("one", whole.inside(1), document("one")), (bad.encode(), bad, b"7"), ("two", whole, document("two"))]
    for number, (id, place, content) in enumerate(members, 1):
        page = text(desk.get(f"{reverse('event', args=[id])}?at={quote(place.encode())}"))
        assert f"This is member {number} of 3 in one message" in page
        assert ("it is member 2 of 3 in a batch of CloudEvents, but of this member: it is not a JSON object" in page) == (
            place is bad
        )
        assert desk.get(f"{reverse('event_payload', args=[id])}?at={quote(place.encode())}").content == content
    desk.subscribe(topic="shapes", handled=len(SHAPES) + 2)
    aim = f"/topics/shapes/subscriptions/mailer/cursor-resets/new/?to=position&position={quote(bad.encode())}"
    page = text(desk.get(aim))
    assert "The event is member 2 of 3 in one message, and the whole message is redelivered." in page
