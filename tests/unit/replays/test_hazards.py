"""What stops a replay whatever is ticked as read: a cursor that the store keeps for itself, and a topic of copies."""

from collections.abc import Sequence

from eventstore.replays import Danger, Way
from eventstore.replays.planning.audience import Audience
from eventstore.replays.planning.choosing import Choice
from eventstore.replays.planning.hazards import Facts, hazards_of


def stops(*, stores_own: bool = False, derived: Sequence[str] = ()) -> list[Danger]:
    facts = Facts(
        way=Way.GENERATION,
        name="app",
        choice=Choice(topics={}, known=None, events=3),
        audience=Audience(own={}),
        ordered=False,
        external=False,
        lists_consumers=False,
        index_behind=False,
        not_indexed=[],
        running="",
        stores_own=stores_own,
        derived=derived,
    )
    return [one.danger for one in hazards_of(facts) if one.stops]


def test_a_cursor_of_the_stores_own_and_a_topic_of_copies_are_refused_before_anything_is_confirmed() -> None:
    assert stops() == []
    assert stops(stores_own=True) == [Danger.STORES_OWN]
    assert stops(derived=["patients-replay"]) == [Danger.DERIVED]
