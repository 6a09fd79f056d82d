"""The dead letters of a subscription: which wait, why, where they come from, and the ways there."""

import json
from html import unescape
from urllib.parse import quote

from dashboard.auditing.acts import acts
from dashboard.models import State
from dashboard.rendering import segment
from eventstore.letters import KEEPER
from eventstore.model.events import NewMessage
from eventstore.model.log import Edge
from tests.hostile import SCRIPT, TOPICS
from tests.web.desk import NAME, TOPIC, Desk, attribute, event, text
from tests.web.letters import DEAD, URL, WHY, bury, dead_lettered, kept, letter
from tests.web.replaying import DECLARED, PROJECTION, REPLAY_TOPIC, declared

PATIENT = "/aggregates/patient/4711/"


def test_a_subscription_without_dead_letters_says_so_and_how_they_come(desk: Desk) -> None:
    desk.publish(1)
    desk.subscribe()
    assert "No dead-letter topic" in text(desk.get(URL))
    desk.log.create_topic(DEAD)
    desk.index()
    assert "The topic is there, and empty" in text(desk.get(URL))


def test_letters_are_listed_oldest_first_with_tries_reason_original_and_aggregate(desk: Desk) -> None:
    positions = desk.publish(5)
    desk.subscribe(handled=5)
    desk.log.create_topic(DEAD)
    letters = [letter(3, positions[3], RECONSUMETIMES="3", exception="Mailbox full"), letter(1), letter(99)]
    desk.log.append(DEAD, letters)
    desk.index()
    answer = desk.get(URL)
    assert attribute(answer, "data-event-id") == ["e-3", "e-1", "e-99"]
    seen = text(answer)
    assert "3 letters in patients-mailer-DLQ" in seen
    assert "Mailbox full" in seen
    content = answer.content.decode()
    assert content.count(f'href="{PATIENT}"') == 3
    assert content.count("/events/e-3/") >= 2, "the letter and its original"
    assert seen.count("not found") == 1
    assert attribute(answer, "data-group") == ["Type", "Reason", "Reason"]


def test_where_its_projection_takes_copies_each_letter_leads_to_a_replay_of_its_original(desk: Desk) -> None:
    positions = desk.publish(5)
    desk.subscribe(handled=5)
    desk.log.create_topic(DEAD)
    desk.log.create_topic(REPLAY_TOPIC)
    desk.log.append(DEAD, [letter(3, positions[3]), letter(1, positions[1]), letter(99)])
    desk.index()
    of_mailer = DECLARED.replace(f'subscription = "{PROJECTION}"', f'subscription = "{NAME}"')
    with declared(of_mailer):
        answer = desk.get(URL)
        found = [url for url in map(unescape, attribute(answer, "href")) if "replays/new" in url]
        assert [url.rpartition("event=")[2] for url in found] == ["e-3", "e-1"], "the last one's original is not found"
        assert "Replay 1 event" in text(desk.get(found[0]))
        assert attribute(desk.get(URL, "viewer"), "data-replay-event") == []
    for other in (DECLARED, of_mailer.replace(', "topic"]', "]").replace(f'replay_topic = "{REPLAY_TOPIC}"', "")):
        with declared(other):
            assert attribute(desk.get(URL), "data-replay-event") == []


def test_a_viewer_sees_that_a_reason_is_recorded_and_neither_the_reason_nor_how_many_there_are(desk: Desk) -> None:
    desk.publish(3)
    desk.subscribe()
    for number, why in enumerate(("Mailbox full", "No address", "")):
        dead_lettered(desk, [number], **({"exception": why} if why else {}))
    mine, others = desk.get(URL), desk.get(URL, "viewer")
    assert "Mailbox full 1 · No address 1 · not recorded 1" in text(mine)
    assert "Mailbox" not in others.content.decode() and "Erika" not in others.content.decode()
    assert attribute(others, "data-group") == ["Type", "Reason", "Reason"]
    assert others.content.decode().count('class="masked"') >= 3


