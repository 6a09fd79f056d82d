"""The buttons that lead to the preview of a replay: of an aggregate, an event, a search and a dead letter."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.http import HttpResponse

from eventstore.model.events import NewMessage
from tests.web.desk import NAME, TOPIC, Desk, attribute, event, hidden, text
from tests.web.replaying import PROJECTION, declared, furnish


@pytest.fixture
def replaying(desk: Desk) -> Iterator[Desk]:
    with declared():
        furnish(desk, mine=2, others=1)
        yield desk


def offered(answer: HttpResponse) -> dict[str, str]:
    """What the address of the only offer on the page asks for."""
    (address,) = [url for url in attribute(answer, "href") if "/replays/new/" in url]
    return {name: value for name, (value,) in parse_qs(urlsplit(address).query).items()}


def test_the_main_button_of_an_aggregate_says_what_it_touches_and_leads_to_a_preview_of_just_that(replaying: Desk) -> None:
    answer = replaying.get("/aggregates/patient/4711/")
    assert "Replay 2 events of patient 4711 to app-timeline…" in text(answer)
    asked = offered(answer)
    assert (asked["projection"], asked["type"], asked["id"]) == (PROJECTION, "patient", "4711")
    preview = replaying.get(next(url for url in attribute(answer, "href") if "/replays/new/" in url))
    assert preview.status_code == 200
    assert "2 events" in text(preview)


def test_an_event_and_a_search_can_be_replayed_as_well(replaying: Desk) -> None:
    assert offered(replaying.get("/events/e-1/"))["event"] == "e-1"
    searched = offered(replaying.get(f"/topics/{TOPIC}/?filter=aggregate:4711"))
    assert (searched["filter"], searched["topic"]) == ("aggregate:4711", TOPIC)


def test_a_button_leads_to_the_very_id_that_it_names_and_what_is_typed_is_read_leniently(replaying: Desk) -> None:
    one = event(81, key="9")
    spaced = NewMessage(payload=one.payload, key="9", properties={**one.properties, "ce_id": "e-0 e-1"})
    replaying.log.append(TOPIC, [event(80, key=" 4711"), spaced])
    replaying.index()
    for query, found in (
        ({"type": "patient", "id": " 4711"}, ["e-80"]),
        ({"type": "patient", "id": " 4711 ", "typed": "1"}, ["e-0", "e-1"]),
        ({"kind": "event", "event": "e-0 e-1"}, ["e-0 e-1"]),
        ({"kind": "event", "event": " e-0  e-1 ", "typed": "1"}, ["e-0", "e-1"]),
    ):
        shown = replaying.get(f"/replays/new/?{urlencode({'projection': PROJECTION, **query})}")
        assert attribute(shown, "data-event-id") == found, query
    fields = hidden(replaying.get(f"/replays/new/?{urlencode({'projection': PROJECTION, 'event': 'e-0 e-1'})}"))
    assert fields["event"] == "e-0 e-1"


def test_a_dead_letter_offers_its_original(replaying: Desk) -> None:
    dead = f"{TOPIC}-{NAME}-DLQ"
    replaying.log.create_topic(dead)
    one = event(1)
    [place] = replaying.log.append(dead, [NewMessage(payload=one.payload, key=one.key, properties=one.properties)])
    replaying.index()
    assert offered(replaying.get(f"/events/e-1/?at={place.encode()}"))["event"] == "e-1"


def test_nobody_is_offered_what_they_may_not_do_or_what_nothing_takes(replaying: Desk) -> None:
    assert not [url for url in attribute(replaying.get("/aggregates/patient/4711/", "viewer"), "href") if "replays/new" in url]
    replaying.publish(1, topic="others", key="9")
    assert not [url for url in attribute(replaying.get("/aggregates/patient/9/"), "href") if "replays/new" in url]
