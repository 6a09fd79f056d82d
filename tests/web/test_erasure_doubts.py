"""The answer to a request for erasure clears nobody whom it cannot know: cursors put back, doubled events, old entries."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime

import pytest
from django.test.utils import override_settings

from dashboard.auditing.chain import noted
from dashboard.models import Case, CaseNote, Role
from dashboard.privacy import handle_of
from eventstore.actions import Actor, aggregate_resource, subscription_resource
from eventstore.config.loading import parse_config
from eventstore.erasure.local_rows import local_rows
from eventstore.jobs.models import JobRow
from eventstore.local.models import BuildRow, ValueRow
from eventstore.model.log import Edge
from tests.people import person
from tests.web.desk import TOPIC, Desk, attribute, event, opened_desk, text
from tests.web.letters import DEAD, letter
from tests.web.limits import access, scope
from tests.web.test_erasure import EXPORT, OFFICER, PAGE, plant

ADA = Actor(name="ada", via="page")
COUNTED = f"{PAGE}?count=1"
PERSONAL = parse_config('[[mapping]]\ntopics = ["patients*"]\nkey = "personal"\npersonal_types = ["patient"]\n', "ids.toml")


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened, opened.searchable():
        yield opened


def test_no_service_is_cleared_by_its_cursor_alone(desk: Desk) -> None:
    plant(desk)
    assert "It has had, or passed over, at least 6 of its events: delete" in text(desk.get(COUNTED, OFFICER))
    desk.subscriptions.reset_cursor(TOPIC, "done", {0: Edge.EARLIEST})
    page = desk.get(COUNTED, OFFICER)
    assert "The service of done: It acknowledges none of the events now. Whether it had them before is not known" in text(page)
    assert "done" not in attribute(page, "data-to-do")
    assert (
        "The service of again: It has had, or passed over, at least 1 copy: delete what it has built or stored of it."
        in text(page)
    )


def test_a_cursor_that_was_put_back_from_here_is_told_of(desk: Desk) -> None:
    plant(desk)
    for name, action, details in (
        ("some", "reset_cursor", {}),
        ("none", "replay_events", {"way": "topic"}),
        ("done", "reset_cursor", {}),
    ):
        noted(ADA, action, subscription_resource(TOPIC, name), details)
    said = "Its cursor was put back here, last on"
    assert text(desk.get(COUNTED, OFFICER)).count(said) == 1  # one that acknowledges everything has had everything
    noted(ADA, "replay_events", subscription_resource("another", "none"), {"way": "cursor"})
    assert text(desk.get(COUNTED, OFFICER)).count(said) == 2
    told = json.loads(desk.client(OFFICER).post(EXPORT).content)["subscriptions"]
    assert {one["subscription"] for one in told if one["cursor_last_moved_from_here"]} == {"some", "none", "done"}


def test_copies_of_an_event_that_is_in_two_topics_are_counted_once(desk: Desk) -> None:
    desk.log.create_topic("visits")
    desk.log.create_topic(TOPIC)
    desk.log.append(TOPIC, [event(1)])
    (place,) = desk.log.append("visits", [event(1)])
    desk.log.create_topic(DEAD)
    desk.log.append(DEAD, [letter(1), letter(1, place)])
    desk.index()
    (found,) = desk.faces.erasure.copies("patient", "4711").topics
    assert (found.copies, found.events, found.ordinals) == (2, 1, {0: [0, 1]})


def test_rows_of_local_projections_are_found_among_many_that_hold_the_same_signs(desk: Desk) -> None:
    build = BuildRow.objects.create(projection="wards", name="job1", live=True)
    keys = [f"patient/{7_000_000 + number}" for number in range(10_000)]
    keys += ["patient/7", "7", "x7", "7-visits", r"a\7.b*", "7\n"]
    ValueRow.objects.bulk_create([ValueRow(build=build, key=key, value="{}") for key in keys])
    assert [(one.projection, one.rows, one.live) for one in local_rows("7")] == [("wards", 5, True)]
    assert [one.rows for one in local_rows(r"a\7.b*")] == [1]
    assert local_rows("(") == []


def test_acts_from_before_an_id_was_personal_are_counted_and_said_to_name_it(desk: Desk) -> None:
    desk.publish(1)
    noted(ADA, "export_erasure", aggregate_resource("patient", "4711"), {"events": 1})
    assert attribute(desk.get(COUNTED, OFFICER), "data-in-clear") == ["0"]
    with override_settings(EVENTDESK=PERSONAL, EVENTDESK_HANDLE_KEY="k" * 40):
        noted(ADA, "export_erasure", aggregate_resource("patient", "4711"), {"events": 1})
        page = desk.get(f"/aggregates/patient/{handle_of('patient', '4711')}/erasure/?count=1", OFFICER)
    assert "Export answer to a request for erasure: 2" in text(page)
    assert attribute(page, "data-in-clear") == ["1"]
    assert "1 of them names the id itself" in text(page)
    assert "4711" not in page.content.decode()


def test_free_text_that_may_name_a_value_is_told_of(desk: Desk) -> None:
    desk.publish(1)
    arguments = json.dumps({"what": {"kind": "filter", "filter": 'data.name="Erika"'}}, separators=(",", ":"))
    JobRow.objects.create(
        id="j1", kind="replay_events", state="succeeded", resource="{}", arguments=arguments, asked=datetime.now(UTC)
    )
    JobRow.objects.create(
        id="j2",
        kind="replay_events",
        state="succeeded",
        resource="{}",
        arguments=arguments.replace("data.name", "type"),
        asked=datetime.now(UTC),
    )
    now = datetime.now(UTC)
    case = Case.objects.create(person=person(Role.SUPPORT), ticket="T-1", reason="a call", opened=now, ends=now)
    CaseNote.objects.create(case=case, text="Erika called", written=now)
    noted(ADA, "look", aggregate_resource("patient", "4711"), {"case": case.pk})
    page = desk.get(COUNTED, OFFICER)
    assert [attribute(page, f"data-{name}") for name in ("jobs-by-filter", "cases", "notes")] == [["1"], ["1"], ["1"]]
    assert "The filter of 1 replay may name a value: read it." in text(page)
    assert "Read the 1 note in cases that looked at it: it may name the person." in text(page)
    assert "Erika" not in page.content.decode()


def test_jobs_asked_for_by_the_id_are_found_by_type_and_id_side_by_side(desk: Desk) -> None:
    desk.publish(1, key='4"ü')
    for id, pair in (("j1", ["patient", '4"ü']), ("j2", ["patient", '4"ü2']), ("j3", ["visit", '4"ü'])):
        arguments = json.dumps({"what": {"kind": "aggregate", "aggregate": pair}}, separators=(",", ":"))
        JobRow.objects.create(
            id=id, kind="replay_events", state="succeeded", resource="{}", arguments=arguments, asked=datetime.now(UTC)
        )
    found = desk.faces.erasure.jobs("patient", '4"ü')
    assert ([id for id, _, _ in found.ids], found.complete, found.by_filter) == (["j1"], True, [])


def test_a_replay_outside_of_the_scope_is_not_named_as_having_made_copies(desk: Desk) -> None:
    plant(desk)
    desk.index()
    for id, topic in (("r-1", TOPIC), ("r-2", "invoices")):
        resource = json.dumps(asdict(subscription_resource(topic, "some")))
        JobRow.objects.create(
            id=id, kind="replay_events", state="succeeded", resource=resource, arguments="{}", asked=datetime.now(UTC)
        )
    assert set(attribute(desk.get(COUNTED, OFFICER), "data-replay")) == {"r-1", "r-2"}
    with access(scope=(scope(OFFICER, f"{TOPIC}*"),)):
        page = desk.get(COUNTED, OFFICER)
        assert set(attribute(page, "data-replay")) == {"r-1"}
        assert "r-2" not in desk.client(OFFICER).post(EXPORT).content.decode()
