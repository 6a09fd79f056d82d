"""Reading from a position in both directions, and finding positions."""

from datetime import timedelta

import pytest

from eventstore.model.errors import InvalidPosition
from eventstore.model.events import NewMessage, Position, TopicKind
from eventstore.model.storage import Storage
from tests.contract.conftest import MakeTopic
from tests.contract.helpers import append_singly, numbered, payloads, texts, whole_log


def test_an_empty_partition_has_no_ends_and_nothing_to_read(storage: Storage, topic: MakeTopic) -> None:
    name = topic(partitions=2).name
    assert [(e.topic, e.partition, e.first, e.last) for e in storage.log.ends(name)] == [
        (name, 0, None, None),
        (name, 1, None, None),
    ]
    assert list(storage.log.read_forward(name, 1, limit=10)) == []
    assert list(storage.log.read_backward(name, 1, limit=10)) == []


def test_a_topic_without_a_schema_has_no_version_of_one(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    [position] = storage.log.append(name, numbered(1))
    assert storage.log.fetch([position])[position].schema_version == ""
    registry = storage.schemas
    if registry is not None:  # the embedded store has none
        assert [registry.schema(name, version) for version in ("0", "1", "", "no number")] == [None] * 4


def test_a_key_that_only_reads_like_base64_is_told_from_bytes(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    new = [NewMessage(payload=b"{}", key="AAEC/w==") for _ in range(2)]
    positions = [*storage.log.append(name, new), *append_singly(storage, name, new)]
    assert [storage.log.key_is_bytes(position) for position in positions] == [False] * 4


def test_the_ends_are_the_first_and_the_last_event(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    positions = [*storage.log.append(name, numbered(3)), *storage.log.append(name, numbered(4))]
    [ends] = storage.log.ends(name)
    assert (ends.first, ends.last) == (positions[0], positions[-1])


def test_one_event_is_both_ends(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    [position] = storage.log.append(name, numbered(1))
    [ends] = storage.log.ends(name)
    assert (ends.first, ends.last) == (position, position)


def test_pages_forward_meet_without_gap_or_double(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    storage.log.append(name, numbered(25))
    found: list[bytes] = []
    after: Position | None = None
    while page := storage.log.read_forward(name, 0, after=after, limit=10):
        found += payloads(page)
        after = page[-1].position
    assert found == texts(25)


def test_the_one_event_behind_each_position_is_read_and_behind_the_last_none(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    positions = [*append_singly(storage, name, numbered(3)), *storage.log.append(name, numbered(3))]
    following = [storage.log.read_forward(name, 0, after=position, limit=1) for position in positions]
    assert [[one.position for one in found] for found in following] == [*([one] for one in positions[1:]), []]


def test_pages_backward_meet_without_gap_or_double(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    storage.log.append(name, numbered(25))
    found: list[bytes] = []
    before: Position | None = None
    while page := storage.log.read_backward(name, 0, before=before, limit=10):
        found += payloads(page)
        before = page[-1].position
    assert found == texts(25)[::-1]


def test_pages_of_events_that_were_published_singly_meet_as_well(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    positions = append_singly(storage, name, numbered(7))
    assert payloads(storage.log.read_forward(name, 0, after=positions[2], limit=3)) == texts(3, start=3)
    assert payloads(storage.log.read_backward(name, 0, before=positions[5], limit=3)) == [b"4", b"3", b"2"]


def test_before_the_first_and_after_the_last_there_is_nothing(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    positions = storage.log.append(name, numbered(3))
    assert list(storage.log.read_backward(name, 0, before=positions[0], limit=5)) == []
    assert list(storage.log.read_forward(name, 0, after=positions[-1], limit=5)) == []


def test_a_limit_larger_than_the_log_gives_the_whole_log(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    storage.log.append(name, numbered(3))
    assert len(storage.log.read_forward(name, 0, limit=1_000)) == 3
    assert len(storage.log.read_backward(name, 0, limit=1_000)) == 3


def test_partitions_are_read_apart(storage: Storage, topic: MakeTopic) -> None:
    name = topic(partitions=3).name
    messages = [NewMessage(payload=str(number).encode(), key=f"k{number}") for number in range(30)]
    positions = storage.log.append(name, messages)
    for partition in range(3):
        expected = [position for position in positions if position.partition == partition]
        assert expected, "thirty keys reach every partition"
        assert [m.position for m in whole_log(storage, name, partition)] == expected


def test_fetch_finds_events_of_several_topics_and_leaves_out_what_is_not_there(storage: Storage, topic: MakeTopic) -> None:
    one, two, three = topic().name, topic(partitions=2).name, topic().name
    first = storage.log.append(one, numbered(5))
    second = storage.log.append(two, [NewMessage(payload=key.encode(), key=key) for key in "abcdef"])
    longer = storage.log.append(three, numbered(9))
    gone = Position(topic=one, partition=0, token=longer[-1].token)
    nowhere = Position(topic=f"{one}-never-made", partition=0, token=longer[0].token)
    wanted = [second[4], first[3], first[0], second[1]]

    found = storage.log.fetch([*wanted, nowhere])

    assert {place: message.payload for place, message in found.items()} == {
        second[4]: b"e",
        first[3]: b"3",
        first[0]: b"0",
        second[1]: b"b",
    }
    assert gone not in storage.log.fetch([gone])
    assert dict(storage.log.fetch([])) == {}


def test_fetch_takes_many_positions_at_once(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    positions = storage.log.append(name, numbered(1_500))
    found = storage.log.fetch(positions)
    assert [found[position].payload for position in positions] == texts(1_500)


def test_the_first_since_a_time_is_the_first_that_was_not_published_before_it(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    append_singly(storage, name, numbered(8))
    log = whole_log(storage, name)
    for message in log:
        expected = next(m.position for m in log if m.published >= message.published)
        assert storage.log.first_since(name, 0, message.published) == expected
    assert storage.log.first_since(name, 0, log[0].published - timedelta(days=1)) == log[0].position
    assert storage.log.first_since(name, 0, log[-1].published + timedelta(days=1)) is None


def test_an_empty_partition_has_no_first_since(storage: Storage, topic: MakeTopic) -> None:
    name, other = topic().name, topic().name
    storage.log.append(other, numbered(1))
    [message] = whole_log(storage, other)
    assert storage.log.first_since(name, 0, message.published - timedelta(days=1)) is None


def test_a_kept_token_makes_the_position_again_with_its_label(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    for position in storage.log.append(name, numbered(20)):
        again = storage.log.position(name, 0, position.token)
        assert (again, again.label) == (position, position.label)


def test_a_label_leads_to_its_position(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    for position in [*storage.log.append(name, numbered(20)), *storage.log.append(name, numbered(1))]:
        found = storage.log.labelled(name, 0, position.label)
        assert found is not None
        assert (found, found.label) == (position, position.label)


@pytest.mark.parametrize(
    "label", ["", "x", ":", "1:", "-1", "1:2:3:4", "demo:7x", "²", "9" * 30, f"{'9' * 30}:1", "e-1", "1 "]
)
def test_a_text_that_is_no_label_leads_nowhere(storage: Storage, topic: MakeTopic, label: str) -> None:
    assert storage.log.labelled(topic().name, 0, label) is None


def test_a_position_that_travelled_as_text_reads_the_same(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    positions = storage.log.append(name, numbered(5))
    travelled = Position.decode(positions[2].encode())
    assert payloads(storage.log.read_forward(name, 0, after=travelled, limit=10)) == texts(2, start=3)
    assert storage.log.fetch([travelled])[positions[2]].payload == b"2"


@pytest.mark.parametrize("token", ["", "zzz", "0", "1", "29", "1 ", "0x1", "1" * 500, "-1", "1' OR 1=1", "../../x"])
def test_a_token_that_is_none_is_refused(storage: Storage, topic: MakeTopic, token: str) -> None:
    name = topic().name
    storage.log.append(name, numbered(1))
    with pytest.raises(InvalidPosition):
        storage.log.position(name, 0, token)
    with pytest.raises(InvalidPosition):
        storage.log.read_forward(name, 0, after=Position(topic=name, partition=0, token=token), limit=1)


def test_topics_are_listed_by_name_once_each_with_their_kind(storage: Storage, topic: MakeTopic) -> None:
    made = [topic(), topic(partitions=3), topic(suffix="-DLQ"), topic(suffix="-RETRY"), topic(suffix="-replay")]
    listed = list(storage.log.topics())
    assert [t.name for t in listed] == sorted(t.name for t in listed)
    assert [listed.count(t) for t in made] == [1] * 5
    kinds = [TopicKind.EVENTS, TopicKind.EVENTS, TopicKind.DEAD_LETTER, TopicKind.RETRY, TopicKind.REPLAY]
    assert [t.kind for t in made] == kinds
    assert [t.partitions for t in made] == [1, 3, 1, 1, 1]
    assert [storage.log.topic(t.name) for t in made] == made


def test_making_a_topic_again_answers_the_one_that_is_there(storage: Storage, topic: MakeTopic) -> None:
    made = topic(partitions=3)
    storage.log.append(made.name, numbered(2))
    assert storage.log.create_topic(made.name, partitions=5) == made
    assert sum(len(whole_log(storage, made.name, number)) for number in range(3)) == 2
