"""What an aggregate's page says of events that retention has trimmed but the index knows."""

import threading

import httpx
import pytest

from eventstore.config.loading import parse_config
from eventstore.desk import Desk
from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.index.indexer.run import Following, index_until_caught_up
from eventstore.model.events import NewMessage
from eventstore.streams.rows import Missing
from tests.broker.conftest import MakeTopic
from tests.broker.test_payloads import truncate
from tests.safeguards import ONLY_LOOKING

pytestmark = pytest.mark.broker


@pytest.fixture
def storage(alone: PulsarStorage) -> PulsarStorage:
    return alone


def desk_over(storage: PulsarStorage) -> Desk:
    """A desk as a new process has it, with nothing in memory."""
    return Desk(storage=storage, config=parse_config("", "desk.toml"), safeguards=ONLY_LOOKING)


def happened(number: int, aggregate: str) -> NewMessage:
    properties = {
        "ce_specversion": "1.0", "ce_id": f"{aggregate}-{number}", "ce_type": "Happened", "ce_source": "/s",
        "ce_aggregatetype": "case", "ce_aggregateid": aggregate,
    }  # fmt: skip
    return NewMessage(payload=b'{"n": %d}' % number, key=aggregate, properties=properties)


def test_a_trimmed_event_keeps_its_line_and_says_that_its_payload_is_gone(
    storage: PulsarStorage, admin: httpx.Client, topic: MakeTopic, desk_databases: dict[str, str]
) -> None:
    name = topic()
    aggregate = name.rpartition("/")[2]
    storage.log.append(name, [happened(number, aggregate) for number in range(3)])
    before = desk_over(storage)
    following = Following(storage=storage, config=before.config, stop=threading.Event(), on_batch=lambda *_: None)
    index_until_caught_up(following)
    assert [row.missing for row in before.streams.stream("case", aggregate).items] == [Missing.NOTHING] * 3
    truncate(admin, name)
    storage.log.append(name, [happened(3, aggregate)])
    index_until_caught_up(following)

    after = desk_over(storage)
    rows = after.streams.stream("case", aggregate).items
    assert [row.missing for row in rows] == [Missing.NOTHING] + [Missing.TRIMMED] * 3
    assert [row.pointer and row.pointer.event_id for row in rows] == [f"{aggregate}-{number}" for number in (3, 2, 1, 0)]
    assert after.streams.row_at(rows[1].position).missing is Missing.TRIMMED
    assert before.streams.row_at(rows[1].position).event is not None, "what was read a moment ago is still in memory"
