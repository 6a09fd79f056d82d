"""Filtering a topic: what the page and its fragments show of the search, for every role."""

from urllib.parse import urlencode

from eventstore.model.events import NewMessage
from tests.web.desk import TOPIC, Desk, attribute, event, text
from tests.web.searches import filtered, polls

# -- what is shown


def test_the_matches_stand_in_the_page_with_the_word_complete(desk: Desk) -> None:
    desk.publish(6)
    answer = filtered(desk, "id:e-2 or id:e-4")
    assert answer.status_code == 200
    assert attribute(answer, "data-event-id") == ["e-4", "e-2"]
    assert "complete 2 matches Read all 6 events." in text(answer)
    assert 'value="id:e-2 or id:e-4"' in answer.content.decode()
    assert polls(answer) == []


def test_where_the_filter_asks_for_an_id_the_page_leads_to_the_search_box(desk: Desk) -> None:
    desk.publish(6)
    for filter, id in (
        ("id:e-2", "e-2"),
        ("type:*Patient* aggregate=patient/4711", "patient/4711"),
        ('correlation:"c 1"', "c 1"),
    ):
        link = f'href="/aggregates/?{urlencode({"q": id})}"'
        assert link in filtered(desk, filter).content.decode()
        assert desk.get(f"/aggregates/?{urlencode({'q': id})}").status_code in (200, 302)
    for filter in ("id:e-*", "id:e-2 or id:e-4", "not id:e-2", "aggregate!=4711", "type:PatientRegistered", "id~e"):
        assert "the search box" not in filtered(desk, filter).content.decode()


def test_a_name_in_a_payload_is_found(desk: Desk) -> None:
    desk.publish(2)
    made = event(2)
    desk.log.append(TOPIC, [NewMessage(payload=b'{"name": "Jan Jansen"}', key="k", properties=made.properties)])
    assert attribute(filtered(desk, '"jan jansen"'), "data-event-id") == ["e-2"]
    assert attribute(filtered(desk, 'data.name~"^Jan"'), "data-event-id") == ["e-2"]


def test_no_match_is_said_and_what_was_read(desk: Desk) -> None:
    desk.publish(3)
    answer = filtered(desk, "type:nothing")
    assert "0 matches Read all 3 events." in text(answer)
    assert attribute(answer, "data-event-id") == []


def test_an_empty_filter_is_none(desk: Desk) -> None:
    desk.publish(2)
    for empty in ("", "   ", "()"):
        answer = filtered(desk, empty)
        assert answer.status_code == (400 if empty == "()" else 200)
    assert attribute(filtered(desk, "  "), "data-event-id") == ["e-1", "e-0"]


def test_oldest_first_and_published_since_are_in_the_address(desk: Desk) -> None:
    desk.publish(3)
    assert attribute(filtered(desk, "type:*", order="oldest"), "data-event-id") == ["e-0", "e-1", "e-2"]
    later = filtered(desk, "type:*", since="2099-01-01T00:00")
    assert attribute(later, "data-event-id") == []
    assert "There is no event to read." in text(later)


def test_a_filter_and_a_wrong_time_search_nothing(desk: Desk) -> None:
    desk.publish(1)
    answer = filtered(desk, "type:*", since="yesterday")
    assert "Give a day and a time" in text(answer)
    assert "Nothing was searched" in text(answer)
    assert attribute(answer, "data-event-id") == []