def test_a_filter_finds_letters_and_a_viewer_may_not_filter_by_values(desk: Desk) -> None:
    desk.publish(6)
    desk.subscribe()
    dead_lettered(desk, [0, 2], exception="Mailbox full")
    dead_lettered(desk, [4])
    asked = f"{URL}?filter={quote('property.exception:*full')}"
    answer = desk.get(asked)
    assert attribute(answer, "data-event-id") == ["e-0", "e-2"]
    assert "2 matches among 3 letters." in text(answer)
    assert desk.get(asked, "viewer").status_code == 403
    assert attribute(desk.get(f"{URL}?filter=id:e-4", "viewer"), "data-event-id") == ["e-4"]
    assert desk.get(f"{URL}?filter=((").status_code == 400
    [group] = [url for url in attribute(desk.get(URL), "href") if "filter=property" in url]
    assert attribute(desk.get(group), "data-event-id") == ["e-0", "e-2"]


def test_pages_go_through_all_letters(desk: Desk) -> None:
    desk.publish(1)
    desk.subscribe()
    dead_lettered(desk, range(60))
    first = desk.get(URL)
    [onward] = [url for url in attribute(first, "href") if url.startswith("?page=")]
    second = desk.get(f"{URL}{onward}")
    found = [*attribute(first, "data-event-id"), *attribute(second, "data-event-id")]
    assert found == [f"e-{number}" for number in range(60)]
    assert desk.get(f"{URL}?page=broken").status_code == 400


def test_a_topic_without_a_subscription_loses_its_letters_and_the_desk_offers_to_keep_them(desk: Desk) -> None:
    desk.publish(3)
    desk.subscribe()
    dead_lettered(desk, range(3))
    assert "Nothing keeps these letters." in text(desk.get(URL))
    assert "can keep them here" in text(desk.get(URL, "viewer"))
    preview = desk.get(f"{URL}keepers/new/")
    assert attribute(preview, "data-letters-kept") == ["3"]
    assert [one.name for one in desk.subscriptions.of_topic(DEAD)] == []
    assert kept(desk).status_code == 302
    [keeper] = desk.subscriptions.of_topic(DEAD)
    assert (keeper.name, keeper.backlog) == (KEEPER, 3)
    landed = desk.get(URL)
    assert "3 waiting of 3" in text(landed) and "Nothing keeps" not in text(landed)
    (act,) = acts()
    assert (act.action, act.state, act.resource.topic) == ("keep_letters", State.DONE, DEAD)
    assert (act.details["reason"], act.details["letters"]) == (WHY, 3)


def test_an_export_has_every_letter_with_its_event_and_is_on_the_record(desk: Desk) -> None:
    positions = desk.publish(3)
    desk.subscribe()
    desk.log.create_topic(DEAD)
    desk.log.append(DEAD, [letter(0, positions[0], RECONSUMETIMES="2", exception="Mailbox full"), letter(1, positions[1])])
    desk.index()
    answer = desk.client("support").post(f"{URL}exports/")
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    first, second = [json.loads(line) for line in answer.content.splitlines()]
    assert (first["event"]["id"], first["event"]["data"]) == ("e-0", {"name": "Erika Mustermann"})
    said = first["letter"]
    assert (said["tries"], said["reason"], said["original"]["id"]) == (2, "Mailbox full", "e-0")
    assert (second["letter"]["tries"], "reason" in second["letter"]) == (None, False)
    (act,) = acts()
    assert (act.action, act.state, act.outcome["letters"]) == ("export_letters", State.DONE, 2)
    masked = desk.client("viewer").post(f"{URL}exports/").content.decode()
    assert "Mailbox" not in masked and "Erika" not in masked
    assert [json.loads(line)["event"]["id"] for line in masked.splitlines()] == ["e-0", "e-1"]
    filtered = desk.client("support").post(f"{URL}exports/", {"filter": "id:e-1"})
    assert len(filtered.content.splitlines()) == 1
    assert desk.client("viewer").post(f"{URL}exports/", {"filter": "data.name:x"}).status_code == 403


