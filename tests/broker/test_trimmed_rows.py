"""What an aggregate's page says of events that retention has trimmed but the index knows, and what becomes of the plan of a
replay of them."""

import threading
from collections.abc import Mapping

import httpx
import pytest

from eventstore.config.loading import parse_config
from eventstore.desk import Desk
from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.index.indexer.run import Following, index_until_caught_up
from eventstore.model.events import NewMessage
from eventstore.replays import Danger, Kind, ReplayPlan, Way, What
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


def planned_for(storage: PulsarStorage, topic: str, until: Mapping[str, Mapping[int, int]] | None = None) -> ReplayPlan:
    """A replay of everything in the topic to a projection that reads it."""
    declared = f"""
[[projection]]
name = "app"
purpose = "What patients see"
topics = ["{topic}"]
subscription = "app"
ways = ["cursor"]
"""
    desk = Desk(storage=storage, config=parse_config(declared, "desk.toml"), safeguards=ONLY_LOOKING)
    what = What(kind=Kind.EVERYTHING)
    return desk.replay_plans.plan(desk.replay_plans.aim(desk.projections.get("app"), Way.CURSOR, what, until=until))


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
    planned = planned_for(storage, name)
    assert (planned.events, planned.choice.trimmed) == (3, 0)
    assert planned_for(storage, name, planned.until).confirmed_by(planned.digest)
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
    now = planned_for(storage, name, planned.until)
    assert (now.events, now.choice.trimmed) == (0, 3)
    assert Danger.TRIMMED in {one.danger for one in now.hazards}
    assert not now.confirmed_by(planned.digest), "a plan of removed events is not what would happen"
