"""What the search box finds beyond ids: positions, subscriptions, event types and subjects; and what it offers to read."""

from urllib.parse import parse_qs, urlsplit

import pytest

from eventstore.model.errors import StoreRefused
from tests.web.desk import Desk, attribute, text
from tests.web.finding import search
from tests.web.resetting import preview_url

SPELLINGS = ("patients-1 {}", "patients-1 · {}", " patients-1 ·{} ", "patients partition 1, {}", "patients-partition-1 {}")


def filters(answer: object, topic: str) -> list[str]:
    """The filters that the page offers to read this topic with."""
    urls = [urlsplit(url.replace("&amp;", "&")) for url in attribute(answer, "href") if "filter=" in url]  # type: ignore[arg-type]
    return [parse_qs(url.query)["filter"][0] for url in urls if url.path == f"/topics/{topic}/"]


def test_a_position_is_found_in_every_spelling_that_something_shows(desk: Desk) -> None:
    positions = desk.publish(20, partitions=3, key="k{}")
    wanted = next(position for position in positions if position.partition == 1)
    for spelling in (*SPELLINGS, wanted.encode(), wanted.where):
        answer = search(desk, spelling.format(wanted.label))
        assert answer.status_code == 302, spelling
        assert desk.get(answer["Location"]).content.decode().count(f'data-copy="patients-1 {wanted.label}"') == 1
    for nowhere in ("patients-1 4711", "patients-3 0", "letters-1 0", "patients-1", "patients- 1", "patients-1 x"):
        assert "Nothing found" in text(search(desk, nowhere)), nowhere


def test_a_topic_whose_name_ends_like_a_partition_is_told_apart(desk: Desk) -> None:
    desk.publish(2, topic="letters-1")
    desk.publish(2, topic="letters", partitions=2, start=10, key="k{}")
    answer = search(desk, "letters-1-0 1")
    assert answer["Location"].startswith("/events/e-1/")


def test_a_cursor_is_reset_to_a_position_in_every_spelling(desk: Desk) -> None:
    positions = desk.publish(20, partitions=3, key="k{}")
    desk.subscribe(handled=20)
    wanted = next(position for position in positions if position.partition == 1)
    for spelling in (*SPELLINGS, wanted.encode(), wanted.where):
        answer = desk.get(preview_url("position", position=spelling.format(wanted.label)))
        assert f"at patients-1 {wanted.label}" in text(answer), spelling


def test_a_label_alone_is_taken_where_only_one_partition_has_it_and_asked_about_otherwise(desk: Desk) -> None:
    desk.publish(20, partitions=3, key="k{}")
    *_, last = desk.publish(20, partitions=3, key="k0", start=20)
    desk.subscribe(handled=20)
    alone = desk.get(preview_url("position", position=last.label))
    assert f"at patients-{last.partition} {last.label}" in text(alone)
    several = desk.get(preview_url("position", position="0"))
    assert "Several partitions have this position. Say which is meant: patients-0 0, patients-1 0, patients-2 0." in text(
        several
    )
    assert "it is not a position in this topic either" in text(desk.get(preview_url("position", position="4711")))


def test_a_subscription_is_found_by_the_beginning_of_its_name(desk: Desk) -> None:
    desk.publish(1)
    desk.subscribe("app-timeline")
    desk.subscribe("app-mail")
    assert search(desk, "App-Time")["Location"] == "/topics/patients/subscriptions/app-timeline/"
    both = search(desk, "app")
    assert [href for href in attribute(both, "href") if "/subscriptions/app" in href] == [
        "/topics/patients/subscriptions/app-mail/",
        "/topics/patients/subscriptions/app-timeline/",
    ]


@pytest.mark.parametrize("asked", ["PatientReg", "patientregistered", "Patient registered", "registered"])
def test_an_event_type_is_found_as_it_is_written_and_in_plain_words(desk: Desk, asked: str) -> None:
    desk.publish(2)
    desk.publish(2, topic="letters", start=10)
    answer = search(desk, asked)
    assert answer.status_code == 200
    assert [filters(answer, topic) for topic in ("patients", "letters")] == [['type="health.PatientRegistered"']] * 2
    assert not any(filter.startswith("type") for filter in filters(search(desk, "pa"), "patients"))


def test_a_subject_of_type_and_id_leads_to_the_aggregate(desk: Desk) -> None:
    desk.publish(2, key="4711")
    for asked in ("patient-4711", "patient_4711", "patient#4711"):
        assert search(desk, asked)["Location"] == "/aggregates/patient/4711/"


def test_several_words_are_offered_as_words_and_as_a_phrase(desk: Desk) -> None:
    desk.publish(2)
    assert filters(search(desk, 'Erika "M"'), "patients") == [
        '"Erika" "\\"M\\""', '"Erika \\"M\\""', 'subject:"Erika \\"M\\""', 'key:"Erika \\"M\\""'
    ]  # fmt: skip
    assert filters(search(desk, "7c01"), "patients") == ['"7c01"', 'subject:"7c01"', 'key:"7c01"', "id:7c01*"]


def test_a_text_that_is_too_long_for_a_position_is_refused_at_once(desk: Desk) -> None:
    desk.publish(1)
    desk.subscribe()
    answer = desk.get(preview_url("position", position="a" + " " * 100_000 + "x"))
    assert "it is not a position in this topic either" in text(answer)


def test_a_store_that_refuses_its_subscriptions_takes_no_search_with_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.publish(1)

    def refused() -> None:
        raise StoreRefused("The token is not valid any more.")

    monkeypatch.setattr(desk.faces.log, "topics", refused)
    answer = search(desk, "nobody")
    assert answer.status_code == 200
    assert filters(answer, "patients")


def test_who_sees_no_payloads_is_offered_only_what_they_may_filter_by(desk: Desk) -> None:
    desk.publish(2)
    assert filters(search(desk, "7c01", role="viewer"), "patients") == ["id:7c01*"]
    assert filters(search(desk, "Erika M", role="viewer"), "patients") == []


def test_every_offer_is_a_filter_that_works(desk: Desk) -> None:
    desk.publish(2)
    for asked in ("Erika", 'a "b" \\ c', "a*b", "(x)", "and or not", "id:x", "é\u202e"):
        for url in [url.replace("&amp;", "&") for url in attribute(search(desk, asked), "href") if "filter=" in url]:
            assert desk.get(url).status_code == 200, url