def test_the_customers_page_and_the_event_say_that_it_is_dead_lettered_and_lead_there(desk: Desk) -> None:
    desk.publish(4)
    desk.subscribe(handled=4)
    dead_lettered(desk, [2])
    customer = desk.get(PATIENT)
    assert "1 event on this page dead-lettered by mailer" in text(customer)
    [url] = [url for url in attribute(customer, "href") if url.startswith(URL) and "filter" in url]
    assert attribute(desk.get(url), "data-event-id") == ["e-2"]
    assert URL in attribute(desk.get("/events/e-2/"), "href")
    assert "dead-lettered by" not in text(desk.get("/aggregates/patient/4711/?filter=id:e-1"))


def test_the_overview_leads_to_the_letters_of_the_subscription_and_is_clear_once_they_are_dealt_with(desk: Desk) -> None:
    desk.publish(2)
    desk.subscribe(handled=2)
    positions = dead_lettered(desk, range(2))
    before = desk.get("/")
    assert "2 events in patients-mailer-DLQ of mailer" in text(before)
    assert f"{URL}?of={DEAD}" in attribute(before, "href")
    kept(desk)
    assert "2 dead letters wait in patients-mailer-DLQ of mailer" in text(desk.get("/"))
    bury(desk, positions)
    assert attribute(desk.get("/"), "data-attention") == ["none"]
    assert "keeps dead letters" in text(desk.get("/subscriptions/"))


def test_letters_of_a_shared_topic_say_whose_they_are(desk: Desk) -> None:
    desk.publish(2)
    desk.subscribe()
    dead_lettered(desk, [0])
    dead_lettered(desk, [1], REAL_SUBSCRIPTION="timeline")
    assert "of timeline" in text(desk.get(URL))


def test_a_retry_topic_is_listed_beside_and_waits_by_the_subscription_itself(desk: Desk) -> None:
    desk.publish(2)
    desk.subscribe()
    retry = f"{TOPIC}-{NAME}-RETRY"
    dead_lettered(desk, [0], topic=retry)
    desk.subscriptions.create(retry, NAME, type=desk.subscriptions.named(TOPIC, NAME).type, start=Edge.EARLIEST)
    dead_lettered(desk, [1])
    assert attribute(desk.get(URL), "data-event-id") == ["e-1"]
    answer = desk.get(f"{URL}?of={retry}")
    assert attribute(answer, "data-event-id") == ["e-0"]
    assert "Retried events of mailer" in text(answer) and "1 waiting of 1" in text(answer)
    assert "Bury" not in text(answer)
    assert desk.get(f"{URL}?of=patients").status_code == 404


def test_subscriptions_and_topics_of_any_name_have_letters(desk: Desk) -> None:
    desk.publish(1)
    for name in TOPICS:
        desk.subscribe(name)
        dead_lettered(desk, [0], topic=f"{TOPIC}-{name}-DLQ", REAL_SUBSCRIPTION=name)
        answer = desk.get(f"/topics/{TOPIC}/subscriptions/{segment(name)}/dead-letters/")
        assert attribute(answer, "data-event-id") == ["e-0"], name
        assert SCRIPT not in answer.content.decode()
    assert desk.get("/").status_code == 200


def test_an_event_that_is_no_cloudevent_is_a_letter_all_the_same(desk: Desk) -> None:
    desk.publish(1)
    desk.subscribe()
    desk.log.create_topic(DEAD)
    desk.log.append(DEAD, [NewMessage(payload=b"\xff\x00", properties={"ORIGIN_MESSAGE_ID": "nonsense"})])
    desk.index()
    answer = desk.get(URL)
    assert answer.status_code == 200 and len(attribute(answer, "data-letter")) == 1


def test_an_event_names_a_cause_that_is_dead_lettered_once(desk: Desk) -> None:
    desk.publish(1)
    properties = {**event(9).properties, "ce_causationid": "e-0"}
    desk.log.append(TOPIC, [NewMessage(payload=b"{}", key="4711", properties=properties)])
    dead_lettered(desk, [0])
    assert desk.get("/events/e-9/").content.decode().count('<div><a href="/events/e-0/') == 1
