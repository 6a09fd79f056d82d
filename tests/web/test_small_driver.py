"""A driver that has a log and nothing else: its pages say what the store lacks, and work as well as they can."""

from collections.abc import Iterator, Mapping, Sequence

import pytest
from msgspec.structs import replace

from dashboard import gateway
from eventstore.drivers.database.log import DatabaseLog
from eventstore.model.events import Message, Position
from tests.web.desk import Desk, attribute, opened_desk, text


class LogOfSchemas(DatabaseLog):
    """A log whose messages were written with version 3 of some schema."""

    def fetch(self, positions: Sequence[Position]) -> Mapping[Position, Message]:
        return {position: replace(message, schema_version="3") for position, message in super().fetch(positions).items()}


class SmallStorage:
    """Fulfils ``eventstore.model.storage.Storage`` with a log alone."""

    schemas = None
    subscriptions = None
    details = None
    copying = None

    def __init__(self) -> None:
        self.log = LogOfSchemas()

    def close(self) -> None:
        """It holds nothing."""


@pytest.fixture
def desk(desk_databases: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(gateway, "open_storage", lambda *_, **__: SmallStorage())
    with opened_desk() as opened:
        opened.publish(3)
        yield opened


def test_the_list_of_subscriptions_says_that_the_store_has_none(desk: Desk) -> None:
    answer = desk.get("/subscriptions/")
    assert answer.status_code == 200
    assert "This store has no subscriptions" in text(answer)
    assert "It keeps events only: it does not know what each service has handled." in text(answer)
    assert "No subscription yet" not in text(answer)


def test_the_overview_says_so_too_and_counts_no_subscription_as_healthy(desk: Desk) -> None:
    answer = desk.get("/")
    said = text(answer)
    assert answer.status_code == 200
    assert "Nothing. This store has no subscriptions." in said
    assert "healthy" not in said
    assert "Waiting in all backlogs" not in said


def test_a_filter_that_asks_for_delivery_is_told_that_the_store_has_none(desk: Desk) -> None:
    answer = desk.get("/aggregates/patient/4711/?filter=delivery:mailer%3Dpending")
    assert answer.status_code == 400
    assert "this store has no subscriptions" in text(answer)
    assert "open the aggregate" not in text(answer)


@pytest.mark.parametrize("rest", ["", "cursor-resets/new/?to=earliest"])
def test_the_page_of_a_subscription_says_that_the_store_has_none(desk: Desk, rest: str) -> None:
    answer = desk.get(f"/topics/patients/subscriptions/mailer/{rest}")
    assert answer.status_code == 404
    assert "This store cannot do this This store has no subscriptions." in text(answer)


def test_an_event_with_a_schema_is_shown_as_it_is_and_says_that_there_is_no_registry(desk: Desk) -> None:
    answer = desk.get("/events/e-0/")
    said = text(answer)
    assert answer.status_code == 200
    assert "Schema version 3: this store has no schema registry, so the payload is shown as it is." in said
    assert "Erika Mustermann" in said
    assert "does not fit its schema" not in said


def test_what_needs_neither_works_as_ever(desk: Desk) -> None:
    for url in ("/topics/patients/", "/aggregates/patient/4711/"):
        answer = desk.get(url)
        assert answer.status_code == 200
        assert attribute(answer, "data-event-id")[:3] == ["e-2", "e-1", "e-0"]
