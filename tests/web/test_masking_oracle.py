"""Nobody finds out a masked value by asking whether it is above or below another: a binary search is tried at every door."""

import io
import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from eventstore.model.events import NewMessage
from eventstore.search import mark_of
from tests.databases import filled_once
from tests.people import person
from tests.web.desk import TOPIC, Desk, attribute, event, text
from tests.web.finding import search
from tests.web.letters import URL, WHY, dead_lettered, kept
from tests.web.masking import masked
from tests.web.replaying import DECLARED, PROJECTION, furnish

AGE = 61
SECRET = {"name": "Erika Mustermann", "city": "Bonn", "born": "1953-04-02", "age": AGE, "note": "secret"}
PATIENT = "/aggregates/patient/4711/"
EMAIL = '[[searchable]]\ntopics = ["patients"]\nname = "age"\npath = "age"\nhashed = false\n'


@pytest.fixture
def planted(desk: Desk) -> Iterator[Desk]:
    """A patient with an age that nobody may see, a dead letter of the same event, and a projection."""
    with masked(more=DECLARED.replace("[replays]", "[replays]") + EMAIL):
        filled_once("masked values and a dead letter", lambda: plant(desk), ["default", "index", "store"])
        yield desk


def plant(desk: Desk) -> None:
    furnish(desk, mine=1, others=1)
    message = NewMessage(payload=json.dumps(SECRET).encode(), key="4711", properties=event(7).properties)
    desk.log.append(TOPIC, [message])
    desk.index()
    desk.subscribe()
    dead_lettered(desk, [7])
    kept(desk)


def get(url: str) -> Callable[[Desk, str, str], Any]:
    return lambda desk, asked, role: desk.get(f"{url}{'&' if '?' in url else '?'}{urlencode({'filter': asked})}", role)


def post(url: str, **more: str) -> Callable[[Desk, str, str], Any]:
    return lambda desk, asked, role: desk.client(role).post(url, {"filter": asked, "reason": WHY, **more})


REPLAY = {"projection": PROJECTION, "kind": "filter", "way": "topic"}
DOORS: dict[str, Callable[[Desk, str, str], Any]] = {
    "topic": get(f"/topics/{TOPIC}/"),
    "topic, an older page": get(f"/topics/{TOPIC}/?order=oldest"),
    "stream": get(PATIENT),
    "tail": get(f"/topics/{TOPIC}/tail/"),
    "tail of an aggregate": get("/tail/?aggregate_type=patient&aggregate_id=4711"),
    "dead letters": get(URL),
    "burial": get(f"{URL}burials/new/?all=1"),
    "export": post(f"{URL}exports/"),
    "redrive": get(f"{URL}redrives/new/?all=1"),
    "redrive, confirmed": post(f"{URL}redrives/", all="1"),
    "replay": get(f"/replays/new/?{urlencode(REPLAY)}"),
    "replay, confirmed": post("/replays/confirmations/", **REPLAY),
}
NOT_THERE = "is masked for you"


@pytest.mark.parametrize("door", DOORS)
def test_a_binary_search_over_a_hidden_value_learns_nothing_at(planted: Desk, door: str) -> None:
    low, high, answers = 0, 127, set()
    while low < high:
        middle = (low + high + 1) // 2
        answer = DOORS[door](planted, f"data.age>={middle}", "support")
        assert answer.status_code in (400, 403, 409), door
        assert not attribute(answer, "data-event-id")
        seen = text(answer)
        assert f"data.age {NOT_THERE}" in seen
        answers.add(_without(seen, str(middle)))
        low, high = (middle, high) if len(seen) % 2 else (low, middle - 1)
    assert len(answers) == 1
    allowed = DOORS[door](planted, f"data.age>={AGE}", "admin")
    assert NOT_THERE not in text(allowed)


def _without(seen: str, number: str) -> str:
    start = seen.index(NOT_THERE)
    return re.sub(rf"\b{number}\b", "N", seen[start - 20 : start + 400])


