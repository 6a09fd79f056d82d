"""Examples beside filter fields and the search box come from the events at hand: foreign pages show nothing of the demo."""

import re
from collections.abc import Iterator

import pytest

from dashboard.rendering import EventLine, build_pointer_line
from dashboard.web.filter_examples import FilterExamples, examples_of
from eventstore.model.events import NewMessage
from eventstore.search import parse_filter
from tests.web.desk import Desk, attribute, opened_desk, text

TOPIC = "loans"
PAGES = [
    f"/topics/{TOPIC}/",
    f"/topics/{TOPIC}/?filter=type:none",
    f"/topics/{TOPIC}/tail/",
    "/aggregates/loan/Case~202237/",
    "/aggregates/?q=nothing-of-this-name",
]
OF_THE_DEMO = re.compile(r"patient|document|4711|a@b|email", re.IGNORECASE)


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        opened.log.create_topic(TOPIC)
        yield opened


def publish(desk: Desk, type: str, id: str = "Case 2237") -> EventLine:
    """Publish an event of this type and index it. Returns its line."""
    properties = {
        "ce_specversion": "1.0",
        "ce_id": f"{type} {id}",
        "ce_type": type,
        "ce_source": "/loans",
        "ce_aggregatetype": "loan",
        "ce_aggregateid": id,
    }
    desk.log.append(TOPIC, [NewMessage(payload=b"{}", key=id, properties=properties)])
    desk.index()
    return build_pointer_line(desk.faces.index.with_event_id(f"{type} {id}")[0])


def test_pages_of_foreign_events_have_examples_of_them_and_nothing_of_the_demo(desk: Desk) -> None:
    publish(desk, "LoanASubmitted")
    for url in PAGES:
        for role in ("support", "viewer"):
            answer = desk.get(url, role)
            seen = text(answer) + " ".join(attribute(answer, "placeholder"))
            assert OF_THE_DEMO.search(seen) is None, url
            expected = "loan Case 2237" if "?q=" in url else 'type:Loan*  aggregate:"Case 2237"'
            assert expected in seen, url


@pytest.mark.parametrize(
    ("type", "like"),
    [
        ("LoanASubmitted", "type:Loan*"),
        ("ORDER_PLACED", "type:ORDER_*"),
        ("com.example.loan.submitted.v2", "type:com.example.loan.submitted.*"),
        ("permits/T02", "type:permits/*"),
        ("Loan (new).submitted", 'type:"Loan (new).submitted"'),
        ('quo"ted\\type*', 'type:"quo\\"ted\\\\type*"'),
        ("über", "type:über"),
    ],
)
def test_each_example_is_a_filter_that_finds_its_event(desk: Desk, type: str, like: str) -> None:
    examples = examples_of([publish(desk, type)])
    assert examples.like == like
    row = desk.faces.streams.latest_known(desk.log.topic(TOPIC), limit=1)[0]
    assert row.pointer is not None
    for example in (examples.type, examples.like, examples.aggregate, examples.id):
        assert parse_filter(example).matches_pointer(row.pointer), example


def test_without_an_event_at_hand_they_say_what_to_put_in(desk: Desk) -> None:
    assert examples_of([]) == FilterExamples()
    assert 'placeholder="type:BEGINNING*  aggregate:ID' in desk.get(f"/topics/{TOPIC}/").content.decode()
