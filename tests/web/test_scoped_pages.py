"""Nothing that lies outside of a person's scope reaches them: a walk over everything that is answered.

Topics, types of aggregates, ids and names are planted outside of a scope (``walk.outside``) and looked for in every answer to
a person with that scope, who may do everything that can be done. Whoever sees everything has been at all caches before.
"""

from collections.abc import Iterator, Sequence

import pytest
from django.test import Client

from dashboard import gateway
from dashboard.subscriptions import backlog_cache
from dashboard.views import topics
from tests.web.desk import NAME, TOPIC, Desk
from tests.web.letters import DEAD
from tests.web.walk.outside import HIDDEN, JOBS, LIMITED, UNLIMITED, partly_hidden
from tests.web.walk.pages import ROUTES, Answer, asked, crawled
from tests.web.walk.planted import PATIENT
from tests.web.walk.roles import logged_in

SHOWING = (
    "/",
    "/topics/",
    f"/topics/{TOPIC}/",
    f"/topics/{TOPIC}/?filter=type:health.*",
    f"/topics/{DEAD}/",
    "/aggregates/",
    "/aggregates/patient/",
    f"/aggregates/patient/{PATIENT}/",
    f"/aggregates/patient/{PATIENT}/?filter=type:health.*",
    "/aggregates/?q=conversation-1",
    "/aggregates/?q=event-0",
    "/events/event-0/",
    "/events/event-held/",
    "/subscriptions/",
    f"/topics/{TOPIC}/subscriptions/{NAME}/waiting/",
    f"/topics/{TOPIC}/subscriptions/{NAME}/dead-letters/",
    "/anomalies/duplicate-id/",
    "/index/",
    "/projections/",
    "/jobs/",
    "/replays/",
    f"/replays/{JOBS['topic']}/",
    "/audit/",
    "/tail/",
)
"""Pages on which somebody who sees everything is shown something of what the others are not."""


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with partly_hidden() as opened:
        backlog_cache.gathered()
        yield opened


def leaks(answers: Sequence[Answer]) -> list[str]:
    return [
        f"{answer.address}: {found} (seed {HIDDEN.seed})"
        for answer in answers
        for part in (answer.headers, answer.body)
        for found in HIDDEN.found_in(part)
    ]


@pytest.mark.soak
def test_no_page_shows_anything_outside_of_the_scope(desk: Desk) -> None:
    whole, client = logged_in(UNLIMITED), logged_in(LIMITED)
    shown = {address: leaks([asked(whole, address)]) for address in SHOWING}
    assert [address for address, found in shown.items() if not found] == [], "these show nothing that could be hidden"
    answers = list(crawled(client, ROUTES))
    assert leaks(answers) == []
    assert [answer.address for answer in answers if answer.status >= 500] == []
    assert {answer.status for answer in answers} >= {200, 404}, "the walk has lost its way"


def test_a_list_that_forgets_the_scope_is_caught(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    client: Client = logged_in(LIMITED)
    assert leaks([asked(client, "/topics/")]) == []
    monkeypatch.setattr(topics, "desk", gateway.whole_desk)
    assert leaks([asked(client, "/topics/")])
