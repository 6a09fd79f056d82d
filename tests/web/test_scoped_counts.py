"""What lies outside of a scope changes nothing of what somebody with the scope is told: no count either."""

import re
from collections.abc import Iterator
from difflib import ndiff

import pytest
from django.test import Client

from dashboard.auditing import noted
from dashboard.auditing.acts import acts, aggregate_types, topics
from dashboard.models import AuditEntry
from dashboard.record import views
from eventstore.actions import Actor, topic_resource
from tests.web.desk import TOPIC, Desk
from tests.web.test_scoped_answers import MOMENTS
from tests.web.walk.outside import EVENT, LIMITED, SCOPES, UNLIMITED, hide_elsewhere, open_case
from tests.web.walk.pages import asked
from tests.web.walk.planted import PATIENT, furnished
from tests.web.walk.roles import logged_in

ERASURE = f"/aggregates/patient/{PATIENT}/erasure/"
ON_RECORD = f"/audit/?actor={UNLIMITED}"
PAGES = (
    *("/", "/topics/", "/aggregates/", "/aggregates/patient/", f"/aggregates/patient/{PATIENT}/", "/subscriptions/", "/jobs/"),
    *("/replays/", "/projections/", "/index/", "/anomalies/duplicate-id/", "/anomalies/unreadable/", f"/topics/{TOPIC}/"),
    *("/events/event-0/", "/aggregates/?q=event-0", "/aggregates/?q=conversation-1", ERASURE, f"{ERASURE}?count=1"),
    f"/aggregates/?q={EVENT}@example.org",
    *(ON_RECORD, f"{ON_RECORD}&text=SUP"),
)
VARYING = rf"""{MOMENTS}|data-style="ago">[^<]*<|data-acts="\d+"|(Export answer[\w ]+|View|"export_erasure"|"look"): \d+,?"""
TREND = r'<svg class="trend-line".*?</svg>'
"""What differs because some seconds have gone by, and pages were looked at in them."""
ACTS = 5
"""Acts that are on the record within the scope."""


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with furnished(more=f"{SCOPES}\n# nothing is hidden yet") as opened:
        for number in range(ACTS):
            noted(Actor(name=UNLIMITED, via="page"), "export_letters", topic_resource(TOPIC), {"ticket": f"SUP-{number}"})
        open_case()
        yield opened


def told(client: Client) -> dict[str, str]:
    """What each page says, an export of the record and the file of a request for erasure, without times."""
    answers = [*(asked(client, page) for page in PAGES), asked(client, f"{ERASURE}exports/", "post")]
    older = re.search(r'rel="next" href="([^"]+)', answers[PAGES.index(ON_RECORD)].body)
    assert older, "the record has one page alone"
    answers += [asked(client, f"/audit/{older[1]}".replace("&amp;", "&"))]
    answers += [asked(client, f"/audit/export/?actor={UNLIMITED}&format={format}") for format in ("fhir", "entries")]
    return {answer.address: f"{answer.status} {without_moments(answer.body)}" for answer in answers}


def without_moments(text: str) -> str:
    found = re.sub(VARYING, "…", re.sub(TREND, "", text, flags=re.DOTALL))
    return re.sub(r"[…,\s]*…[…,\s]*", "…", found)


def new_lines(before: str, after: str) -> list[str]:
    found = list(ndiff(before.splitlines(), after.splitlines())) if before != after else []
    return [line for line in found if line[0] in "+-"]


def test_everything_is_told_as_if_nothing_were_outside(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "ACTS", 2)
    client = logged_in(LIMITED)
    before = told(client)
    hide_elsewhere(desk)
    after = told(client)
    assert {address: lines for address in before if (lines := new_lines(before[address], after[address]))} == {}
    assert [act.details["acts"] for act in acts(action="export_record")] == [ACTS] * 4
    assert topics() == sorted({*AuditEntry.objects.values_list("topic", flat=True)} - {""})
    assert aggregate_types() == sorted({*AuditEntry.objects.values_list("aggregate_type", flat=True)} - {""})
