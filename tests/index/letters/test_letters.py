"""Which letters are there and wait, and what each says of its original: by the index, and by what a store has told."""

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from eventstore.config.subscriptions import DeclaredSubscription
from eventstore.letters import KEEPER, Letter
from eventstore.letters import listing as module
from eventstore.model.events import Topic, TopicKind
from eventstore.search import parse_filter
from eventstore.streams.rows import Missing
from tests.index.letters.standing import DEAD, PATIENTS, Standing, batched, indexed, kept_by, letter
from tests.indexing import event, index, place

pytestmark = pytest.mark.usefixtures("desk_databases")


def numbers(letters: "list[Letter] | tuple[Letter, ...]") -> list[int]:
    return [each.pointer.ordinal for each in letters]


def all_of(standing: Standing, *, every: bool = False) -> list[Letter]:
    return [each for piece in standing.face.pieces(standing.look(), every=every) for each in piece]


def test_a_topic_without_letters_has_none_and_one_that_is_not_indexed_says_that_it_is_behind() -> None:
    nowhere = Standing([]).look()
    assert (nowhere.letters, nowhere.waits, nowhere.kept, nowhere.behind) == (0, 0, False, True)
    index([], topic=DEAD)
    empty = Standing([])
    assert (empty.look().letters, empty.look().behind) == (0, False)
    assert all_of(empty) == []


def test_without_a_subscription_all_letters_wait_and_nothing_keeps_them() -> None:
    standing = Standing(indexed([letter(number) for number in range(3)]))
    dead = standing.look()
    assert (dead.letters, dead.waits, dead.keeper, dead.kept, dead.ours) == (3, 3, None, False, None)
    assert numbers(all_of(standing)) == [0, 1, 2]


def test_letters_wait_that_the_desks_subscription_has_not_acknowledged_whatever_others_have() -> None:
    letters = indexed([letter(number) for number in range(6)])
    ours, other = kept_by(KEEPER, 1, (2, 4)), kept_by("team", 5)
    standing = Standing(letters, subscriptions=[other, ours])
    dead = standing.look()
    assert (dead.letters, dead.waits, dead.keeper, dead.ours) == (6, 2, ours, ours)
    assert numbers(all_of(standing)) == [2, 5]
    assert numbers(all_of(standing, every=True)) == [0, 1, 2, 3, 4, 5]


def test_the_only_subscription_of_somebody_else_tells_what_waits_and_of_several_none_does() -> None:
    letters = indexed([letter(number) for number in range(4)])
    one = Standing(letters, subscriptions=[kept_by("team", 1)]).look()
    assert (one.waits, one.keeper is not None, one.ours) == (2, True, None)
    two = Standing(letters, subscriptions=[kept_by("team", 1), kept_by("other", 2)]).look()
    assert (two.waits, two.keeper, two.kept) == (4, None, True)


def test_what_retention_has_removed_is_counted_and_not_listed() -> None:
    letters = indexed([letter(number) for number in range(5)])
    standing = Standing(letters, subscriptions=[kept_by(KEEPER, None)], firsts={(DEAD.name, 0): 2})
    dead = standing.look()
    assert (dead.letters, dead.waits, dead.trimmed) == (3, 3, 2)
    assert numbers(all_of(standing)) == [2, 3, 4]


def test_pages_go_on_and_back_over_what_waits_oldest_first() -> None:
    standing = Standing(indexed([letter(number) for number in range(7)]), subscriptions=[kept_by(KEEPER, 0)])
    dead = standing.look()
    first = standing.face.page(dead, limit=4)
    assert numbers(list(first.items)) == [1, 2, 3, 4]
    second = standing.face.page(dead, page_token=first.newer, limit=4)
    assert (numbers(list(second.items)), second.newer) == ([5, 6], None)
    assert numbers(list(standing.face.page(dead, page_token=second.older, limit=4).items)) == [1, 2, 3, 4]


def test_an_original_is_found_by_the_place_in_either_clients_spelling_or_by_the_letters_own_id() -> None:
    index([event(number) for number in range(4)], topic=PATIENTS)
    index([event(number, partition=1) for number in range(3)], topic=PATIENTS, partition=1)
    letters = [
        letter(0, "7:0:-1"),
        letter(1, "(7,1,-1,-1)"),
        letter(2),
        letter(3, "(7,2,1,-1)", id="e-patients-1-2", REAL_TOPIC="persistent://patients-partition-1"),
        letter(4, "7:3:-1", id="somebody-else"),
        letter(5, "elsewhere", id="unknown"),
    ]
    found = all_of(Standing(indexed(letters)))
    places = [(one.original.position.partition, one.original.ordinal) if one.original else None for one in found]
    assert places == [(0, 0), (0, 1), (0, 2), (1, 2), None, None]
    assert [one.aggregate for one in found[:2]] == [("patient", "4711")] * 2


def test_an_original_that_retention_has_removed_is_known_and_said_to_be_gone() -> None:
    index([event(number) for number in range(4)], topic=PATIENTS)
    letters = indexed([letter(0, "7:0:-1"), letter(3, "7:3:-1")])
    found = all_of(Standing(letters, firsts={("patients", 0): 2}))
    assert [(one.original is not None, one.original_is_gone) for one in found] == [(True, True), (True, False)]


