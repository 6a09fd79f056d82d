"""A desk for one test: the embedded store with some events, an index, subscriptions at chosen places, and people."""

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from html import unescape
from typing import Protocol

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpResponse
from django.test import Client
from django.test.utils import override_settings

from dashboard import gateway
from dashboard.subscriptions import backlog_cache
from dashboard.web.pages import NOTHING_YET
from eventstore.config.loading import parse_config
from eventstore.config.searchable_values import values_by
from eventstore.desk import Desk as EventDesk
from eventstore.index.indexer.run import Following, index_until_caught_up
from eventstore.model.events import NewMessage, Position
from eventstore.model.log import Edge, Log
from eventstore.model.subscriptions import Subscriptions, SubscriptionType
from tests.parts import subscriptions_of
from tests.people import person
from tests.quick_index import quickly_indexed

TOPIC, NAME = "patients", "mailer"
HASH_KEY = "only-for-tests-" + "k" * 32
SEARCHABLE = """
[[searchable]]
topics = ["patients"]
name = "email"
path = "email"

[[searchable]]
topics = ["patients"]
name = "city"
path = "city"
hashed = false
"""


class Answer(Protocol):
    """Any response with a body."""

    @property
    def content(self) -> bytes: ...


@dataclass
class Desk:
    """The process's own desk (``faces``, and its parts ``store`` and ``log``), with people in front of it."""

    clients: dict[str, Client] = field(default_factory=dict)

    @property
    def faces(self) -> EventDesk:
        return gateway.desk()

    @property
    def log(self) -> Log:
        return self.faces.log

    @property
    def subscriptions(self) -> Subscriptions:
        """The store itself, for what services do."""
        return subscriptions_of(self.faces.store)

    def client(self, role: str = "support") -> Client:
        """A test client in which a person of this role is logged in."""
        if role not in self.clients:
            self.clients[role] = Client(enforce_csrf_checks=False)
            self.clients[role].force_login(person(role))
        return self.clients[role]

    def publish(
        self, count: int, *, topic: str = TOPIC, partitions: int = 1, key: str = "4711", start: int = 0
    ) -> Sequence[Position]:
        """Publish and index this many events of one aggregate. ``key`` may contain ``{}`` for a number."""
        self.log.create_topic(topic, partitions=partitions)
        messages = [event(number, key=key.replace("{}", str(number))) for number in range(start, start + count)]
        positions = self.log.append(topic, messages)
        self.index()
        return positions

    def index(self) -> None:
        store, config = self.faces.store, self.faces.config
        values_of = values_by(config.searchables, settings.EVENTDESK_HASH_KEY)
        if not quickly_indexed(store, config, values_of):
            following = Following(
                storage=store,
                config=config,
                stop=threading.Event(),
                on_batch=lambda topic, partition, events: None,
                values_of=values_of,
            )
            index_until_caught_up(following)

    def subscribe(self, name: str = NAME, *, topic: str = TOPIC, handled: int = 0, start: Edge = Edge.EARLIEST) -> None:
        """Make a subscription that has handled this many events."""
        self.subscriptions.create(topic, name, type=SubscriptionType.SHARED, start=start)
        if handled:
            self.handle(handled, name=name, topic=topic)

    def handle(self, count: int, *, name: str = NAME, topic: str = TOPIC) -> list[Position]:
        """Let a consumer connect, handle this many events, and disconnect."""
        with self.subscriptions.consume(topic, name, type=SubscriptionType.SHARED, consumer="worker-1") as consumer:
            received = consumer.receive(limit=count, timeout=5)
            for message in received:
                consumer.acknowledge(message.position)
            return [message.position for message in received]

    @contextmanager
    def searchable(self) -> Iterator[None]:
        """Declare two searchable values: ``email``, stored as a hash, and ``city``, stored as text."""
        declared = parse_config(SEARCHABLE, "searchable.toml")
        with override_settings(EVENTDESK=declared, EVENTDESK_HASH_KEY=HASH_KEY):
            gateway.close()  # the next use opens it with these settings
            try:
                yield
            finally:
                gateway.close()

    def get(self, url: str, role: str = "support", *, fragment: bool = False) -> HttpResponse:
        with suppress(DatabaseError):  # a test may have taken the tables away
            backlog_cache.forget()
        headers = {"HX-Request": "true"} if fragment else {}
        return self.client(role).get(url, headers=headers)  # type: ignore[return-value]

    def refreshed_empty(self, url: str) -> HttpResponse:
        """What htmx is answered that refreshes an empty page of this address."""
        with suppress(DatabaseError):
            backlog_cache.forget()
        return self.client("support").get(url, headers={"HX-Request": "true", "HX-Target": NOTHING_YET})  # type: ignore[return-value]


@contextmanager
def opened_desk() -> Iterator[Desk]:
    """The process's desk, opened again so that nothing of an earlier test is in memory."""
    forget_everything()
    try:
        yield Desk()
    finally:
        forget_everything()


def forget_everything() -> None:
    gateway.close()


def event(number: int, *, key: str = "4711", type: str = "health.PatientRegistered") -> NewMessage:
    """A CloudEvent in binary mode."""
    properties = {
        "ce_specversion": "1.0",
        "ce_id": f"e-{number}",
        "ce_type": type,
        "ce_source": "/tests",
        "ce_time": f"2024-05-01T09:{number // 60 % 60:02}:{number % 60:02}Z",
        "ce_aggregatetype": "patient",
        "ce_aggregateid": key,
    }
    return NewMessage(payload=b'{"name": "Erika Mustermann"}', key=key, properties=properties)


def text(response: Answer) -> str:
    """The response as its reader sees it: without tags, with entities resolved and spaces collapsed."""
    body = response.content.decode()
    body = re.sub(r"<(script|style|head)\b.*?</\1>", " ", body, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", "", body)))


def attribute(response: Answer, name: str) -> list[str]:
    """The values of this attribute, in the order of the page."""
    return [unescape(value) for value in re.findall(rf'\s{re.escape(name)}="([^"]*)"', response.content.decode())]


def hidden(response: Answer) -> dict[str, str]:
    """The hidden fields of the page's forms by name, without the CSRF token."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', response.content.decode())
    return {name: unescape(value) for name, value in found if name != "csrfmiddlewaretoken"}
