"""The demo has to show the main job, and its consumers have to behave like real ones."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from dashboard.auditing.acts import acts
from dashboard.demo import ensure_people
from dashboard.demo.history import PARTITIONS, as_message, numbered, topic_of, whole_history
from dashboard.demo.timeline import build_timeline, understood
from dashboard.demo.traffic import as_other_patient
from dashboard.models import Person, Role, State
from eventstore.drivers.routing import partition_of
from eventstore.model.errors import InvalidConfiguration, StoreRefused
from eventstore.model.events import NewMessage
from eventstore.model.log import Edge
from eventstore.model.subscriptions import SubscriptionType
from eventstore.samples.health import health_history
from tests.people import person
from tests.web.desk import Desk, opened_desk

END = datetime(2026, 3, 1, 12, tzinfo=UTC)
TOPIC, NAME = "documents", "app-timeline"


@pytest.mark.slow
def test_the_newest_document_of_patient_4711_waits_behind_the_one_that_is_not_understood() -> None:
    documents = whole_history(END)["documents"]
    (poison,) = [place for place, message in enumerate(documents) if not understood(message)]
    uploads = [p for p, m in enumerate(documents) if m.key == "4711" and m.properties.get("ce_type") == "DocumentUploaded"]
    assert uploads[0] < poison < uploads[-1], "older ones have arrived in the app, the newest one has not"
    assert partition_of(documents[poison].key or "", PARTITIONS["documents"]) == partition_of("4711", PARTITIONS["documents"])


@pytest.mark.slow
def test_patient_4711_has_a_history_in_two_topics() -> None:
    found = {name: [m for m in messages if m.key == "4711"] for name, messages in whole_history(END).items()}
    assert {name for name, messages in found.items() if messages} == {"patients", "documents"}
    assert sum(map(len, found.values())) >= 12


def test_another_patient_is_another_everywhere() -> None:
    for event in health_history(3, 5, end=END):
        other = as_other_patient(event, 1000)
        ids = {event["aggregateid"], event["subject"], *(event["data"].get(name, "") for name in ("patient", "document"))}
        assert not any(part and part in str(list(other.values())) for part in ids), event["type"]
        assert topic_of(other) == topic_of(event)


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        yield opened


def document(patient: str, by: object) -> NewMessage:
    event = next(e for e in health_history(1, 1, end=END) if e["type"] == "DocumentUploaded")
    return as_message({**event, "aggregateid": patient, "data": {**event["data"], "uploadedBy": by}})


def test_the_timeline_stands_still_in_one_partition_alone_until_its_cursor_is_moved(desk: Desk) -> None:
    zero, one = "4761", "4711"
    assert [partition_of(key, 2) for key in (zero, one)] == [0, 1]
    log, subscriptions = desk.log, desk.subscriptions
    log.create_topic(TOPIC, partitions=2)
    subscriptions.create(TOPIC, NAME, type=SubscriptionType.FAILOVER, start=Edge.EARLIEST)
    stop = threading.Event()
    with subscriptions.consume(TOPIC, NAME, type=SubscriptionType.FAILOVER, consumer="c") as consumer:
        working = threading.Thread(target=build_timeline, args=(log, subscriptions, consumer, stop))
        working.start()
        try:
            bad = log.append(TOPIC, [document(zero, {"role": "practice"})])[0]
            log.append(TOPIC, [document(zero, "the practice"), *(document(one, "the practice") for _ in range(3))])
            until(lambda: backlog(desk) == {0: 2, 1: 0}, stop)
            log.append(TOPIC, [document(one, "the practice")])
            until(lambda: backlog(desk) == {0: 2, 1: 0}, stop)
            assert working.is_alive(), "it stays connected"
            behind = log.read_forward(TOPIC, 0, after=bad, limit=1)[0].position
            subscriptions.reset_cursor(TOPIC, NAME, {0: behind})
            working.join(60)
            assert not working.is_alive(), "it begins anew where its cursor was moved to"
        finally:
            stop.set()
            working.join(60)


def backlog(desk: Desk) -> dict[int, int]:
    return {cursor.partition: cursor.backlog for cursor in desk.subscriptions.named(TOPIC, NAME).cursors}


def until(true: Callable[[], bool], stop: threading.Event) -> None:
    for _ in range(600):
        if true():
            return
        stop.wait(0.1)
    raise AssertionError("it did not come to that")


@pytest.mark.slow
def test_the_index_finds_nothing_odd_in_the_demos_history_but_what_is_meant_to_be(desk: Desk) -> None:
    for topic, messages in whole_history(END).items():
        desk.log.create_topic(topic, partitions=PARTITIONS[topic])
        desk.log.append(topic, messages)
    desk.index()
    assert desk.faces.index.anomaly_counts() == {"unreadable": 4 + len(whole_history(END)["users"])}


def test_each_service_numbers_what_it_says_itself() -> None:
    seen: dict[tuple[str, object], list[object]] = {}
    for event in numbered(health_history(3, 30, end=END)):
        seen.setdefault((topic_of(event), (event["aggregatetype"], event["aggregateid"])), []).append(event["sequence"])
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in seen.values())
    assert len({topic for topic, _ in seen}) == 4


def a_login(directory: Path) -> str:
    """The file of logins as the demo would write it, for one person."""
    (directory / "demo-logins").write_text("support-1 a-long-test-password support\n")
    return "support-1"


@pytest.mark.django_db
def test_the_demo_makes_its_people_and_mends_its_own_only(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    name = a_login(tmp_path)
    ensure_people()
    Person.objects.filter(username=name).update(role="admin")
    (tmp_path / "demo-logins").write_text(f"{name} another-long-password support\n")
    ensure_people()
    made = Person.objects.get(username=name)
    assert (made.role, made.check_password("another-long-password")) == ("support", True)
    assert {login.role for login in ensure_people()} == {str(role) for role in Role if role}, "an old file lacks new roles"


@pytest.mark.django_db
@pytest.mark.parametrize("by_command", [True, False])
def test_an_account_of_the_demos_name_that_somebody_else_made_is_left_alone(
    settings: Any, tmp_path: Path, by_command: bool
) -> None:
    settings.DATA_DIR = tmp_path
    name = a_login(tmp_path)
    if by_command:
        ensure_people()
        Person.objects.filter(username=name).delete()
        call_command("create_user", name, "--role", "viewer", stdout=StringIO())
    else:
        person("viewer", name)
    before = Person.objects.get(username=name)
    with pytest.raises(InvalidConfiguration, match="'support-1' that the demo did not make"):
        ensure_people()
    after = Person.objects.get(username=name)
    assert (after.role, after.password) == (before.role, before.password)


@pytest.mark.django_db
def test_a_database_of_other_people_gets_no_demo_accounts(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR, settings.DATABASE_GIVEN = tmp_path, True
    ensure_people()
    person("viewer", "anna")
    ensure_people()  # its own are there: it is the demo's, with a guest
    Person.objects.exclude(username="anna").delete()
    with pytest.raises(InvalidConfiguration, match="DATABASE_URL names a database of people"):
        ensure_people()
    assert [somebody.username for somebody in Person.objects.all()] == ["anna"]


@pytest.mark.parametrize("command", [("seed_demo",), ("seed_demo", "--yes-into-this-store"), ("run_demo_traffic",)])
def test_outside_of_demo_mode_nothing_made_up_is_written(settings: Any, command: tuple[str, ...]) -> None:
    settings.DEMO = False
    for url in ("database://", "pulsar://127.0.0.1:1"):
        settings.EVENTSTORE_URL = url
        with pytest.raises(CommandError, match="demo mode only"):
            call_command(*command)


@pytest.mark.slow
def test_a_history_that_the_store_ends_is_recorded_with_the_topics_that_are_complete(
    desk: Desk, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DEMO, settings.DATA_DIR = True, tmp_path
    append = desk.log.append
    (first, *_), second = whole_history(END).items(), list(whole_history(END))[1]

    def refusing(topic: str, messages: Any, **options: Any) -> Any:
        if topic == second:
            raise StoreRefused("The disk is full.")
        return append(topic, messages, **options)

    monkeypatch.setattr(desk.log, "append", refusing)
    with pytest.raises(CommandError, match="The disk is full"):
        call_command("seed_demo", stdout=StringIO())
    (act,) = acts()
    assert act.state == State.PARTLY_DONE
    assert act.outcome["imported"] == len(first[1])
    assert [(part["name"], part["outcome"]) for part in act.outcome["parts"]] == [(first[0], "done"), ("the rest", "unknown")]
