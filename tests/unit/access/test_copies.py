"""Whose copies a dead-letter, retry or replay topic holds, and who sees it."""

import pytest

from dashboard.access import copies
from dashboard.access.copies import find_by, origins_of, sees_topic
from dashboard.access.scopes import Scope
from eventstore.config.loading import parse_config

CONFIG = parse_config(
    """
    [topics]
    dead_letter = ["*-errors"]
    [[subscription]]
    name = "mailer"
    topics = ["letters"]
    dead_letter = ["lost"]
    [[projection]]
    name = "timeline"
    purpose = "p"
    topics = ["patients", "orders"]
    subscription = "timeline"
    ways = ["topic"]
    replay_topic = "again"
    """,
    "desk.toml",
)
TOPICS = ["patients", "patients-eu", "orders", "letters", "other"]


@pytest.mark.parametrize(
    ("name", "origins"),
    [
        ("patients", []),
        ("orders-app-DLQ", ["orders"]),
        ("patients-eu-app-RETRY", ["patients", "patients-eu"]),
        ("letters-errors", ["letters"]),
        ("lost", ["letters"]),
        ("again", ["patients", "orders"]),
        ("unheard-of-DLQ", []),
    ],
)
def test_a_copy_is_of_every_topic_that_it_may_be_of(name: str, origins: list[str]) -> None:
    assert list(origins_of(name, CONFIG, lambda: TOPICS)) == origins


def test_a_topic_of_copies_is_seen_by_whoever_sees_all_of_those_and_by_its_own_name_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(copies, "_find", [])
    find_by(lambda name: origins_of(name, CONFIG, lambda: TOPICS))
    scope = Scope(topics=("patients", "lost", "unheard*"), aggregate_types=("*",))
    sees = {
        name: sees_topic(scope, name)
        for name in ("patients", "patients-app-DLQ", "patients-eu-app-DLQ", "again", "lost", "unheard-of-DLQ", "orders")
    }
    assert [name for name, seen in sees.items() if seen] == ["patients", "patients-app-DLQ", "unheard-of-DLQ"]
