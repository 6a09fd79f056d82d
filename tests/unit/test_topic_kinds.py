"""What a topic is for, by its name."""

import pytest

from eventstore.events import TopicKind
from eventstore.topic_kinds import kind_of


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
    assert kind_of(name) is kind
