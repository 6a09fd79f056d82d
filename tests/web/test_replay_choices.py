"""Every choice of events, from its preview to the job: over HTTP, as the page's own form posts it."""

from collections.abc import Iterator
from html import unescape
from re import search

import pytest

from eventstore.jobs import State
from eventstore.jobs.models import JobRow
from eventstore.replays import ReplayOrder
from tests.web.desk import TOPIC, Desk
from tests.web.replaying import PROJECTION, declared, furnish
from tests.web.test_replays_asked import NEW, asked_for, confirm, preview

LONG_AGO, SINCE = "1970-01-01T00:00", {"projection": PROJECTION, "kind": "since", "since": "1970-01-01T00:00"}


@pytest.fixture
def replaying(desk: Desk) -> Iterator[Desk]:
    with declared():
        furnish(desk)
        yield desk


def test_every_choice_that_a_preview_shows_can_be_confirmed_there(replaying: Desk) -> None:
    third = replaying.log.read_forward(TOPIC, 0, limit=3)[2].position
    for query, events in (
        ({"kind": "everything"}, 7),
        ({"kind": "since", "since": LONG_AGO}, 7),
        ({"kind": "since", "since": LONG_AGO, "way": "cursor"}, 7),
        ({"kind": "since", "from": third.encode()}, 5),
        ({"kind": "aggregate", "type": "patient", "id": "4711"}, 3),
        ({"kind": "event", "event": "e-1"}, 1),
        ({"kind": "filter", "filter": "aggregate:4711"}, 3),
        ({"kind": "filter", "filter": "aggregate:4711", "topic": TOPIC, "since": LONG_AGO}, 3),
    ):
        job = asked_for(replaying, {"projection": PROJECTION, **query})
        order = ReplayOrder.of(job.arguments)
        assert (job.progress.total, order.what.kind.value) == (events, query["kind"]), query
        assert (order.what.time is not None) is ("since" in query), query
        JobRow.objects.filter(id=job.id).update(state=State.CANCELLED, busy=None)


def test_one_aggregate_of_those_since_a_time_can_be_tried_first(replaying: Desk) -> None:
    found = search(r'id="canary" href="\?([^"]+)"', preview(replaying, SINCE).content.decode())
    assert found is not None
    tried = replaying.get(f"{NEW}?{unescape(found[1])}")
    assert confirm(replaying, tried).status_code == 302
    (job,) = replaying.faces.jobs.newest()
    order = ReplayOrder.of(job.arguments)
    assert (order.only, order.events, order.what.time is not None) == (("patient", "4711"), 3, True)
