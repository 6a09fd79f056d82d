"""Which projections there are, of which subscription each is, and how far its generations are."""

from datetime import timedelta
from functools import partial

import pytest

from eventstore.backlogs.face import BacklogFace
from eventstore.config.loading import parse_config
from eventstore.config.projections import Way
from eventstore.config.subscriptions import is_external
from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.model.errors import InvalidConfiguration, UnknownProjection, UnknownTopic
from eventstore.model.events import NewMessage
from eventstore.model.log import Edge
from eventstore.model.subscriptions import SubscriptionType
from eventstore.projections.face import ProjectionFace
from eventstore.subscriptions.face import SubscriptionFace
from tests.parts import subscriptions_of

pytestmark = pytest.mark.usefixtures("desk_databases")

DECLARED = """
[replays]
events_a_day = 7

[[subscription]]
name = "gateway"
positions = "external"

[[projection]]
name = "app"
purpose = "The app"
topics = ["documents", "eu/letters"]
subscription = "timeline-v2"
ways = ["topic"]
replay_topic = "documents-replay"
replay_subscription = "again"
limits = { approval_above = 0 }

[[projection]]
name = "rebuilt"
purpose = "Beside it"
topics = ["documents"]
subscription = "timeline-v9"
"""
NOW = timedelta(0)


class Opened:
    """A store with these topics, and what a desk has of it."""

    def __init__(self, *topics: str) -> None:
        self.storage, config = DatabaseStorage(), parse_config(DECLARED, "desk.toml")
        for topic in topics:
            self.storage.log.create_topic(topic)
        subscriptions = SubscriptionFace(storage=self.storage, rows_of=lambda _: [], stuck_after=timedelta(minutes=2))
        self.backlogs = BacklogFace(log=self.storage.log, subscriptions=subscriptions)
        self.face = ProjectionFace(
            log=self.storage.log,
            subscriptions=subscriptions,
            backlogs=self.backlogs,
            declared=config.projections,
            defaults=config.replays,
            is_external=partial(is_external, config.subscriptions),
        )

    def subscribe(self, topic: str, *names: str) -> None:
        for name in names:
            subscriptions_of(self.storage).create(topic, name, type=SubscriptionType.FAILOVER, start=Edge.EARLIEST)


def test_a_subscription_belongs_to_the_projection_that_names_it_or_an_older_or_newer_build_of_it() -> None:
    face = Opened().face
    assert [one.name for one in face.all()] == ["app", "rebuilt"]
    assert face.of_subscription("documents", "timeline-v2").name == "app"
    assert face.of_subscription("documents", "timeline").name == "app"
    assert face.of_subscription("documents", "timeline-v9").name == "rebuilt"
    assert face.of_subscription("eu/letters", "timeline-v9").name == "app"
    assert [one.name for one in face.reading("eu/letters")] == ["app"]


def test_a_subscription_of_another_declared_projection_is_no_generation() -> None:
    face = Opened().face
    app, rebuilt, both = face.get("app"), face.get("rebuilt"), ["documents", "eu/letters"]
    for name, is_one in {"timeline": True, "timeline-v3": True, "timeline-v9": False, "search-v2": False}.items():
        assert face.is_generation(app, both, name) is is_one
    assert face.is_generation(rebuilt, ["documents"], "timeline-v9")
    assert not face.is_generation(rebuilt, ["documents"], "timeline-v2")
    undeclared = face.of_subscription("us/letters", "mailer-v2")
    assert face.is_generation(undeclared, ["us/letters"], "mailer")


def test_a_subscription_that_no_projection_names_has_the_ways_that_need_no_declaration() -> None:
    other = Opened().face.of_subscription("us/letters", "timeline-v2")
    assert (other.name, other.declared, other.topics) == ("us/letters/timeline-v2", False, ("us/letters",))
    assert other.ways == (Way.CURSOR, Way.GENERATION)
    assert Opened().face.of_subscription("us/letters", "gateway").ways == ()


