"""Anomalies on the pages of support people: in lists, on events and aggregates, by kind, and on the overview."""

from collections.abc import Iterator
from html import unescape
from urllib.parse import quote

import pytest
from django.http import HttpResponse
from django.urls import reverse
from msgspec.structs import replace

from dashboard.privacy import MASKED, AccessProfile
from dashboard.rendering import anomaly_text
from dashboard.rendering.anomaly_text import ANOMALY_TEXTS, texts_of_kinds
from eventstore.config.loading import parse_config
from eventstore.model.anomalies import Anomaly
from eventstore.model.events import NewMessage
from tests import hostile
from tests.planted import FOUND, cloud_event, plant
from tests.web.desk import Desk, attribute, event, opened_desk, text

LIST = "/anomalies/"
SKIPS = "/anomalies/sequence-skips/"


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        yield opened


@pytest.fixture
def planted(desk: Desk) -> Desk:
    """A desk whose topic ``orders`` has an anomaly of each kind that needs no registry."""
    plant(desk.log, "orders")
    desk.index()
    return desk


def aggregate_of(event_id: str) -> str:
    return f"/aggregates/order/{event_id.partition('-')[0]}/"


def rows_with_badges(answer: HttpResponse) -> list[tuple[str, str]]:
    """The event id of each row that has a badge, and the badge's kind."""
    found = []
    for row in answer.content.decode().split("<tr ")[1:]:
        for badge in row.split('data-anomaly="')[1:]:
            found.append((unescape(row.split('data-event-id="')[1].split('"')[0]), badge.split('"')[0]))
    return found


def test_every_kind_has_its_words() -> None:
    assert set(ANOMALY_TEXTS) == set(Anomaly)
    assert all(words.kind is kind for kind, words in ANOMALY_TEXTS.items())
    assert len({words.badge for words in ANOMALY_TEXTS.values()}) == len(ANOMALY_TEXTS)
    assert ANOMALY_TEXTS[Anomaly.UNREADABLE].counted(1) == "1 message in an unrecognised format"
    assert ANOMALY_TEXTS[Anomaly.UNREADABLE].counted(1001) == "1,001 messages in an unrecognised format"
    assert [words.kind for words in texts_of_kinds(["time-goes-back", "schema"])] == [Anomaly.SCHEMA, Anomaly.TIME_GOES_BACK]


def test_where_nothing_was_noticed_the_page_says_so_and_what_is_looked_for(desk: Desk) -> None:
    desk.publish(3)
    answer = desk.get(LIST)
    assert "No anomalies in 3 events" in text(answer)
    assert set(attribute(answer, "data-kind")) == {kind.value for kind in Anomaly}
    assert set(attribute(answer, "data-events")) == {"0"}
    for kind in Anomaly:
        assert "No anomalies" in text(desk.get(f"/anomalies/{kind.value}/"))


def test_the_kinds_come_with_their_counts_those_that_there_are_first(planted: Desk) -> None:
    answer = planted.get(LIST)
    counts = dict(zip(attribute(answer, "data-kind"), attribute(answer, "data-events"), strict=True))
    assert counts == {**{kind.value: "1" for kind in Anomaly}, "schema": "0"}
    assert attribute(answer, "data-kind")[-1] == "schema"
    for words in ANOMALY_TEXTS.values():
        assert words.means in text(answer)
        assert words.advice in text(answer)
        assert (f'href="/anomalies/{words.kind.value}/"' in answer.content.decode()) is (words.kind is not Anomaly.SCHEMA)


@pytest.mark.parametrize("kind", list(FOUND))
def test_a_kinds_list_has_its_events_alone(planted: Desk, kind: Anomaly) -> None:
    answer = planted.get(f"/anomalies/{kind.value}/")
    assert attribute(answer, "data-event-id") == FOUND[kind]
    assert "1 event, the latest first" in text(answer)
    assert ANOMALY_TEXTS[kind].means in text(answer)


def test_the_detail_says_what_was_noticed(planted: Desk) -> None:
    assert "2 is followed by 5: 2 missing" in text(planted.get(SKIPS))
    assert "7 comes behind 8" in text(planted.get("/anomalies/sequence-goes-back/"))
    assert "3.0 minutes before an earlier event of its stream" in text(planted.get("/anomalies/time-goes-back/"))
    assert "no mapping" in text(planted.get("/anomalies/unreadable/"))


