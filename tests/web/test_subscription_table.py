"""The table of subscriptions: its order, filter and figures; and the figures of a subscription's chart."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse

from dashboard.subscriptions.backlog_cache import Line
from dashboard.subscriptions.figures.chart import columns_of
from dashboard.subscriptions.figures.row import full_rows
from dashboard.subscriptions.figures.sparkline import sparkline
from dashboard.subscriptions.figures.table import Asked, asked_for, chosen, columns
from eventstore.backlogs import NOT_KNOWN, Pace, look_at
from eventstore.model.events import Topic
from eventstore.model.subscriptions import SubscriptionKind, SubscriptionType
from eventstore.subscriptions import Counted, State
from tests.unit.backlogs.test_stored import HOSTILE, backlog
from tests.web.desk import TOPIC, Desk, attribute, opened_desk, text

LIST = "/subscriptions/"


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        yield opened


def line(name: str, *, waiting: int = 1, topic: str = "patients", pace: Pace = NOT_KNOWN, **given: Any) -> Line:
    there, at = backlog(topic=topic, name=name), datetime.now(UTC)
    told: dict[str, Any] = {"type": SubscriptionType.SHARED, "kind": SubscriptionKind.SERVICE, "consumers": []}
    fields: dict[str, Any] = {"oldest": at - timedelta(seconds=waiting) if waiting else None, "stuck_since": None}
    fields["state"] = State.CATCHING_UP
    for field, value in given.items():
        (told if field in ("type", "kind", "consumers", "unacked") else fields)[field] = value
    changed = replace(there, waiting=waiting, as_of=at, subscription=replace(there.subscription, **told), **fields)
    return Line(topic=Topic(name=topic), backlog=changed, pace=pace)


def names(lines: Sequence[Line], address: str = "") -> list[str]:
    given = dict(pair.split("=") for pair in address.split("&")) if address else {}
    return [one.subscription.name for one in chosen(lines, asked_for(given))]


def five() -> list[Line]:
    falling = Pace(published=1.0, handled=3.0, falls=2.0, drains_in=timedelta(seconds=9))
    return [
        line("a", waiting=5, topic="letters", pace=falling),
        line("b", waiting=700, unacked=2, pace=Pace(published=2.0, handled=0.0, falls=-2.0)),
        line("c", waiting=0, state=State.HEALTHY, type=SubscriptionType.FAILOVER),
        line("d", waiting=60, state=State.STUCK, stuck_since=datetime.now(UTC)),
        line("e", waiting=9_999, kind=SubscriptionKind.COMPACTION, state=State.STORES_OWN),
    ]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("", "dbace"),
        ("sort=name", "abcde"),
        ("sort=-name", "edcba"),
        ("sort=waiting", "ebdac"),
        ("sort=-waiting", "cadbe"),
        ("sort=oldest", "ebdac"),
        ("sort=in", "badce"),
        ("sort=drain", "dbace"),
        ("sort=-drain", "cadbe"),
        ("sort=unacked", "bdace"),
        ("sort=state", "baced"),
        ("sort=topic", "adbce"),
        ("sort=nothing", "dbace"),
        ("q=LETT", "a"),
        ("q=b", "b"),
        ("state=stuck", "d"),
        ("type=failover", "c"),
        ("type=failover&state=stuck", ""),
    ],
)
def test_the_address_says_in_which_order_and_which_of_them(address: str, expected: str) -> None:
    found = names(five(), address)
    assert sorted(found) == sorted(expected)
    if "sort=state" not in address:
        assert "".join(found) == expected


def test_a_column_is_turned_round_by_a_second_click_and_left_by_a_third() -> None:
    asked = Asked(text="x y")
    once = asked.sorted_by("waiting")
    assert (once.query, once.direction("waiting"), once.direction("name")) == ("?q=x+y&sort=waiting", "descending", "")
    twice = once.sorted_by("waiting")
    assert (twice.query, twice.direction("waiting")) == ("?q=x+y&sort=-waiting", "ascending")
    assert twice.sorted_by("waiting") == asked
    assert next(iter(columns(Asked(sort="name", backwards=True), lists_consumers=True))).query == "?"
    assert "Consumers" not in [column.words for column in columns(asked, lists_consumers=False)]


@pytest.mark.parametrize(
    ("pace", "waiting", "state", "words"),
    [
        (Pace(), 5, State.CATCHING_UP, "unknown"),
        (Pace(falls=-1.0), 5, State.CATCHING_UP, "growing"),
        (Pace(falls=0.0), 5, State.STUCK, "never"),
        (Pace(falls=1.0, drains_in=timedelta(seconds=90)), 90, State.CATCHING_UP, "1 min"),
        (Pace(falls=-1.0), 0, State.HEALTHY, "–"),
        (Pace(falls=-1.0), 5, State.PHANTOM, "–"),
    ],
)
def test_the_time_to_drain_is_honest(pace: Pace, waiting: int, state: State, words: str) -> None:
    row = full_rows([line("a", pace=pace, waiting=waiting, state=state)], lists_consumers=True)
    cell = row.partition('data-label="To drain"')[2].partition(">")[2].partition("</td>")[0]
    assert words in cell


def test_the_brokers_entries_stand_beside_the_events_where_they_differ_with_the_reason() -> None:
    def beside(waiting: int, entries: int | None) -> str:
        return full_rows([line("a", waiting=waiting, entries=entries, counted="index")], lists_consumers=True)

    assert "2 entries" in beside(20, 2) and "some hold several events" in beside(20, 2)
    assert "1 entry" in beside(0, 1) and "not events" in beside(0, 1)
    assert "entries" not in beside(20, 20)
    assert "entries" not in beside(20, None)


def test_hostile_names_are_text_in_a_row() -> None:
    row = full_rows([line(HOSTILE, topic=HOSTILE)], lists_consumers=True)
    assert "<b>" not in row and "</script>" not in row and "\u202e" not in row.replace("data-", "").split("<bdi>")[1][:40]


def test_a_sparkline_stays_in_its_frame_and_says_the_same_in_words() -> None:
    drawn = sparkline([(0, 10), (1800, 1_000_000), (3600, 0)], "Waiting")
    points = drawn.partition('points="')[2].partition('"')[0]
    assert points == "0.0,17.0 36.0,1.0 72.0,17.0"
    assert "Waiting, 60 min ago: 10; at most 1,000,000; now 0" in drawn
    assert sparkline([(0, 1)], "Waiting") == ""
    assert sparkline([(0, 0), (60, 0)], "Waiting")


def test_the_chart_has_columns_of_one_length_and_no_name() -> None:
    there, begun = replace(backlog(), counted=Counted.INDEX), datetime.now(UTC)
    looks = [
        look_at(replace(there, as_of=begun + timedelta(seconds=10 * number), waiting=9 - number, events=20 + 5 * number))
        for number in range(3)
    ]
    found = columns_of(looks)
    assert {len(column) for column in found.values()} == {3}
    assert found["acknowledged"] == [11, 17, 23]
    assert found["published"] == [1.5, 0.5, 0.5]
    assert found["handled"] == [None, 0.6, 0.6]
    assert all(len(column) == 0 for column in columns_of([]).values())
    behind = columns_of([look_at(replace(there, counted=Counted.INDEX_BEHIND, as_of=begun)), *looks[1:]])
    assert (behind["end"][0], behind["acknowledged"][0], behind["published"][:2]) == (None, None, [1.5, 1.5])


def test_the_chart_comes_as_json_from_the_pages_own_address_whatever_the_name(desk: Desk) -> None:
    desk.publish(3)
    name = "</script><b>"
    desk.subscribe(name, handled=1)
    desk.get(LIST)
    address = reverse("subscription", args=[TOPIC, name])
    answer = desk.client().get(f"{address}?chart=1h")
    found = json.loads(answer.content)
    assert (answer["Content-Type"], found["waiting"], found["end"]) == ("application/json", [2], [3])
    assert b"<" not in answer.content
    assert desk.client().get(f"{address}?chart=all").status_code == 400
    page = desk.get(address)
    assert attribute(page, "data-chart") == [address]
    assert "uPlot" in page.content.decode()
    assert "uPlot" not in desk.get(LIST).content.decode()


def test_of_hundreds_five_hundred_are_shown_the_worst_first_and_the_rest_is_counted(desk: Desk) -> None:
    desk.publish(1)
    from eventstore.drivers.database.models import CursorRow, SubscriptionRow

    desk.subscribe("first")
    first = SubscriptionRow.objects.using("store").get()
    cursor = CursorRow.objects.using("store").get()
    made = SubscriptionRow.objects.using("store").bulk_create(
        [SubscriptionRow(**{**fields_of(first), "name": f"s{number:03}"}) for number in range(519)]
    )
    CursorRow.objects.using("store").bulk_create(
        [CursorRow(**{**fields_of(cursor), "subscription_id": row.pk}) for row in made]
    )
    answer = desk.get(LIST)
    assert len(attribute(answer, "data-subscription")) == 500
    assert "20 more are not shown: narrow the filter" in text(answer)
    narrowed = desk.get(f"{LIST}?q=S51&sort=-name")
    assert attribute(narrowed, "data-subscription") == [f"s51{number}" for number in range(8, -1, -1)]
    assert attribute(narrowed, "hx-get") == ["/subscriptions/?q=S51&sort=-name"]
    assert "No subscription matches this filter" in text(desk.get(f"{LIST}?q=none-such"))


def fields_of(row: Any) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields if not field.primary_key}
