"""A desk whose rules mask values for everybody, as an installation is without ``clear_for``, with one patient's events."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.test import Client
from django.test.utils import override_settings

from dashboard import gateway
from eventstore.config.loading import parse_config
from eventstore.model import Position
from tests.people import person
from tests.web.desk import HASH_KEY, Desk, opened_desk

VALUE = "Erika Mustermann"
CONFIG = """
[masking]
clear_for = []

[[masking.rule]]
path = "data.name"
show = "hidden"

[reveals]
emergency = {emergency}
tell = ["privacy@hospital.example"]
"""
WHY = {"reason": "asked by the patient", "ticket": "SUP-1"}


@contextmanager
def masked_desk(*, emergency: bool = False, more: str = "") -> Iterator[Desk]:
    """Nobody sees ``VALUE`` but by a reveal. ``more`` is added to the configuration."""
    config = parse_config(CONFIG.format(emergency=str(emergency).lower()) + more, "masked.toml")
    with override_settings(EVENTDESK=config, EVENTDESK_HASH_KEY=HASH_KEY), opened_desk() as desk:
        desk.publish(2)
        yield desk


def position_of(number: int = 0) -> Position:
    return gateway.desk().index.with_event_id(f"e-{number}")[0].position


def of_event(number: int = 0, /, **more: str) -> dict[str, str]:
    """What a form says of the event e-``number``."""
    return {"event": f"e-{number}", "at": position_of(number).encode(), **more}


OF_AGGREGATE = {"aggregate_type": "patient", "aggregate_id": "4711"}


def reveal(client: Client, of: dict[str, str], to: str = "confirmations", **more: str) -> HttpResponse:
    answer: Any = client.post(f"/reveals/{to}/", {**of, **WHY, **more})
    return answer  # type: ignore[no-any-return]


def event_page(client: Client, number: int = 0) -> str:
    """The page of the event e-``number`` as this client sees it."""
    answer = client.get(f"/events/e-{number}/?{urlencode({'at': position_of(number).encode()})}")
    assert answer.status_code == 200
    return answer.content.decode()


def another_login(name: str = "support") -> Client:
    """The same person in another browser."""
    client = Client()
    client.force_login(person(name))
    return client
