"""Messages that nobody foresaw on every page: each is shown, with a note, and its neighbours as ever."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from dashboard import gateway
from dashboard.rendering import event_line_builder
from dashboard.rendering.story import story_of
from eventstore.drivers.database.log import DatabaseLog
from eventstore.index.models import IndexedPartition
from eventstore.model.events import NO_TIME, Message, Position
from eventstore.model.log import Edge, Reader
from tests.web.desk import Desk, attribute, opened_desk, text

NOTE = "Its publish time is unknown: its publisher wrote -5, which is not a time in milliseconds since 1970."
SECRET = "Erika Mustermann"
PAGES = ("/", "/topics/", "/topics/patients/", "/aggregates/", "/aggregates/patient/4711/", "/index/", "/anomalies/")


def timeless(message: Message) -> Message:
    """The second event has no time, neither its own nor one when it was published."""
    if message.properties.get("ce_id") != "e-1":
        return message
    properties = {name: value for name, value in message.properties.items() if name != "ce_time"}
    return replace(message, published=NO_TIME, notes=(NOTE,), properties=properties)


class Timeless(DatabaseLog):
    def fetch(self, positions: Sequence[Position]) -> Mapping[Position, Message]:
        return {position: timeless(message) for position, message in super().fetch(positions).items()}

    def read_forward(self, *where: Any, **how: Any) -> Sequence[Message]:
        return [timeless(message) for message in super().read_forward(*where, **how)]

    def read_backward(self, *where: Any, **how: Any) -> Sequence[Message]:
        return [timeless(message) for message in super().read_backward(*where, **how)]

    def open_reader(self, topic: str, partition: int, *, after: Position | Edge) -> Reader:
        reader = super().open_reader(topic, partition, after=after)
        read = reader.read
        reader.read = lambda **how: [timeless(one) for one in read(**how)]  # type: ignore[method-assign]
        return reader


class StrangeStorage:
    """Fulfils ``eventstore.model.storage.Storage`` with a log alone."""

    schemas = None
    subscriptions = None
    details = None
    copying = None

    def __init__(self) -> None:
        self.log = Timeless()

    def close(self) -> None:
        """It holds nothing."""


@pytest.fixture
def strange(desk_databases: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(gateway, "open_storage", lambda *_, **__: StrangeStorage())
    with opened_desk() as opened:
        opened.publish(3)
        yield opened


@pytest.mark.parametrize("page", PAGES)
def test_a_message_without_a_time_is_on_every_page(strange: Desk, page: str) -> None:
    answer = strange.get(page)
    assert answer.status_code == 200
    assert "0001-01-0" not in answer.content.decode()


def test_its_row_says_that_its_time_is_unknown(strange: Desk) -> None:
    answer = strange.get("/topics/patients/")
    assert attribute(answer, "data-event-id") == ["e-2", "e-1", "e-0"]
    assert text(answer).count("time unknown") == 1


def test_its_own_page_says_why(strange: Desk) -> None:
    answer = strange.get("/events/e-1/")
    said = text(answer)
    assert answer.status_code == 200
    assert NOTE in said
    assert "its time is unknown" in said
    assert 'href="/topics/patients/"' in answer.content.decode(), "no address names a time that is none"


def test_a_filter_of_times_leaves_it_undecided(strange: Desk) -> None:
    answer = strange.get("/aggregates/patient/4711/?filter=time%3E%3D2020-01-01")
    assert attribute(answer, "data-event-id")[:2] == ["e-2", "e-0"]


def test_an_event_that_a_page_was_not_made_for_is_shown_as_unreadable(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    desk.publish(3)

    def fragile(event: Any, profile: Any) -> Any:
        if event.id == "e-1" and not event.problem:
            raise ValueError(SECRET)
        return story_of(event, profile)

    monkeypatch.setattr(event_line_builder, "story_of", fragile)
    for page in ("/topics/patients/", "/aggregates/patient/4711/"):
        answer = desk.get(page)
        assert answer.status_code == 200
        assert attribute(answer, "data-version") == ["3", "2", "1"]
        assert "Unreadable message" in text(answer)
    assert desk.get("/events/e-1/").status_code == 200
    assert SECRET not in caplog.text


def in_trouble(desk: Desk, *, checkpoint: str | None = None) -> None:
    desk.publish(3)
    columns: dict[str, Any] = {"trouble": "The broker answered 500.", "trouble_since": datetime.now(UTC)}
    if checkpoint is not None:
        columns["checkpoint"] = checkpoint
    IndexedPartition.objects.using("index").filter(topic="patients").update(**columns)


@pytest.mark.parametrize("page", ["/", "/index/"])
def test_a_partition_that_fails_again_and_again_is_named_with_its_position_and_reason(desk: Desk, page: str) -> None:
    in_trouble(desk)
    answer = desk.get(page)
    said = text(answer)
    assert "index-fails" in attribute(answer, "data-attention")
    assert "Partition 0 of patients is not indexed further than 2, since" in said
    assert "The broker answered 500." in said
    assert "All clear" not in said


@pytest.mark.parametrize(
    ("checkpoint", "words"), [("", "than its beginning"), ("zz", "a position that does not belong to this store")]
)
def test_a_checkpoint_without_a_label_is_said_in_words(desk: Desk, checkpoint: str, words: str) -> None:
    in_trouble(desk, checkpoint=checkpoint)
    assert words in text(desk.get("/"))


def test_its_topic_does_not_count_as_up_to_date(desk: Desk) -> None:
    in_trouble(desk)
    answer = desk.get("/index/")
    assert attribute(answer, "data-state") == ["fails"]
    assert "1 of 1 topic is behind" in text(answer)
    assert "No indexer runs" not in text(answer)
