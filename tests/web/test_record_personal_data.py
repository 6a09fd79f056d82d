"""Whatever is done with events, none of their values gets onto the record: not by an act, a look, a search, an export or a
refusal, nor by an address or a form that holds one."""

import io
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from dashboard import gateway
from dashboard.models import AuditEntry, Case, Refusal
from tests.web.desk import NAME, TOPIC, Desk
from tests.web.walk.markers import MARKERS
from tests.web.walk.planted import HELD, PATIENT, PROJECTION, furnished
from tests.web.walk.roles import logged_in

WHY = {"reason": "asked by the patient", "ticket": "SUP-1"}
VALUE, FIELD = MARKERS.word("data.name"), MARKERS.word("a field's name")
EMAIL = f"{MARKERS.word('data.email, a hashed value')}@example.org"
STORY = f"/aggregates/patient/{PATIENT}/"
BY_VALUE = (f'data.name="{VALUE}"', f'data.about.email="{EMAIL}"', f'data.{FIELD}="x"', f'key="{MARKERS.word("key")}"')


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with furnished() as opened:
        yield opened


def on_the_record() -> list[str]:
    """Entries, and refusals that are being counted, in which a marker stands."""
    kept = [str(entry) for entry in (*AuditEntry.objects.values(), *Refusal.objects.values())]
    return [text for text in kept if MARKERS.found_in(text)]


def recorded() -> set[str]:
    return set(AuditEntry.objects.values_list("action", flat=True))


def look(client: Client) -> None:
    """Ask for everything by a value: as a filter of each page that takes one, in the box, in the record and in its export."""
    places = (STORY, f"/topics/{TOPIC}/", f"/topics/{TOPIC}/tail/", f"/topics/{TOPIC}/subscriptions/{NAME}/waiting/")
    asked = [(places[0], given) for given in BY_VALUE] + [(place, BY_VALUE[0]) for place in places[1:]]
    for place, given in asked:
        client.get(f"{place}?{urlencode({'filter': given})}")
    for value in (VALUE, EMAIL, PATIENT):
        client.get(f"/aggregates/?{urlencode({'q': value})}")
    typed = urlencode({"on": VALUE, "text": EMAIL, "name": VALUE, "scope": EMAIL})
    client.get(f"/audit/?{typed}")
    for format in ("entries", "fhir"):
        client.get(f"/audit/export/?{typed}&format={format}")


def test_what_is_looked_for_revealed_and_exported_leaves_no_value_on_the_record(desk: Desk) -> None:
    client = logged_in("support")
    client.post("/cases/openings/", WHY)
    case = Case.objects.latest("pk").pk
    look(client)
    at = gateway.desk().index.with_event_id(HELD)[0].position.encode()
    for more in ({"kind": "field", "path": "data.about.email"}, {"kind": "event"}):
        assert client.post("/reveals/confirmations/", {"event": HELD, "at": at, **WHY, **more}).status_code == 302
    page = client.get(f"/events/{HELD}/?{urlencode({'at': at})}").content.decode()
    assert MARKERS.word("data.name, a list") in page
    look(client)
    client.post(f"/cases/{case}/exports/", {"form": "json"})
    assert recorded() >= {"open_case", "search_masked", "look", "reveal", "export_record", "export_case"}
    assert on_the_record() == []


def test_what_is_refused_leaves_no_value_on_the_record(desk: Desk) -> None:
    look(logged_in("viewer"))
    look(logged_in("viewer"))  # which is counted
    asked = ("--projection", PROJECTION, "--topic", TOPIC, "--filter", BY_VALUE[0], "--as", "viewer", "--reason", "SUP-1")
    with pytest.raises(CommandError):
        call_command("replay", "start", *asked, stdout=io.StringIO(), stderr=io.StringIO())
    assert recorded() == {"refused"}
    assert Refusal.objects.filter(more__gt=0).exists()
    assert on_the_record() == []