def test_a_projection_is_found_by_its_name_and_any_subscription_by_topic_and_name() -> None:
    opened = Opened("eu/letters", "documents")
    opened.subscribe("eu/letters", "mailer", "a/b")
    opened.subscribe("documents", "timeline")
    for seen in (False, True):
        assert opened.face.get("app").subscription == "timeline-v2"
        assert opened.face.get("documents/timeline").name == "app"
        mailer, slashed = opened.face.get("eu/letters/mailer"), opened.face.get("eu/letters/a/b")
        assert (mailer.topics, mailer.subscription) == (("eu/letters",), "mailer")
        assert (slashed.topics, slashed.subscription) == (("eu/letters",), "a/b")
        for name in ("eu", "mailer", "eu/letters/gone", "gone/mailer", "/", "", "///", "documents/", "\x00/x", "/" * 3000):
            with pytest.raises(UnknownProjection):
                opened.face.get(name)
        if not seen:
            opened.backlogs.current(NOW)


def test_topics_are_those_that_the_store_has_now() -> None:
    app = Opened().face.get("app")
    with pytest.raises(UnknownTopic, match="There is no topic 'documents', which the projection app needs"):
        Opened().face.topics(app)
    opened = Opened("x/documents", "eu/letters", "us/letters", "documents-replay")
    assert [topic.name for topic in opened.face.topics(app)] == ["x/documents", "eu/letters"]
    replay_topic = opened.face.replay_topic(app)
    assert replay_topic is not None
    assert replay_topic.name == "documents-replay"
    assert opened.face.replay_topic(opened.face.get("rebuilt")) is None
    opened.storage.log.create_topic("y/documents")
    with pytest.raises(InvalidConfiguration, match="names 'documents', which may be x/documents and y/documents: say which"):
        opened.face.topics(app)
    opened.storage.log.create_topic("documents")
    assert [topic.name for topic in opened.face.topics(app)] == ["documents", "eu/letters"]


def test_limits_are_the_projections_own_or_those_of_all() -> None:
    face = Opened().face
    own, common = face.limits(face.get("app")), face.limits(face.get("rebuilt"))
    assert (own.approval_above, own.events_a_day, own.approval_hours) == (0, 7, 24)
    assert (common.approval_above, common.events_a_day) == (1000, 7)


def test_generations_are_found_in_all_topics_with_what_waits_for_each() -> None:
    opened = Opened("documents", "eu/letters", "documents-replay")
    opened.subscribe("documents", "timeline", "timeline-v2", "timeline-v3", "timeline-v3x", "timeline-v9", "other")
    opened.subscribe("eu/letters", "timeline-v2")
    opened.subscribe("documents-replay", "again", "timeline-v2")
    opened.storage.log.append("documents", [NewMessage(payload=b"1"), NewMessage(payload=b"2")])
    opened.storage.log.append("eu/letters", [NewMessage(payload=b"3")])
    app = opened.face.get("app")
    standing = opened.face.standing(app, opened.backlogs.current(NOW))
    assert [(one.number, one.subscription, one.present, one.waiting) for one in standing.generations] == [
        (1, "timeline", False, 2),
        (2, "timeline-v2", True, 3),
        (3, "timeline-v3", False, 2),
    ]
    assert [topic.name for topic in standing.generations[0].missing] == ["eu/letters"]
    assert standing.present.missing == []
    assert (standing.missing, standing.as_of is not None) == ([], True)
    assert standing.replay_topic is not None
    assert standing.replay is not None
    assert standing.replay.backlog.subscription.name == "again"


def test_a_projection_stands_nowhere_while_nothing_was_seen() -> None:
    opened = Opened()
    standing = opened.face.standing(opened.face.get("app"), opened.backlogs.last_known())
    assert standing.missing == ["documents", "eu/letters"]
    assert (standing.present.waiting, standing.present.lines, standing.as_of) == (0, [], None)
    assert (standing.replay_topic, standing.replay) == (None, None)