def test_of_an_id_that_came_twice_the_list_leads_to_both(planted: Desk) -> None:
    answer = planted.get("/anomalies/duplicate-id/")
    assert 'href="/aggregates/?q=twice-1"' in answer.content.decode()
    both = planted.get("/aggregates/?q=twice-1")
    assert attribute(both, "data-event-id") == ["twice-1", "twice-1"]
    assert rows_with_badges(both) == [("twice-1", "duplicate-id")], "the first one is as it should be"


def test_a_kinds_list_is_paged_both_ways(desk: Desk, settings: object) -> None:
    settings.EVENTDESK = parse_config("[limits]\npage_size = 3\n", "test.toml")  # type: ignore[attr-defined]
    desk.log.create_topic("orders")
    desk.log.append(
        "orders", [cloud_event("e", "o", 1), *(cloud_event(f"e-{number}", "o", 2 + 2 * number) for number in range(9))]
    )
    desk.index()
    seen, url = [], SKIPS
    while url:
        answer = desk.get(url)
        seen.append(attribute(answer, "data-event-id"))
        links = [unescape(part.split('"')[0]) for part in answer.content.decode().split('rel="next" href="')[1:]]
        url = SKIPS + links[0] if links else ""
    assert seen == [["e-8", "e-7", "e-6"], ["e-5", "e-4", "e-3"], ["e-2", "e-1"]]
    back = [unescape(part.split('"')[0]) for part in answer.content.decode().split('rel="prev" href="')[1:]]
    assert attribute(desk.get(SKIPS + back[0]), "data-event-id") == seen[1]
    assert "From the newest" in text(desk.get(f"{SKIPS}?before=1"))


def test_a_list_may_be_of_one_aggregate_alone(planted: Desk) -> None:
    answer = planted.get(f"{SKIPS}?type=order&id=skips")
    assert attribute(answer, "data-event-id") == ["skips-5"]
    assert "Of order skips alone" in text(answer)
    assert "No event of this aggregate" in text(planted.get(f"{SKIPS}?type=order&id=clean"))
    assert "No event of this aggregate" in text(planted.get(f"{SKIPS}?type=nothing&id=nobody"))


@pytest.mark.parametrize("query", ["before=x", "after=-1", "before=1e5", "after=99999999999999999999"])
def test_a_damaged_address_is_said_to_be_damaged(desk: Desk, query: str) -> None:
    assert desk.get(f"{SKIPS}?{query}").status_code == 400


@pytest.mark.parametrize("kind", ["nothing", "DUPLICATE-ID", "~"])
def test_a_kind_that_there_is_not_leads_to_those_that_there_are(desk: Desk, kind: str) -> None:
    answer = desk.get(f"/anomalies/{kind}/")
    assert answer.status_code == 404
    assert 'href="/anomalies/"' in answer.content.decode()


def test_the_topics_list_has_a_badge_on_each_event_with_an_anomaly_and_on_no_other(planted: Desk) -> None:
    expected = {(id, kind.value) for kind, ids in FOUND.items() for id in ids}
    answer = planted.get("/topics/orders/")
    assert set(rows_with_badges(answer)) == expected
    assert len(rows_with_badges(answer)) == len(expected)
    for badge in ("◆ sequence skips", "◆ sequence goes back", "◆ same id twice", "◆ time goes back", "◆ unreadable"):
        assert badge in text(answer)


@pytest.mark.parametrize("kind", list(FOUND))
def test_a_stream_has_the_badge_on_its_line_and_the_count_at_its_head(planted: Desk, kind: Anomaly) -> None:
    [id] = FOUND[kind]
    answer = planted.get(aggregate_of(id))
    assert rows_with_badges(answer) == [(id, kind.value)]
    head = answer.content.decode().split("data-aggregate-anomalies>")[1].split("</p>")[0]
    assert f"{ANOMALY_TEXTS[kind].badge}: 1" in head
    leads_to = unescape(head.split('href="')[1].split('"')[0])
    assert attribute(planted.get(leads_to), "data-event-id") == [id]


def test_a_clean_aggregate_has_neither(planted: Desk) -> None:
    answer = planted.get("/aggregates/order/clean/")
    assert "data-anomaly" not in answer.content.decode()
    assert "data-aggregate-anomalies" not in answer.content.decode()


def test_the_event_says_what_was_noticed_and_leads_to_the_like(planted: Desk) -> None:
    answer = planted.get("/events/skips-5/")
    assert "Sequence skips: 2 is followed by 5: 2 missing." in text(answer)
    assert f'href="{SKIPS}"' in answer.content.decode()
    assert "data-anomaly" not in planted.get("/events/skips-6/").content.decode()


