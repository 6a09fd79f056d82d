"""Whose dead-letter topic it is, by its name alone."""

import pytest

from eventstore.config.subscriptions import DeclaredSubscription
from eventstore.letters.owners import owner_of
from eventstore.model.events import TopicKind
from eventstore.subscriptions.letters import is_named_for

DEAD, RETRY = TopicKind.DEAD_LETTER, TopicKind.RETRY


@pytest.mark.parametrize(
    ("derived", "kind", "topic", "name", "expected"),
    [
        ("a/b/orders-mailer-DLQ", DEAD, "a/b/orders", "mailer", True),
        ("a/b/orders-partition-12-mailer-DLQ", DEAD, "a/b/orders", "mailer", True),
        ("a/b/orders-mailer-RETRY", RETRY, "a/b/orders", "mailer", True),
        ("a/b/orders-mailer-RETRY", DEAD, "a/b/orders", "mailer", False),
        ("a/b/orders-mailer-DLQ", TopicKind.EVENTS, "a/b/orders", "mailer", False),
        ("a/b/orders-new-mailer-DLQ", DEAD, "a/b/orders", "mailer", False),
        ("a/b/orders-partition-x-mailer-DLQ", DEAD, "a/b/orders", "mailer", False),
        ("a/b/orders-DLQ", DEAD, "a/b/orders", "", False),
        ("a/b/orders-(1)-DLQ", DEAD, "a/b/orders", "(1)", True),
    ],
)
def test_clients_name_a_topic_for_a_subscription_or_for_one_partition_of_its_topic(
    derived: str, kind: TopicKind, topic: str, name: str, expected: bool
) -> None:
    assert is_named_for(derived, kind, topic, name) is expected


def test_the_owner_is_who_is_declared_or_else_who_the_name_says_and_nobody_where_several_may() -> None:
    known = [("orders", "mailer"), ("orders-new", "mailer"), ("orders", "new-mailer")]
    assert owner_of("orders-mailer-DLQ", known, ()) == ("orders", "mailer")
    assert owner_of("orders-new-mailer-DLQ", known, ()) == ("orders-new", "mailer")
    assert owner_of("errors", known, ()) is None
    one = DeclaredSubscription(name="mailer", topics=("orders",), dead_letter=("errors",))
    assert owner_of("errors", known, [one]) == ("orders", "mailer")
    every = DeclaredSubscription(name="*", dead_letter=("errors",))
    assert owner_of("errors", known, [every]) is None
