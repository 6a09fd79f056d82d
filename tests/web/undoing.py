"""A move and its undo as somebody does them in the pages."""

from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from dashboard.auditing.acts import Act, acts
from eventstore.model.events import Position
from tests.web.desk import NAME, TOPIC, Desk, hidden
from tests.web.resetting import reset


def url(name: str, **query: str) -> str:
    return reverse(name, args=[TOPIC, NAME]) + (f"?{urlencode(query)}" if query else "")


def newest() -> Act:
    return acts(limit=1)[0]


def preview(desk: Desk, role: str = "support") -> Any:
    return desk.get(url("cursor_undo_new"), role)


def undo(desk: Desk, role: str = "support", **more: str) -> Any:
    fields = {**hidden(preview(desk)), "reason": "SUP-9001: the wrong one", **more}
    return desk.client(role).post(url("cursor_undos"), fields)


def acknowledge(desk: Desk, *positions: Position) -> None:
    """What consumers handle, in whatever order."""
    desk.subscriptions.acknowledge(TOPIC, NAME, {0: [desk.log.entry(position) for position in positions]})


def skipped(desk: Desk) -> list[Position]:
    """Ten events, of which 0, 1 and 4 are handled; a reset to event 7, which is handled since."""
    positions = list(desk.publish(10, key="p-{}"))
    desk.subscribe()
    acknowledge(desk, *(positions[at] for at in (0, 1, 4)))
    assert reset(desk, "position", position=positions[7].encode()).status_code == 302
    acknowledge(desk, positions[7])
    return positions