FORBIDDEN = (
    f"data.age={AGE}",
    f"not data.age={AGE}",
    f"data.age!={AGE}",
    "data.age:*",
    "data.age:6*",
    'data.age~"^6"',
    "data.note:s*",
    "data.unknown:x",
    "data.name:Erika*",
    'data.name="Erika Mustermann"',
    "data.born<1960-01-01",
    "data.born=1953",
    "data.born:1953*",
    "Erika",
    '"Erika Mustermann"',
    'text~"Erika"',
    "key:4711",
    "ordering_key:x",
    "property.ce_source:/tests",
    "source:/tests",
    "subject:x",
    "data.city:Bonn",  # shown in some types of events only
    "type:health.PatientRegistered data.city:Bonn",  # matches a type in other letters, too
    "type=health.PatientRegistered or data.city:Bonn",
    "type=health.PatientRegistered (data.city:Bonn or data.age>3)",
    "type=health.PatientRegistered key:4711",
    "(type=health.PatientRegistered or type=health.Other) data.city:Bonn",
    "not type=health.PatientRegistered data.city:Bonn",
    f"data.age={mark_of(str(AGE))}",
    "data.age[0]>3",
    'data."age">3',
    "data.city.x:1",
)


@pytest.mark.parametrize("filter", FORBIDDEN, ids=range(len(FORBIDDEN)))  # one has a mark, which each process makes anew
def test_no_form_of_a_filter_is_a_way_around(planted: Desk, filter: str) -> None:
    for door in ("topic", "stream", "dead letters"):
        answer = DOORS[door](planted, filter, "support")
        assert (answer.status_code, attribute(answer, "data-event-id")) == (403, []), (door, filter)
        assert "masked for you" in text(answer)


@pytest.mark.parametrize("filter", [f".data.age>={AGE}", f'."data".age={AGE}', ".key:4711", ".text:Erika", '."type":x'])
def test_a_field_begins_with_its_name(planted: Desk, filter: str) -> None:
    for door in ("topic", "stream", "dead letters"):
        answer = DOORS[door](planted, filter, "support")
        assert (answer.status_code, attribute(answer, "data-event-id")) == (400, []), (door, filter)


def test_what_a_person_sees_they_may_filter_by(planted: Desk) -> None:
    mark = mark_of("Erika Mustermann")
    for filter in ("type=health.PatientRegistered data.city:Bonn", f"data.name={mark}", f"not data.name!={mark}"):
        answer = DOORS["stream"](planted, filter, "support")
        assert answer.status_code == 200, filter
        assert attribute(answer, "data-event-id") == ["e-7"] if "data.city" in filter else True
    advice = text(DOORS["stream"](planted, "data.city:Bonn", "support"))
    assert "add type=NAME, of a type health.Pat*," in advice
    assert "data.name=#" in text(DOORS["stream"](planted, "data.name:Erika*", "support"))


def test_the_search_box_finds_no_masked_value(planted: Desk) -> None:
    assert attribute(search(planted, str(AGE), role="support"), "data-event-id") == []
    assert planted.get("/", "support").content.count(b"searchable") == planted.get("/", "viewer").content.count(b"searchable")
    assert search(planted, str(AGE), role="admin").status_code == 302


def test_the_command_line_refuses_what_the_pages_refuse(planted: Desk) -> None:
    for role in ("support", "admin"):
        person(role)
    asked = ("plan", PROJECTION, "--filter", f"data.age>={AGE}")
    with pytest.raises(CommandError, match=r"data\.age is masked for you"):
        call_command("replay", *asked, "--as", "support", stdout=io.StringIO())
    with pytest.raises(CommandError, match=r"data\.age is masked for you"):
        call_command(
            "replay", "start", *asked[1:], "--confirm", "x", "--ticket", "T-1", "--reason", "x", "--as", "support",
            stdout=io.StringIO(),
        )  # fmt: skip
    call_command("replay", *asked, "--as", "admin", stdout=io.StringIO())


def test_pages_show_what_the_rules_show_and_nothing_else(planted: Desk) -> None:
    for url in (PATIENT, f"/topics/{TOPIC}/", reverse("event", args=["e-7"])):
        for role in ("viewer", "support"):
            page = planted.get(url, role).content.decode()
            assert not any(secret in page for secret in ("Erika", "1953-04-02", "secret", f">{AGE}<"))
    shown = text(planted.get(reverse("event", args=["e-7"]), "support"))
    assert all(part in shown for part in ('"city": "Bonn"', '"born": 1953', mark_of("Erika Mustermann")))
