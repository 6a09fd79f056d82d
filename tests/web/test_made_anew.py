"""A topic that was deleted and made anew: every page says what of it is gone, and shows nothing old as new."""

import re
from collections.abc import Iterator
from html import unescape

import pytest

from dashboard.rendering import event_url
from eventstore.drivers.database.models import TopicRow
from eventstore.index.models import IndexedPartition
from eventstore.model.events import NewMessage
from tests.web.desk import Desk, attribute, opened_desk, text


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    """Three events of the old topic, and two of the new one at the same positions."""
    with opened_desk() as opened:
        opened.publish(3)
        assert opened.get("/events/e-0/").status_code == 200  # so that memory has its payload
        TopicRow.objects.using("store").get(name="patients").delete()
        opened.publish(2, start=10)
        yield opened


def test_the_overview_and_the_page_of_the_index_say_so(desk: Desk) -> None:
    for page in ("/", "/index/"):
        answer = desk.get(page)
        assert (attribute(answer, "data-made-anew"), attribute(answer, "data-events")) == (["patients"], ["3"])
        assert text(answer).count("was made anew") == 1
        assert "patients was made anew, detected" in text(answer)
        assert ": the store created it later than what was indexed. 3 indexed events" in text(answer)
    assert attribute(desk.get("/index/"), "data-indexed") == ["2"]


def test_a_partition_is_named_where_the_topic_has_others(desk: Desk) -> None:
    old = IndexedPartition.objects.using("index").get(topic="patients", ended_at__isnull=False)
    IndexedPartition.objects.using("index").create(topic="patients", number=1, kind=old.kind, build=old.build)
    assert "Partition 0 of patients was made anew, detected" in text(desk.get("/index/"))


def test_an_old_event_stays_findable_without_its_payload_beside_a_new_one_at_its_position(desk: Desk) -> None:
    pointers = {id: desk.faces.index.with_event_id(id)[0] for id in ("e-0", "e-10")}
    assert pointers["e-0"].position == pointers["e-10"].position
    old, new = desk.get("/events/e-0/"), desk.get("/events/e-10/")
    assert attribute(old, "data-missing") == ["anew"]
    assert "another one has its name now" in text(old)
    assert attribute(new, "data-missing") == []
    at = pointers["e-0"].position.encode()
    assert attribute(desk.get(f"/events/e-0/?at={at}"), "data-missing") == ["anew"]
    assert desk.get(f"/events/e-10/?at={at}").status_code == 200


def test_the_aggregate_has_both_lives_and_says_which_events_are_gone(desk: Desk) -> None:
    pointer = desk.faces.index.with_event_id("e-0")[0]
    answer = desk.get(f"/aggregates/{pointer.aggregate_type}/{pointer.aggregate_id}/")
    assert attribute(answer, "data-gone") == ["3"]
    assert "gone: its topic was made anew" in text(answer)
    assert "3 of these events are only known to the index" in text(answer)


def test_the_page_of_the_topic_shows_the_new_one_alone(desk: Desk) -> None:
    answer = desk.get("/topics/patients/")
    assert answer.status_code == 200
    assert set(attribute(answer, "data-event-id")) <= {"e-10", "e-11"}


def test_a_row_of_the_old_life_opens_its_own_event_where_a_new_one_has_the_same_position(desk: Desk) -> None:
    pointer = desk.faces.index.with_event_id("e-0")[0]
    page = f"/aggregates/{pointer.aggregate_type}/{pointer.aggregate_id}/"
    links = [unescape(link) for link in re.findall(r'data-line href="([^"#]*)', desk.get(page).content.decode())]
    chosen = [attribute(desk.get(page + link), "data-detail") for link in links]
    assert chosen == [["e-11"], ["e-10"], ["e-2"], ["e-1"], ["e-0"]]


def test_a_link_to_an_event_without_an_id_never_shows_the_one_that_took_its_place(desk: Desk) -> None:
    """The position stands in for its id. A link says when the event was published; one in an old ticket may not."""
    (position,) = desk.log.append("patients", [NewMessage(payload=b"old", key="k")])
    desk.index()
    published = desk.log.fetch([position])[position].published
    link, bare = event_url(position.encode(), position, published), event_url(position.encode(), position)
    assert link in unescape(desk.get("/topics/patients/").content.decode())
    assert attribute(desk.get(bare), "data-former") == []
    TopicRow.objects.using("store").get(name="patients").delete()
    desk.publish(2, start=10)
    desk.log.append("patients", [NewMessage(payload=b"new", key="k")])
    unindexed = desk.get(link)
    assert (unindexed.status_code, "new" in text(unindexed)) == (200, False)
    desk.index()
    answers = [desk.get(link), desk.get(bare)]
    assert [attribute(answer, "data-missing") for answer in answers] == [["anew"], []]
    assert "Another event lay at this position until its topic was made anew" in text(answers[1])
    assert unescape(re.findall(r'means <a href="([^"]*)', answers[1].content.decode())[0]) == link
    assert "Follow from here" not in text(answers[0])
