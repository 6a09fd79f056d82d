"""Dead letters as clients write them, for tests of pages."""

from collections.abc import Sequence
from urllib.parse import urlencode

from django.http import HttpResponse
from django.urls import reverse

from eventstore.model.events import NewMessage, Position
from tests.web.desk import NAME, TOPIC, Desk, event, hidden

DEAD = f"{TOPIC}-{NAME}-DLQ"
URL = f"/topics/{TOPIC}/subscriptions/{NAME}/dead-letters/"
WHY = "SUP-8812: the practice has closed"


def letter(number: int, original: Position | None = None, **said: str) -> NewMessage:
    """The letter of event ``number``, as Java's client writes it."""
    of = event(number)
    origin = {"ORIGIN_MESSAGE_ID": original.label} if original else {}
    java = {"REAL_TOPIC": TOPIC, "REAL_SUBSCRIPTION": NAME}
    return NewMessage(payload=of.payload, key=of.key, properties={**of.properties, **origin, **java, **said})


def dead_lettered(desk: Desk, numbers: Sequence[int], *, topic: str = DEAD, **said: str) -> Sequence[Position]:
    """Publish and index the letters of these events."""
    desk.log.create_topic(topic)
    positions = desk.log.append(topic, [letter(number, None, **said) for number in numbers])
    desk.index()
    return positions


def kept(desk: Desk, role: str = "support") -> HttpResponse:
    """Make the subscription that keeps letters, as a person does."""
    preview = desk.get(f"{URL}keepers/new/", role)
    return desk.client(role).post(f"{URL}keepers/", {**hidden(preview), "reason": WHY})  # type: ignore[return-value]


def bury_preview(desk: Desk, positions: Sequence[Position], role: str = "support") -> HttpResponse:
    query = urlencode([("letter", position.encode()) for position in positions])
    return desk.get(f"{reverse('burial_new', args=[TOPIC, NAME])}?{query}", role)


def bury(desk: Desk, positions: Sequence[Position], *, reason: str = WHY, role: str = "support") -> HttpResponse:
    confirmation = hidden(bury_preview(desk, positions, role))
    return desk.client(role).post(f"{URL}burials/", {**confirmation, "reason": reason})  # type: ignore[return-value]
