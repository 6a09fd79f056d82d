"""A personal id stays hidden wherever its event repeats it, and a value shows no more levels than a rule can."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboard.letters.lines import groups_of
from dashboard.privacy import (
    MASKED,
    AccessProfile,
    Origin,
    display_document,
    handle_of,
    plan_of,
    without_marks,
    without_own_ids,
)
from dashboard.privacy.documents import DEEPEST
from dashboard.privacy.masking import display_json, display_value
from dashboard.privacy.profiles import Revealed
from dashboard.subscriptions.sections import DifferenceLine, difference_line
from eventstore.comparison import Difference, What
from eventstore.config.loading import parse_config
from eventstore.letters import LetterGroups
from tests.web.masking import deep

ALL = AccessProfile(name="admin", sees_values=True)
LITTLE = AccessProfile(name="viewer", sees_values=False)
OF = Origin(topic="patients", type="T", aggregate_type="patient", aggregate_id="4711", event_id="e-1")
RULES = """
[[masking.rule]]
path = "data.deep.**"
show = "plain"
[[masking.rule]]
path = "data.name"
show = "plain"
[[masking.rule]]
path = "properties.error"
show = "plain"
"""
PERSONAL = '[[mapping]]\ntopics = ["patients"]\nkey = "personal"\npersonal_types = ["patient"]\n' + RULES


@pytest.fixture(autouse=True)
def personal(settings: Any) -> str:
    settings.EVENTDESK = parse_config(PERSONAL, "desk.toml")
    settings.EVENTDESK_HANDLE_KEY = "k" * 40
    return handle_of("patient", "4711")


def test_a_name_of_a_field_or_a_property_that_is_the_id_is_its_handle(personal: str) -> None:
    document = {"deep": {"4711": {"a": 1}, "of": [{"4711": "x"}]}}
    shown = display_document(document, LITTLE, OF, marks=False)
    assert shown == {"deep": {personal: {"a": 1}, "of": [{personal: "x"}]}}
    assert dict(without_own_ids({"4711": "4711", "a": "b"}, OF, LITTLE)) == {personal: personal, "a": "b"}
    assert display_document(document, ALL, OF) == document


@pytest.mark.parametrize("written", ["4711", "4711.0", "4.711e3", '"4711"'])
def test_a_number_that_is_the_id_is_its_handle_however_it_is_written(personal: str, written: str) -> None:
    assert display_value(json.loads(written), "data.name", LITTLE, OF) == personal
    assert display_value(float("inf"), "data.name", LITTLE, OF) == "Infinity"


def difference(what: What, profile: AccessProfile = LITTLE, **told: Any) -> DifferenceLine:
    return difference_line(Difference(what=what, **told), profile, OF)


def test_what_differs_from_the_last_acknowledged_event_is_seen_by_the_same_rules(personal: str) -> None:
    field: dict[str, Any] = {"what": What.KIND, "path": "name", "parts": ("name",), "now": "text", "before": "object"}
    found = difference(**field, value_now='"4711"', value_before="{3 fields}")
    assert (found.value_now, found.value_before, found.path) == (personal, MASKED, "name")
    assert difference(**field, value_now='"Anna"').value_now == "Anna"
    assert difference(**field, value_now='"4711 is cut…').value_now is MASKED
    assert difference(What.NEW, path="deep", parts=("deep",), value_now="{3 fields}").value_now == "{3 fields}"
    assert difference(What.NEW, path="deep.4711", parts=("deep", "4711"), value_now="1").path is MASKED
    assert difference(What.NEW, path="note", parts=("note",), value_now='"x"').value_now is MASKED
    assert difference(**field, profile=ALL, value_now='"4711"').value_now == '"4711"'


@pytest.mark.parametrize("what", [What.CONTENT_TYPE, What.SIZE, What.SCHEMA])
def test_what_is_said_of_the_event_as_a_whole_is_seen_as_its_own_page_shows_it(what: What) -> None:
    found = difference(what, now="text/erika+json", before="none")
    assert (found.now, found.before) == (MASKED, MASKED)
    found = difference(what, ALL, now="text/erika+json", before="none")
    assert (found.now, found.before) == ("text/erika+json", "none")


def test_letters_are_not_grouped_by_what_is_masked() -> None:
    found = LetterGroups(
        examined=3, types=[("T", 3)], versions=[("7", 2), ("", 1)], reasons=[(("error", "4711"), 2), (("error", "4712"), 1)]
    )
    assert grouped(found, LITTLE) == {"Type": ["T"], "Schema version": [MASKED, "none"], "Reason": [MASKED]}
    assert grouped(found, ALL) == {"Type": ["T"], "Schema version": ["7", "none"], "Reason": ["4711", "4712"]}
    without = replace(found, versions=[("", 3)])
    assert "Schema version" not in grouped(without, LITTLE)


def grouped(found: LetterGroups, profile: AccessProfile) -> dict[str, list[Any]]:
    groups = groups_of(found, "/?", "patients", profile)
    return {name: [group.words for group in kind] for name, kind, _ in groups.kinds}


@pytest.mark.parametrize("marks", [True, False])
def test_a_payload_that_is_too_deep_shows_its_first_levels(marks: bool) -> None:
    document: Any = "secret"
    for level in range(600):
        document = {"deep": document, "level": level}
    shown = display_document(document, LITTLE, OF, marks=marks)
    levels = 0
    while isinstance(shown, dict) and "deep" in shown:
        shown, levels = shown["deep"], levels + 1
    assert levels in (DEEPEST, DEEPEST + 1)
    assert "secret" not in json.dumps(without_marks(display_document(document, LITTLE, OF, marks=marks)))


def test_no_way_of_showing_a_value_is_stopped_by_its_depth() -> None:
    value = json.loads(deep("secret"))
    assert isinstance(display_value(value, "data.deep", ALL, OF), str)
    assert "secret" not in str(display_value(value, "data.deep", LITTLE, OF))
    assert "secret" not in str(display_json([[value]], "data.deep", LITTLE, OF))


def test_the_plan_of_what_is_revealed_is_made_once(settings: Any) -> None:
    until = datetime.now(UTC) + timedelta(minutes=5)
    opened = Revealed(kind="event", aggregate_type="patient", aggregate_id="4711", event_id="e-1", until=until)
    profile = replace(LITTLE, reveals=frozenset({opened}))
    plan = plan_of(profile, OF)
    assert plan_of(profile, OF) is plan
    assert plan_of(profile, replace(OF, type="U")) is not plan
    settings.EVENTDESK = parse_config(PERSONAL.replace("data.name", "data.other"), "desk.toml")
    assert plan_of(profile, OF) is not plan
