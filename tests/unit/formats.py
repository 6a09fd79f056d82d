"""Recorded messages of other people's libraries (``tests/data/formats``), and what docs/formats.md says of them."""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from eventstore.config import load_config
from eventstore.drivers.unfolding.members import Unfolded
from eventstore.envelope import read_event
from eventstore.model.events import Event, Message, Position
from eventstore.model.schema_registry import Schema
from eventstore.schemas import Schemas
from tests.unit.messages import PUBLISHED

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/formats.md"
RECORDINGS = ROOT / "tests/data/formats"
MAPPINGS = ROOT / "examples/formats.toml"
HEAD = ("Producer", "On the wire", "What the desk makes of it", "Recording")
SCHEMA_VERSION = "0"


def names() -> Sequence[str]:
    """The names of all recordings."""
    return sorted(path.stem for path in RECORDINGS.glob("*.json"))


def recording(name: str) -> Mapping[str, Any]:
    content: Mapping[str, Any] = json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))
    return content


def as_read(name: str) -> Sequence[Event]:
    """The events that the desk makes of a recording, with its schema and the mappings of ``examples/formats.toml``: of a batch
    several."""
    recorded = recording(name)
    mappings, decode = load_config(str(MAPPINGS)).mappings, Schemas(_Registry(recorded)).decoded
    return [read_event(message, mappings, decode) for message in Unfolded(_message(recorded)).from_first()]


def _message(recorded: Mapping[str, Any]) -> Message:
    happened = recorded.get("event_time")
    return Message(
        position=Position(topic=recorded["topic"], partition=0, token="11"),
        payload=base64.b64decode(recorded["payload"]),
        published=PUBLISHED,
        key=recorded["key"],
        properties=recorded["properties"],
        event_time=datetime.fromisoformat(happened) if happened else None,
        schema_version=SCHEMA_VERSION if "schema" in recorded else "",
        null=recorded.get("null", False),
    )


class _Registry:
    """A registry that holds the schema of one recording."""

    def __init__(self, recorded: Mapping[str, Any]) -> None:
        self._recorded = recorded

    def schema(self, topic: str, version: str) -> Schema | None:
        told = self._recorded["schema"]
        return Schema(
            kind=told["kind"],
            name=told["name"],
            definition=base64.b64decode(told["definition"]),
            properties=told["properties"],
        )


def described(events: Sequence[Event]) -> str:
    """What the page's table says of these events of one message, in the third column."""
    if len(events) == 1:
        return _described(events[0])
    return f"{len(events)} events. {' '.join(_described(event) for event in events)}"


def _described(event: Event) -> str:
    if event.problem:
        return f"{event.problem[0].upper()}{event.problem[1:]}."
    time = "its publish time" if event.time == PUBLISHED else event.time.isoformat(timespec="milliseconds")
    aggregate = f"`{event.aggregate_type}` / `{_short(event.aggregate_id)}`"
    said = f"Type `{event.type}`, id {_id(event)}, of {aggregate}, at {time.replace('+00:00', 'Z')}"
    if event.schema and event.schema.kind:
        said += f"; schema: {event.schema.kind}"
    return f"{said}. {' '.join(event.notes)}".strip()


def _id(event: Event) -> str:
    return "its position" if event.id_is_position else f"`{event.id}`"


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"


def rows(page: str) -> Mapping[str, Mapping[str, str]]:
    """The rows of the page's table by the name of their recording: its columns by their heads."""
    found: dict[str, Mapping[str, str]] = {}
    for line in page.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == len(HEAD) and (named := re.fullmatch(r"`([\w.-]+)`", cells[-1])):
            found[named[1]] = dict(zip(HEAD, cells, strict=True))
    return found
