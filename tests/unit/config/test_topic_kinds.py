"""What a topic is for, by its name."""

import pytest

from eventstore.config.topic_kinds import BY_NAME, TopicKinds
from eventstore.model.events import TopicKind


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("documents", TopicKind.EVENTS),
        ("public/default/documents", TopicKind.EVENTS),
        ("documents-billing-DLQ", TopicKind.DEAD_LETTER),
        ("public/default/documents-billing-DLQ", TopicKind.DEAD_LETTER),
        ("documents-billing-RETRY", TopicKind.RETRY),
        ("documents-replay", TopicKind.REPLAY),
        ("documents.replay", TopicKind.REPLAY),
        ("__change_events", TopicKind.SYSTEM),
        ("public/default/__change_events", TopicKind.SYSTEM),
        ("__change_events-DLQ", TopicKind.SYSTEM),
        ("__tenant/default/documents", TopicKind.EVENTS),
        ("DLQ", TopicKind.EVENTS),
        ("documents-dlq", TopicKind.EVENTS),
        ("documents-DLQ-2", TopicKind.EVENTS),
        ("replay", TopicKind.EVENTS),
        ("documentsreplay", TopicKind.EVENTS),
        ("", TopicKind.EVENTS),
    ],
)
def test_the_name_tells_the_kind(name: str, kind: TopicKind) -> None:
    assert BY_NAME.of(name) is kind


CONFIGURED = TopicKinds(
    ordinary=("session-replay", "public/default/odd-*"),
    dead_letter=("*-errors", "odd-*"),
    retry=("again",),
    replay=("*-again",),
)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("session-replay", TopicKind.EVENTS),
        ("public/default/session-replay", TopicKind.EVENTS),
        ("my-session-replay", TopicKind.REPLAY),
        ("orders-errors", TopicKind.DEAD_LETTER),
        ("public/default/orders-errors", TopicKind.DEAD_LETTER),
        ("ORDERS-ERRORS", TopicKind.EVENTS),
        ("public/default/odd-one", TopicKind.EVENTS),
        ("public/other/odd-one", TopicKind.DEAD_LETTER),
        ("again", TopicKind.RETRY),
        ("once-again", TopicKind.REPLAY),
        ("orders-DLQ", TopicKind.DEAD_LETTER),
        ("__odd-errors", TopicKind.SYSTEM),
    ],
)
def test_the_configuration_has_the_first_word(name: str, kind: TopicKind) -> None:
    assert CONFIGURED.of(name) is kind


def test_order_matters_where_the_configuration_says_so_whatever_kind_the_topic_is_of() -> None:
    kinds = TopicKinds(ordered=("documents", "public/other/*", "*-DLQ"))
    ordered = ["documents", "public/default/documents", "public/other/patients", "orders-DLQ"]
    assert [name for name in [*ordered, "patients", "my-documents"] if kinds.is_ordered(name)] == ordered
    assert not BY_NAME.is_ordered("documents")
    assert kinds.of("orders-DLQ") is TopicKind.DEAD_LETTER
