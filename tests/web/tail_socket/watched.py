"""A desk whose tails these tests watch, with its people and tokens."""

import sqlite3
from dataclasses import dataclass, field
from typing import Any

from tests.desk_process import Desk
from tests.publisher import Publisher
from tests.tail_client import socket

PASSWORD = "a-long-test-password"
TOPIC = "documents"
ROLES = {
    "support": "support",
    "viewer": "viewer",
    "leaver": "viewer",
    "demoted": "support",
    "promoted": "viewer",
    "expiring": "support",
    "nobody": "",
    "everywhere": "viewer",
    "enrolled": "viewer",
}


@dataclass
class Watched:
    """A desk, its publisher, the cookies of its people and the texts of its tokens."""

    desk: Desk
    publisher: Publisher
    cookies: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    def page(self, topic: str = TOPIC, *, by: str = "support", **options: Any) -> Any:
        return socket(self.desk, topic, cookie=self.cookies[by], **options)

    def script(self, topic: str = TOPIC, *, by: str = "support") -> Any:
        return socket(self.desk, topic, token=self.tokens[by])

    def sql(self, statement: str, *values: Any) -> list[Any]:
        with sqlite3.connect(self.desk.data / "desk.sqlite3", timeout=20) as database:
            return database.execute(statement, values).fetchall()


class SmallDesk(Desk):
    """A desk whose tails keep at most ``HELD`` events."""

    application = "tests.web.small_ring:application"


HELD = 2_000


MAKE = """
import json
from django.conf import settings
from django.test import Client
from dashboard.access import tokens
from dashboard.models import Person, Role

def cookie_of(person):
    client = Client()
    client.force_login(person)
    return "sessionid=" + client.cookies["sessionid"].value

people = {{name: Person.objects.create(username=name, role=role) for name, role in {people}.items()}}
cookies = {{name: cookie_of(person) for name, person in people.items()}}
for name in ("leaver", "everywhere"):
    people[name].set_password("{password}")
    people[name].save()
made = {{name: tokens.make(name, Role.VIEWER if name == "viewer" else Role.SUPPORT, 1)[1] for name in {tokens}}}
(settings.DATA_DIR / "made.json").write_text(json.dumps([cookies, made]))
"""
TOKENS = ["support", "viewer", "revoked", "ended", "open", "expiring", "metrics"]
