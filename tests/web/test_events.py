"""One event: found by id or position, shown completely and safely, with its cause and its effects."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from django.urls import reverse

from eventstore.index.writing.copy_origin import mark_of
from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import Message, NewMessage, Position
from tests import hostile
from tests.web.desk import Desk, attribute, event, opened_desk, text


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        yield opened


def away(*_: object, **__: object) -> Any:
    raise StoreUnreachable("Pulsar does not answer.")


def put(desk: Desk, number: int, payload: bytes = b"{}", *, topic: str = "patients", **attributes: str) -> Position:
    """Publish an event with these attributes without indexing it."""
    desk.log.create_topic(topic)
    properties = {**event(number).properties, **{f"ce_{name}": value for name, value in attributes.items()}}
    message = NewMessage(payload=payload, key="4711", properties=properties)
    return desk.log.append(topic, [message])[0]


def at(id: str, position: Position, **query: str) -> str:
    more = "".join(f"&{name}={value}" for name, value in query.items())
    return f"{reverse('event', args=[id])}?at={quote(position.encode())}{more}"


def test_an_event_shows_its_envelope_its_place_and_its_payload(desk: Desk) -> None:
    position = desk.publish(1)[0]
    answer = desk.get("/events/e-0/")
    said = text(answer)
    assert answer.status_code == 200
    for part in ("Patient registered", "e-0", "/tests", "version 1", "Erika Mustermann", "ce_specversion", "patients"):
        assert part in said
    assert attribute(answer, "data-position") == [position.encode()]


def test_an_event_that_the_index_does_not_know_yet_is_found_at_its_position(desk: Desk) -> None:
    position = put(desk, 1)
    answer = desk.get(at("e-1", position))
    assert answer.status_code == 200
    assert "This event is not indexed yet" in text(answer)
    assert desk.get("/events/e-1/").status_code == 404


def test_an_id_and_a_position_that_do_not_belong_together_are_refused(desk: Desk) -> None:
    positions = desk.publish(2)
    assert desk.get(at("e-1", positions[0])).status_code == 404
    assert desk.get("/events/e-0/?at=rubbish").status_code == 400
    assert desk.get("/events/e-0/?at=0@0@nowhere").status_code in (400, 404)
    assert desk.get(f"/events/e-0/?at={quote(positions[0].token)}@99@patients").status_code in (400, 404)


def test_an_unknown_id_says_what_to_try(desk: Desk) -> None:
    answer = desk.get("/events/none/")
    assert answer.status_code == 404
    assert "The index knows no event with this id" in text(answer)


def test_an_id_that_exists_twice_shows_one_and_leads_to_the_other(desk: Desk) -> None:
    first, second = put(desk, 1), put(desk, 1)
    desk.index()
    answer = desk.get("/events/e-1/")
    assert "This id exists 2 times" in text(answer)
    assert attribute(answer, "data-position") == [first.encode()]
    assert f"at={quote(second.encode(), safe='')}" in answer.content.decode()
    assert attribute(desk.get(at("e-1", second)), "data-position") == [second.encode()]


def test_cause_effects_and_conversation_lead_to_each_other(desk: Desk) -> None:
    put(desk, 1, correlationid="c-1")
    put(desk, 2, correlationid="c-1", causationid="e-1", type="DocumentUploaded", aggregatetype="document", aggregateid="d")
    put(desk, 3, correlationid="c-1", causationid="e-2", type="DocumentShared")
    desk.index()
    said = text(desk.get("/events/e-2/"))
    assert "Caused byPatient registered version 1 of patients-0" in said
    assert "Led toDocument shared version 2 of patients-0" in said
    assert "3 events with the correlation id c-1" in said
    assert "Caused by" not in text(desk.get("/events/e-1/"))


def test_a_cause_that_the_index_does_not_know_is_named_all_the_same(desk: Desk) -> None:
    put(desk, 1, causationid="lost")
    desk.index()
    assert "lost not in the index" in text(desk.get("/events/e-1/"))


def test_a_message_that_fits_no_envelope_says_why_and_shows_its_bytes(desk: Desk) -> None:
    desk.log.create_topic("patients")
    position = desk.log.append("patients", [NewMessage(payload=b"\x00\xffraw", key="k", properties={"a": "b"})])[0]
    desk.index()
    for url in (at(position.encode(), position), reverse("event", args=[position.encode()])):
        answer = desk.get(url)
        assert answer.status_code == 200
        assert "unrecognised format" in text(answer)
        assert "00 ff 72 61 77" in text(answer)
        assert "Position (stands in for an id)" in text(answer)
        assert "Event id" not in text(answer)
    hidden = desk.get(at(position.encode(), position), "viewer").content.decode()
    assert "00 ff" not in hidden
    assert ">a<" not in hidden
    assert "hidden from your role" in hidden


def test_a_large_payload_is_cut_and_opened_on_demand(desk: Desk) -> None:
    put(desk, 1, hostile.PAYLOADS["five megabytes"])
    desk.index()
    first = desk.get("/events/e-1/")
    assert "The first 20 kB of 5.0 MB." in text(first)
    assert len(first.content) < 60_000
    address = at("e-1", Position.decode(attribute(first, "data-position")[0]), payload="all")
    fragment = desk.get(address, fragment=True)
    assert "<html" not in fragment.content.decode()
    assert 900_000 < len(fragment.content) < 1_100_000
    assert "A page shows no more: download the rest." in text(fragment)


def test_raw_bytes_are_a_download_and_nothing_else(desk: Desk) -> None:
    payload = b"<script>alert(1)</script>\x00"
    put(desk, 1, payload)
    desk.index()
    answer = desk.get("/events/e-1/payload/")
    assert answer.content == payload
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="payload.bin"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_viewer_gets_neither_payload_nor_raw_bytes(desk: Desk) -> None:
    put(desk, 1, b'{"name": "Mustermann"}', subject="Mrs Miller", patientname="secretname")
    desk.index()
    for url in ("/events/e-1/", "/events/e-1/?payload=all"):
        body = desk.get(url, "viewer").content.decode()
        for secret in ("Mustermann", "Miller", "secretname", "patientname", "/tests", "Download the raw"):
            assert secret not in body
        assert "e-1" in body
        assert "health.PatientRegistered" in body
    refused = desk.get("/events/e-1/payload/", "viewer")
    assert refused.status_code == 403
    assert "support, approver or admin" in text(refused)


def test_properties_that_look_like_facts_stay_among_the_properties(desk: Desk) -> None:
    position = put(desk, 1)
    properties: Mapping[str, str] = {**event(1).properties, "position": "not the position", "ledgerId": "7", "version": "99"}
    place = desk.log.append("patients", [NewMessage(payload=b"{}", key="4711", properties=properties)])[0]
    desk.index()
    answer = desk.get(at("e-1", place))
    assert attribute(answer, "data-position") == [place.encode()] != [position.encode()]
    assert attribute(answer, "data-version") == ["2"]
    assert "not the position" in text(answer)


def test_while_the_store_is_away_the_pointers_facts_remain(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.publish(1)
    for name in ("fetch", "ping"):
        monkeypatch.setattr(type(desk.log), name, away)
    answer = desk.get("/events/e-0/")
    assert answer.status_code == 200
    assert "payload is not readable now: the store does not answer" in text(answer)
    assert 'http-equiv="refresh"' in answer.content.decode()
    assert desk.get("/events/e-0/payload/").status_code in (404, 503)


def test_a_trimmed_event_is_not_called_away(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.publish(1)
    monkeypatch.setattr(type(desk.log), "fetch", lambda *_: {})
    answer = desk.get("/events/e-0/")
    assert answer.status_code == 200
    assert "no longer holds this event" in text(answer)


def test_another_event_at_its_position_is_not_shown_as_this_one(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.publish(2)
    fetch = desk.log.fetch

    def swapped(positions: Sequence[Position]) -> Mapping[Position, Message]:
        """What a store returns after its topic was deleted and filled again."""
        return {position: msgspec.structs.replace(other, position=position) for position in positions}

    [place] = [pointer.position for pointer in desk.faces.index.with_event_id("e-1")]
    other = fetch([place])[place]
    monkeypatch.setattr(desk.log, "fetch", swapped)
    said = text(desk.get("/events/e-0/"))
    assert "the store now holds another event than the one that was indexed" in said
    assert "Erika" not in said
    assert "another event lies there now" in text(desk.get("/aggregates/patient/4711/"))
    assert desk.get("/events/e-0/payload/").status_code == 404
    assert "Erika" in text(desk.get("/events/e-1/"))


def test_hostile_events_are_opened_and_shown_as_text(desk: Desk) -> None:
    desk.log.create_topic("patients")
    published = hostile.messages()
    positions = desk.log.append("patients", published)
    desk.index()
    listed = {}
    for page in ("/topics/patients/",):
        answer = desk.get(page)
        listed = dict(zip(attribute(answer, "data-position"), attribute(answer, "data-event-id"), strict=True))
    assert set(listed) == {position.encode() for position in positions}
    for position, message in zip(positions, published, strict=True):
        for role in ("support", "viewer"):
            answer = desk.get(at(listed[position.encode()], position), role)
            body = answer.content.decode()
            assert answer.status_code == 200, message.properties
            assert "<script>window" not in body
            assert "</script></pre>" not in body
            assert "<img" not in body
            assert attribute(answer, "data-position")[0] == position.encode()
        raw = desk.get(at(listed[position.encode()], position).replace("/?", "/payload/?"))
        assert raw.content == message.payload


def test_copies_and_originals_lead_to_each_other(desk: Desk) -> None:
    original = put(desk, 1)
    replayed = put(desk, 9, topic="patients-replay", replayof="e-1")
    marked = put(desk, 1, topic="patients-replay", replayid="job", replayof=mark_of(original))
    desk.log.create_topic("patients-mailer-DLQ")
    origin = {**event(1).properties, "ORIGIN_MESSAGE_ID": original.label, "REAL_TOPIC": "patients"}
    letter = desk.log.append("patients-mailer-DLQ", [NewMessage(payload=b"{}", key="4711", properties=origin)])[0]
    put(desk, 1, topic="another-topic-replay", replayof="somebody-else")
    desk.index()
    answer = desk.get(at("e-1", original))
    assert set(attribute(answer, "data-copy")[:3]) == {replayed.encode(), marked.encode(), letter.encode()}
    assert answer.content.decode().count("<a data-line") >= 2, "j and k go through them"
    assert "This id exists" not in text(answer), "copies are no duplicates"
    for id, place in (("e-9", replayed), ("e-1", marked), ("e-1", letter)):
        copy = desk.get(at(id, place))
        assert attribute(copy, "data-originals") == ["1"]
        assert "This is a copy in a derived topic" in text(copy)
        assert f"at={quote(original.encode(), safe='')}" in copy.content.decode()


def test_a_copy_whose_original_is_not_known_says_what_it_names(desk: Desk) -> None:
    place = put(desk, 7, topic="patients-replay", replayof="long-gone")
    desk.index()
    answer = desk.get(at("e-7", place))
    assert "It names long-gone as its original, which is not in the index." in text(answer)


def test_a_copy_that_names_nothing_and_has_an_id_of_its_own_says_so(desk: Desk) -> None:
    place = put(desk, 7, topic="patients-replay")
    desk.index()
    assert "It does not say which event it is a copy of." in text(desk.get(at("e-7", place)))


def test_an_event_without_copies_has_no_word_of_them(desk: Desk) -> None:
    put(desk, 1)
    desk.index()
    answer = desk.get("/events/e-1/")
    assert "copies-title" not in answer.content.decode()
    assert "data-originals" not in answer.content.decode()


def test_the_searchable_values_that_the_index_keeps_are_named_and_hashes_are_never_shown(desk: Desk) -> None:
    with desk.searchable():
        put(desk, 1, b'{"email": "Erika@example.org", "city": "K\xc3\xb6ln"}')
        desk.index()
        [pointer] = desk.faces.index.with_event_id("e-1")
        stored = dict(pointer.values)
        answer = desk.get("/events/e-1/")
        assert "Searchable values" in text(answer)
        assert "emailkept as a hash" in text(answer)
        assert "citykoeln" in text(answer).replace("köln", "koeln")
        assert stored["email"] not in answer.content.decode()
        hidden = desk.get("/events/e-1/", "viewer")
        assert hidden.status_code == 200
        assert "Searchable values" not in text(hidden), "which values an event has says something of it"
        assert "kept as a hash" not in text(hidden)
        assert "köln" not in hidden.content.decode().lower()


def test_a_value_whose_declaration_is_gone_is_not_shown(desk: Desk) -> None:
    with desk.searchable():
        put(desk, 1, b'{"city": "Bonn"}')
        desk.index()
    answer = desk.get("/events/e-1/")
    assert "citykept as a hash" in text(answer)


def test_of_a_trimmed_event_the_index_still_tells_the_size(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.publish(1)
    monkeypatch.setattr(type(desk.log), "fetch", lambda *_: {})
    assert "28 bytes" in text(desk.get("/events/e-0/"))
    assert "28 bytes" not in text(desk.get("/events/e-0/", "viewer"))
