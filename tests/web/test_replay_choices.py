"""Every choice of events, from its preview to the job: over HTTP, as the page's own form posts it."""

from collections.abc import Iterator
from html import unescape
from re import search
from urllib.parse import urlencode

import pytest

from eventstore.jobs import State
from eventstore.jobs.models import JobRow
from eventstore.model.subscriptions import SubscriptionType
from eventstore.replays import ReplayOrder
from tests.web.desk import TOPIC, Desk, attribute, text
from tests.web.replaying import PROJECTION, REPLAY_TOPIC, declared, furnish
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


def test_the_values_that_a_filter_names_are_shown_to_those_alone_who_may_see_values(replaying: Desk) -> None:
    value = "Erika Mustermann"
    asked = {"projection": PROJECTION, "kind": "filter", "filter": f'data.name="{value}"', "topic": TOPIC}
    assert "that match data.name=" in text(preview(replaying, asked))
    job = asked_for(replaying, asked)
    page = f"/replays/{job.id}/"
    for role in ("viewer", "support", "admin"):
        for address in ("/replays/", "/jobs/", f"/jobs/{job.id}/", "/"):
            assert value not in text(replaying.get(address, role)), (role, address)
    assert value not in text(replaying.get(page, "viewer"))
    assert "that match a filter by values of events of patients to app-timeline" in text(replaying.get(page, "viewer"))
    for kept in ("report/", "report/export/"):
        assert value not in replaying.get(f"{page}{kept}", "admin").content.decode(), kept
    assert value in text(replaying.get(page))
    assert value in text(replaying.get(f"{page}approval/", "approver")), "whoever approves it has to know what"


def test_a_search_offers_what_it_has_found_and_no_older_events(replaying: Desk) -> None:
    fourth = replaying.log.read_forward(TOPIC, 0, limit=4)[3].published
    found = replaying.get(f"/topics/{TOPIC}/?{urlencode({'filter': 'type:health.*', 'since': fourth.isoformat()})}")
    (address,) = [url for url in attribute(found, "href") if "/replays/new/" in url]
    shown = replaying.get(address)
    assert attribute(shown, "data-events") == ["4"]
    assert "published since" in text(shown)
    assert confirm(replaying, shown).status_code == 302
    (job,) = replaying.faces.jobs.newest()
    assert "published since" in text(replaying.get(f"/replays/{job.id}/"))


def test_a_grave_hazard_is_read_by_a_person_and_not_by_what_a_form_leaves_out(replaying: Desk) -> None:
    replaying.subscriptions.create(REPLAY_TOPIC, "archive", type=SubscriptionType.SHARED)
    shown = preview(replaying, {"projection": PROJECTION, "kind": "event", "event": "e-1"})
    refused = confirm(replaying, shown, read=[], grave="")
    assert (refused.status_code, "Say of each of these that you have read it" in text(refused)) == (422, True)
    assert not replaying.faces.jobs.newest()
    assert confirm(replaying, shown, read=["others"]).status_code == 302


def test_a_form_that_nobody_has_written_is_refused_and_never_an_error(replaying: Desk) -> None:
    shown = preview(replaying, {"projection": PROJECTION, "kind": "event", "event": "e-1"})
    nested = "[" * 100_000
    for until in ('{"t":{"0":Infinity}}', '{"t":{"0":NaN}}', '{"t":{"0":1e999}}', '{"t":[]}', "[]", "7", nested):
        assert confirm(replaying, shown, until=until).status_code == 400, until[:40]
    for since in ("0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00", "10000-01-01"):
        assert "Give a day and a time" in text(preview(replaying, {**SINCE, "since": since})), since
    assert not replaying.faces.jobs.newest()