def test_an_event_whose_id_came_twice_leads_to_the_other_and_back(planted: Desk) -> None:
    places = attribute(planted.get("/aggregates/?q=twice-1"), "data-position")
    assert len(places) == 2
    for place, other, noticed in (places[0], places[1], False), (places[1], places[0], True):
        answer = planted.get(f"/events/twice-1/?at={quote(place)}")
        assert "This id exists 2 times" in text(answer)
        assert f"at={quote(other, safe='')}" in answer.content.decode()
        assert ("Same id twice." in text(answer)) is noticed


def test_what_fits_no_envelope_is_listed_and_opened(planted: Desk) -> None:
    answer = planted.get("/anomalies/unreadable/")
    [id] = attribute(answer, "data-event-id")
    assert "no event" not in text(answer), "bytes of a payload have no place in a list"
    assert "Unreadable" in text(planted.get(reverse("event", args=[id])))


def test_which_schema_a_payload_does_not_fit_is_hidden_from_whoever_sees_no_values() -> None:
    details = {Anomaly.SCHEMA.value: "its schema version 3 is Avro, and the payload does not fit it"}
    [seen] = anomaly_text.findings(details, AccessProfile(name="support", sees_values=True))
    assert seen.detail == details["schema"]
    [hidden] = anomaly_text.findings(details, AccessProfile(name="viewer", sees_values=False))
    assert (hidden.text.kind, hidden.detail) == (Anomaly.SCHEMA, MASKED)


def test_a_viewer_sees_that_and_where_but_no_number_of_the_publishers(planted: Desk) -> None:
    for url in (SKIPS, "/events/skips-5/", "/anomalies/sequence-goes-back/", "/events/back-3/"):
        answer = planted.get(url, "viewer")
        assert answer.status_code == 200
        assert "is followed by" not in answer.content.decode()
        assert "comes behind" not in answer.content.decode()
        assert 'aria-label="hidden"' in answer.content.decode()
    assert "3.0 minutes before" in text(planted.get("/anomalies/time-goes-back/", "viewer"))


def test_the_overview_has_one_line_for_all_with_each_kind_and_its_list(planted: Desk) -> None:
    answer = planted.get("/")
    assert attribute(answer, "data-attention") == ["dead-letters", "anomalies"]
    assert attribute(answer, "data-anomaly") == [
        "unreadable", "duplicate-id", "sequence-skips", "sequence-goes-back", "time-goes-back",
    ]  # fmt: skip
    for words in ANOMALY_TEXTS.values():
        if words.kind is not Anomaly.SCHEMA:
            assert words.counted(1) in text(answer)
            assert f'href="{words.url}"' in answer.content.decode()
    assert f'href="{LIST}"' in answer.content.decode()


def test_copies_in_derived_topics_have_no_badge(planted: Desk) -> None:
    for topic in ("orders-replay", "orders-mailer-DLQ"):
        assert rows_with_badges(planted.get(f"/topics/{topic}/")) == []


def test_while_the_store_is_away_the_lists_still_come(planted: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.web.test_events import away

    for name in ("fetch", "ping", "read_backward"):
        monkeypatch.setattr(type(planted.log), name, away)
    assert attribute(planted.get(SKIPS), "data-event-id") == ["skips-5"]
    assert rows_with_badges(planted.get("/aggregates/order/skips/")) == [("skips-5", "sequence-skips")]
    assert "2 is followed by 5" in text(planted.get("/events/skips-5/"))


def test_hostile_names_are_text_here_too(desk: Desk) -> None:
    desk.log.create_topic("patients")
    names = [name for name in hostile.NAMES if name]
    for name in names:
        properties = {**cloud_event("x", "y", 1).properties, "ce_id": name, "ce_aggregateid": name, "ce_type": name}
        message = NewMessage(payload=b"{}", key="k", properties=properties)
        desk.log.append("patients", [message, message])
    desk.index()
    answer = desk.get("/anomalies/duplicate-id/")
    assert set(attribute(answer, "data-event-id")) == set(names)
    body = answer.content.decode()
    assert "<script>window" not in body
    assert "<img" not in body


def test_an_aggregate_whose_publisher_counts_per_source_says_so_once_and_misses_nothing(desk: Desk) -> None:
    desk.log.create_topic("patients")
    for number in range(1, 9):
        one = event(number, key=("ada", "bob", "eve")[number % 3])
        desk.log.append("patients", [replace(one, properties={**one.properties, "ce_sequence": str(number)})])
    desk.index()
    page = desk.get("/aggregates/patient/ada/")
    assert attribute(page, "data-sequences") == ["per-source"]
    assert "Sequence: counted per source" in text(page)
    assert "sequence skips" not in text(page)
    assert desk.faces.index.anomaly_counts() == {}
