"""Sample events: the same for a seed, in order, plausible, and poisonous only on request."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest

from eventstore.config.loading import load_config
from eventstore.envelope.times import parse_time
from eventstore.samples.health import HEALTH_TYPES, CloudEvent, health_history, misfits, oldest_form, permit_like

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
END = datetime(2026, 3, 1, 12, tzinfo=UTC)


def time_of(event: CloudEvent) -> datetime:
    time = parse_time(event["time"])
    assert time is not None
    return time


def check_sequences(events: list[CloudEvent]) -> None:
    seen: dict[tuple[str, str], int] = defaultdict(int)
    for event in events:
        aggregate = (event["aggregatetype"], event["aggregateid"])
        seen[aggregate] += 1
        assert event["sequence"] == seen[aggregate]


@pytest.mark.parametrize("seed", [1, 2])
def test_a_seed_always_gives_the_same_events(seed: int) -> None:
    assert list(health_history(seed, 8, end=END, poison=True)) == list(health_history(seed, 8, end=END, poison=True))
    assert list(permit_like(seed, 20)) == list(permit_like(seed, 20))
    assert list(oldest_form(seed, 5)) == list(oldest_form(seed, 5))
    assert list(misfits(seed)) == list(misfits(seed))


def test_another_seed_gives_other_events() -> None:
    first, second = ({event["id"] for event in health_history(seed, 8, end=END)} for seed in (1, 2))
    assert not first & second
    assert next(permit_like(1, 1))["id"] != next(permit_like(2, 1))["id"]


def test_the_history_is_in_order_and_ends_shortly_before_its_end() -> None:
    events = list(health_history(3, 60, end=END, days=30))
    times = [time_of(event) for event in events]
    assert times == sorted(times)
    assert END - timedelta(days=30) <= times[0]
    assert END - timedelta(days=1) < times[-1] < END


def test_ids_are_unique_and_sequences_gapless() -> None:
    for events in (list(health_history(4, 80, end=END, poison=True)), list(permit_like(4, 120))):
        assert len({event["id"] for event in events}) == len(events)
        check_sequences(events)


def test_what_happens_to_a_document_happened_to_its_patient() -> None:
    of_documents = [event for event in health_history(4, 20, end=END, poison=True) if event["source"] == "/documents"]
    for event in of_documents:
        assert event["aggregatetype"] == "patient"
        assert event["subject"].startswith(f"document/doc-{event['aggregateid']}-")
        assert "data_base64" in event or f"document/{event['data']['document']}" == event["subject"]


def test_the_oldest_form_comes_in_the_order_of_its_times_and_begins_with_the_account() -> None:
    messages = list(oldest_form(6, 40, end=END, days=30))
    times = [message.event_time for message in messages if message.event_time]
    assert len(times) == len(messages)
    assert times == sorted(times)
    assert END - timedelta(days=30) <= times[0] < times[-1] < END
    first = {message.key: message.payload for message in reversed(messages)}
    assert all(b"user.created" in payload for payload in first.values())


def test_every_type_occurs_and_has_a_story_in_the_examples() -> None:
    assert {event["type"] for event in health_history(5, 60, end=END)} == set(HEALTH_TYPES)
    for name in ("demo", "eventdesk"):
        config = load_config(str(EXAMPLES / f"{name}.toml"))
        assert not [kind for kind in HEALTH_TYPES if config.story(kind) is None]


def test_every_value_that_a_story_names_is_in_the_payload() -> None:
    config = load_config(str(EXAMPLES / "demo.toml"))
    for event in health_history(6, 60, end=END):
        for part in config.story(event["type"]) or ():
            if not isinstance(part, str) and part.expression is not None:
                assert part.expression.search(event["data"]) is not None, (event["type"], part.path)


def test_causes_come_before_their_effects_in_the_same_conversation_and_across_aggregates() -> None:
    events = {event["id"]: event for event in health_history(7, 40, end=END)}
    chains = [(events[event["causationid"]], event) for event in events.values() if "causationid" in event]
    assert all(
        cause["correlationid"] == effect["correlationid"] and time_of(cause) <= time_of(effect) for cause, effect in chains
    )
    assert {
        ("DocumentUploaded", "DocumentScanned"),
        ("DocumentScanned", "DocumentShared"),
        ("ConsentGiven", "DocumentShared"),
    } <= {(cause["type"], effect["type"]) for cause, effect in chains}
    assert any(cause["aggregateid"] != effect["aggregateid"] for cause, effect in chains)


@pytest.mark.parametrize("patients", [1, 2, 3, 40])
def test_poison_is_three_events_however_many_patients_there_are(patients: int) -> None:
    clean = {event["id"] for event in health_history(8, patients, end=END)}
    assert not any("data_base64" in event for event in health_history(8, patients, end=END))
    events = list(health_history(8, patients, end=END, poison=True))
    assert sum("data_base64" in event for event in events) == 2
    assert sum(isinstance(event.get("data", {}).get("uploadedBy"), dict) for event in events) == 1
    assert len(clean) > 5


def test_nobody_means_nothing() -> None:
    assert list(health_history(1, 0, poison=True)) == []
    assert list(permit_like(1, 0)) == []
    assert list(oldest_form(1, 0)) == []


def test_a_long_history_starts_at_once() -> None:
    assert len(list(islice(health_history(9, 500, end=END), 10))) == 10


def test_permits_are_as_odd_as_real_ones() -> None:
    events = list(permit_like(10, 200))
    assert [time_of(event) for event in events] == sorted(time_of(event) for event in events)
    assert {event["time"][-6:] for event in permit_like(10, 900)} == {"+01:00", "+02:00"}
    assert any("group" not in event["data"] for event in events)
    assert any(event["type"].endswith(".start") for event in events)
    assert any("/" in event["aggregateid"] for event in events)
    first = [event for event in events if event["sequence"] == 1]
    assert len(first) == 200
    assert all("case" in event["data"] for event in first)
    assert not any("case" in event["data"] for event in events if event["sequence"] > 1)
    assert {event["type"] for event in first} != {"permits.ConfirmationOfReceipt"}