def test_letters_of_one_batch_are_counted_together_and_others_are_alone() -> None:
    letters = [letter(number, f"(9,4,-1,{number})") for number in range(5)]
    letters += [letter(5, "(9,5,-1,0)"), letter(6, "9:6:-1"), letter(7, "9:7:-1")]
    found = all_of(Standing(indexed(letters)))
    assert [one.came_along for one in found] == [4, 4, 4, 4, 4, 0, 0, 0]


def test_letters_in_one_entry_of_the_dead_letter_topic_say_how_many_share_it() -> None:
    letters = [batched(0, 1, 0), batched(1, 1, 1), batched(2, 1, 2), letter(3)]
    found = all_of(Standing(indexed(letters)))
    assert [one.shares_entry for one in found] == [2, 2, 2, 0]


def test_a_letter_that_the_store_did_not_return_is_there_with_what_the_index_has_of_it() -> None:
    indexed([letter(0, "7:0:-1")])
    [found] = all_of(Standing([]))
    assert (found.event, found.row.missing, found.type, found.key) == (None, Missing.TRIMMED, "patient.registered", None)


def test_a_filter_finds_letters_by_their_messages_and_goes_on_where_it_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEARCHED_AT_ONCE", 2)
    monkeypatch.setattr(module, "MOST_SEARCHED", 4)
    letters = indexed([letter(number, why="odd" if number % 2 else "even") for number in range(9)])
    standing = Standing(letters)
    dead, asked = standing.look(), parse_filter("property.why=odd")
    first = standing.face.search(dead, asked)
    assert (numbers(list(first.letters)), first.examined, first.unknown) == ([1, 3], 4, 0)
    second = standing.face.search(dead, asked, page_token=first.newer)
    assert (numbers(list(second.letters)), second.examined) == ([5, 7], 4)
    last = standing.face.search(dead, asked, page_token=second.newer)
    assert (list(last.letters), last.examined, last.newer) == ([], 1, None)
    assert [numbers(list(piece)) for piece in standing.face.pieces(dead, filter=asked)] == [[1, 3, 5, 7]]


def test_letters_are_grouped_by_type_by_the_version_of_the_originals_schema_and_by_reason() -> None:
    letters = [letter(number, why="no address") for number in range(2)]
    letters += [letter(2), letter(3, type="patient.moved")]
    standing = Standing(indexed(letters), declared=[DeclaredSubscription(name="mailer", reason=("why",))])
    found = standing.face.groups(standing.look())
    assert found.examined == 4
    assert found.types == [("patient.registered", 3), ("patient.moved", 1)]
    assert found.reasons == [(("why", "no address"), 2), (("", ""), 2)]


def test_ten_thousand_letters_are_gone_through_in_pieces_of_a_few_queries_each() -> None:
    index([event(number) for number in range(10)], topic=PATIENTS)
    letters = indexed([letter(number, f"7:{number % 10}:-1", id=f"e-patients-0-{number % 10}") for number in range(10_000)])
    standing = Standing(letters, subscriptions=[kept_by(KEEPER, 9)])
    dead = standing.look()
    with CaptureQueriesContext(connections["index"]) as captured:
        pieces = list(standing.face.pieces(dead))
    assert sum(map(len, pieces)) == 9_990
    assert max(map(len, pieces)) == module.PIECE == max(standing.read)
    assert len(captured) <= 30 * len(pieces)
    assert [len(piece) for piece in standing.face.pieces(dead, most=450)] == [200, 200, 50]


def test_letters_that_name_another_topic_or_subscription_are_not_of_this_one() -> None:
    letters = [
        letter(0),
        letter(1, REAL_TOPIC="persistent://patients", REAL_SUBSCRIPTION="mailer"),
        letter(2, REAL_TOPIC="persistent://patients", REAL_SUBSCRIPTION="timeline"),
        letter(3, REAL_TOPIC="persistent://documents"),
        letter(4, REAL_TOPIC="persistent://nul\0"),
    ]
    found = all_of(Standing(indexed(letters)))
    assert [one.is_of("patients", "mailer") for one in found] == [True, True, False, False, True]


def test_letters_in_several_partitions_come_merged_by_publish_time() -> None:
    shared = Topic(name="all-errors", partitions=2, kind=TopicKind.DEAD_LETTER)
    even = [letter(number, topic=shared.name) for number in (0, 2)]
    odd = [event(number, topic=shared.name, partition=1) for number in (1, 3)]
    index(even, topic=shared)
    index(odd, topic=shared, partition=1)
    standing = Standing([*even, *odd])
    page = standing.face.page(standing.look(shared))
    assert [place(n, topic=shared.name, partition=n % 2) for n in range(4)] == [one.position for one in page.items]
    asked = [page.items[3].position, page.items[0].position, page.items[0].position]
    assert [one.position for one in standing.face.at(standing.look(shared), asked)] == [asked[1], asked[0]]
