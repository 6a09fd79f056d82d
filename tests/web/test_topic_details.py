"""The page of what is around a topic: of a store that tells nothing of it, and of one that tells all or refuses a part."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dashboard.views.topic_details import quota_words, retention_words
from eventstore.model.errors import StoreUnreachable
from eventstore.model.topic_details import (
    Function,
    FunctionError,
    Functions,
    Link,
    PartitionLedgers,
    PartitionTraffic,
    Policies,
    Producer,
    Quota,
    Retention,
    SchemaVersion,
    Told,
    TopicDetails,
    Traffic,
)
from tests.web.desk import TOPIC, Desk, attribute, opened_desk, text

URL = f"/topics/{TOPIC}/details/"
SECRET = "cannot read Morgenrain"
NOW = datetime(2026, 11, 29, tzinfo=UTC)
TOLD = TopicDetails(
    traffic=Told(
        value=Traffic(
            partitions=[PartitionTraffic(partition=0, rate_in=2.5, rate_out=5.0, stored=2_000_000, offloaded=1_500_000)],
            producers=[
                Producer(
                    name="shop<1>",
                    partition=0,
                    address="10.0.0.7:4711",
                    client="Pulsar-Java-v4.0.8",
                    connected_since=NOW,
                    rate=2.5,
                    bytes_rate=900.0,
                )
            ],
            links=[
                Link(cluster="b", partition=0, connected=True, backlog=3, lag=120, rate_out=1.0),
                Link(cluster="b", partition=1, connected=False, backlog=4, lag=0, rate_out=0.0),
            ],
        )
    ),
    ledgers=Told(value=[PartitionLedgers(partition=0, ledgers=6, offloaded=5, entries=100, terminated=True)]),
    policies=Policies(
        retention=Told(value=Retention(minutes=-1, megabytes=-1)),
        ttl=Told(value=3_600),
        quotas=Told(value=[Quota(kind="message_age", bytes=-1, seconds=7_200, policy="producer_exception")]),
        deduplication=Told(value=True),
        clusters=Told(problem="The broker refuses this user."),
    ),
    schemas=Told(value=[SchemaVersion(version=1, kind="AVRO", since=NOW)]),
    functions=Told(
        value=Functions(
            functions=[
                Function(
                    name="echo",
                    reads_this=True,
                    writes_this=False,
                    instances=2,
                    running=1,
                    failed=2,
                    errors=[FunctionError(at=NOW, text=SECRET)],
                ),
                Function(name="lost", reads_this=False, writes_this=False, problem="Not told."),
            ],
            more=3,
        )
    ),
)


class Source:
    def __init__(self, told: TopicDetails | StoreUnreachable) -> None:
        self.told = told

    def of(self, topic: str) -> TopicDetails:
        assert topic == TOPIC
        if isinstance(self.told, StoreUnreachable):
            raise self.told
        return self.told


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        opened.publish(3)
        yield opened


@pytest.fixture
def telling(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(type(desk.faces.store), "details", Source(TOLD))
    return desk


def test_a_store_that_tells_nothing_of_it_shows_what_the_index_knows(desk: Desk) -> None:
    answer = desk.get(URL)
    assert answer.status_code == 200
    assert attribute(answer, "data-refused") == ["all"]
    assert attribute(answer, "data-partition") == ["0"]
    assert "Policies" not in text(answer)


def test_everything_that_is_told_is_shown(telling: Desk) -> None:
    answer = telling.get(URL)
    shown = text(answer)
    assert attribute(answer, "data-producer") == ["shop<1>"]
    assert "2.0 MB stored, of which 1.5 MB are offloaded to long-term storage: 5 of 6 ledgers" in shown
    assert "terminated" in shown
    assert "Retention for ever" in shown
    assert "unacknowledged events expire after 1 hour" in shown
    assert "Backlog quota by age 2 hours; beyond that producers get an error" in shown
    assert "Deduplication on" in shown
    assert "Version 1: AVRO" in shown
    assert "1 of 2 partitions connected" in shown
    assert attribute(answer, "data-function") == ["echo", "lost"]
    assert "3 more were not asked for" in shown


def test_a_part_that_is_refused_is_said_to_be_and_the_rest_is_shown(telling: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = "This broker runs no functions: functionsWorkerEnabled is set to false"
    told = replace(TOLD, functions=Told(problem=problem), ledgers=Told(problem="Refused."), schemas=Told(problem="Refused."))
    monkeypatch.setattr(type(telling.faces.store), "details", Source(told))
    answer = telling.get(URL)
    assert attribute(answer, "data-refused") == ["ledgers", "Clusters", "schemas", "functions"]
    assert problem in text(answer)
    assert attribute(answer, "data-producer") == ["shop<1>"]


def test_errors_of_functions_are_hidden_from_roles_that_see_no_payloads(telling: Desk) -> None:
    assert SECRET in text(telling.get(URL))
    assert SECRET not in telling.get(URL, "viewer").content.decode()


def test_while_the_store_is_away_the_page_shows_what_the_index_knows(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(desk.faces.store), "details", Source(StoreUnreachable("Pulsar does not answer.")))
    answer = desk.get(URL)
    assert answer.status_code == 200
    assert "Pulsar does not answer." in text(answer)
    assert attribute(answer, "data-partition") == ["0"]


@pytest.mark.parametrize(
    ("minutes", "megabytes", "words"),
    [
        (-1, -1, "for ever"),
        (0, 0, "none: an event goes once every subscription has acknowledged it"),
        (0, -1, "none: an event goes once every subscription has acknowledged it"),
        (1_440, -1, "1 day after acknowledgement"),
        (-1, 5_000, "5,000 MB after acknowledgement"),
        (1_440, 500, "1 day and 500 MB after acknowledgement"),
    ],
)
def test_retention_is_said_in_words(minutes: int, megabytes: int, words: str) -> None:
    assert retention_words(Retention(minutes=minutes, megabytes=megabytes)) == words


def test_a_quota_is_told_by_the_limit_that_it_goes_by() -> None:
    by_age = Quota(kind="message_age", bytes=1_000, seconds=60, policy="producer_exception")
    assert quota_words(by_age) == "1 minute; beyond that producers get an error"
    assert quota_words(replace(by_age, kind="destination_storage")) == "1,000 bytes; beyond that producers get an error"


def test_a_quota_without_a_limit_is_none() -> None:
    assert quota_words(Quota(kind="message_age", bytes=-1, seconds=-1, policy="producer_request_hold")) == "none"
    both = Quota(kind="x", bytes=1_000, seconds=60, policy="producer_request_hold")
    assert quota_words(both) == "1,000 bytes or 1 minute; beyond that producers are held back"


def test_an_unknown_topic_is_not_found(desk: Desk) -> None:
    assert desk.get("/topics/nothing/details/").status_code == 404
