"""A process that resets many subscriptions through the pages, as one person: run several at once to see that none gets in the
way of another, and that exactly one resets each subscription.

``prepare TOPIC NAME…`` makes the subscriptions, all of whose events are handled. ``reset TOPIC PERSON NAME…`` looks at every
preview, says ``ready``, waits for a line, and presses every button; it prints each answer's status by name, as JSON.
``check TOPIC NAME…`` prints what the record and the store show.
"""

import json
import os
import random
import sys
from collections.abc import Callable
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")

import django

django.setup()

from django.test import Client  # noqa: E402
from django.urls import reverse  # noqa: E402

from dashboard import gateway  # noqa: E402
from dashboard.auditing.acts import acts  # noqa: E402
from dashboard.auditing.verification import verify  # noqa: E402
from dashboard.models import ResourceLock, Role  # noqa: E402
from eventstore.model.events import NewMessage  # noqa: E402
from eventstore.model.log import Edge  # noqa: E402
from eventstore.model.storage import subscriptions_of  # noqa: E402
from eventstore.model.subscriptions import SubscriptionType  # noqa: E402
from tests.people import person  # noqa: E402
from tests.web.desk import hidden, text  # noqa: E402

EVENTS = 3
PEOPLE = ("support-1", "support-2", "support-3", "support-4")


def prepare(topic: str, *names: str) -> None:
    store = gateway.desk().store
    subscriptions = subscriptions_of(store)
    store.log.create_topic(topic)
    for _ in range(EVENTS):  # one by one: a batch would be one entry to a broker
        store.log.append(topic, [NewMessage(payload=b"{}", key="k")])
    for name in names:
        subscriptions.create(topic, name, type=SubscriptionType.SHARED, start=Edge.LATEST)
    for name in PEOPLE:
        person(Role.SUPPORT, name)


def reset(topic: str, who: str, *names: str) -> dict[str, int]:
    browser = Client(HTTP_HOST="localhost", HTTP_X_FORWARDED_PROTO="https")
    browser.force_login(person(Role.SUPPORT, who))
    topic = gateway.desk().log.topic(topic).name
    forms = {name: form(browser, topic, name) for name in names}
    say("ready")
    sys.stdin.readline()
    shuffled = random.Random(who).sample(names, len(names))
    return {name: pressed(browser, topic, name, forms[name]) for name in shuffled}


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def form(browser: Client, topic: str, name: str) -> dict[str, str]:
    answer = browser.get(reverse("cursor_reset_new", args=[topic, name]) + "?to=earliest")
    assert answer.status_code == 200, text(answer)
    return {**hidden(answer), "reason": "SUP-1", "typed": name}


def pressed(browser: Client, topic: str, name: str, form: dict[str, str]) -> int:
    """The answer's status; a refusal says why."""
    answer = browser.post(reverse("cursor_resets", args=[topic, name]), form)
    seen = text(answer)
    assert answer.status_code == 302 or "is being reset by" in seen or "has reset this subscription meanwhile" in seen, seen
    return answer.status_code


def check(topic: str, *names: str) -> dict[str, Any]:
    desk = gateway.desk()
    topic = desk.log.topic(topic).name
    record = acts(limit=1000, action="reset_cursor")
    return {
        "acts": sorted([act.resource.subscription, str(act.state)] for act in record),
        "chain": str(verify()),
        "locks": sorted(ResourceLock.objects.values_list("actor", flat=True)),
        "backlogs": {name: desk.subscriptions.named(topic, name).backlog for name in names},
    }


COMMANDS: dict[str, Callable[..., Any]] = {"prepare": prepare, "reset": reset, "check": check}


def main(command: str, *arguments: str) -> None:
    try:
        say(json.dumps(COMMANDS[command](*arguments)))
    finally:
        gateway.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
