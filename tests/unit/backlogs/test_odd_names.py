"""A subscription may have any name that its store takes: what is seen of it is kept, and of the others as well."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from eventstore.delivery.tracks import Tracks
from eventstore.index.models import CursorTrack, LookRow
from eventstore.index.tables.subscription_names import LONGEST, stored_name
from eventstore.model.subscriptions import Cursor, Subscription, SubscriptionType
from tests.hostile import NAMES
from tests.indexing import place
from tests.unit.backlogs.test_asking import NOW, Told, face_of, names

pytestmark = pytest.mark.usefixtures("desk_databases")

LONG = Random(1).randbytes(6_000).hex()
"""It cannot be made shorter, as PostgreSQL does with an x again and again."""
ODD = ["nul\0", "\0", "\\0", LONG, f"{LONG}.", "é" * LONGEST, stored_name("nul\0"), *NAMES]
NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


def test_usual_names_are_stored_as_they_are_and_no_two_as_one() -> None:
    assert [stored_name(name) for name in NAMES] == list(NAMES)
    odd = [*ODD, "half \ud83e", "half \ud83d"]
    assert len({stored_name(name) for name in odd}) == len(odd)
    assert all(len(stored_name(name).encode()) <= LONGEST for name in ODD)


def test_subscriptions_with_odd_names_are_told_and_their_looks_are_kept_like_any_other() -> None:
    told = ["mailer", *ODD]
    face = face_of(Told({"a": told}))
    assert names(face.current(NOW).topics) == [("a", name) for name in told]
    assert LookRow.objects.filter(topic="a").count() == len(told)
    for name in told:
        assert len(face.looks("a", name, datetime.now(UTC) - timedelta(days=1))) == 1, name


def test_what_cursors_with_odd_names_went_over_is_known_to_another_process() -> None:
    first = Tracks()
    for minute, at in enumerate((3, 9, 9)):
        first.observe(["patients"], [subscription(name, at) for name in ("mailer", *ODD)], NOON + timedelta(minutes=minute))
    first.note_skips("patients", "nul\0", {0: [(place(9).token, place(12).token)]}, NOON + timedelta(minutes=4))
    assert CursorTrack.objects.count() == len(ODD) + 1
    known = Tracks().passed(["patients"], NOON + timedelta(minutes=5))
    for name in ("mailer", *ODD):
        assert known["patients", stored_name(name)], name
    assert any(passage.recorded for passage in known["patients", stored_name("nul\0")][0])


def subscription(name: str, acknowledged: int) -> Subscription:
    """As the store shows it: nobody is connected, and nothing was given."""
    cursor = Cursor(
        partition=0, acknowledged=place(acknowledged), backlog=0, counters=(60, 0), entries=50, done=acknowledged + 1
    )
    return Subscription(topic="patients", name=name, type=SubscriptionType.SHARED, cursors=[cursor])
