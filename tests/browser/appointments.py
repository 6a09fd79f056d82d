"""A patient's appointments, as lines of a file to import."""

import json
from collections.abc import Iterable, Mapping


def appointments(data: Iterable[Mapping[str, object]]) -> bytes:
    """Return an event for each of these payloads, from ``e-0`` on, of the patient 4711."""
    return b"".join(json.dumps(_appointment(number, one)).encode() + b"\n" for number, one in enumerate(data))


def _appointment(number: int, data: Mapping[str, object]) -> Mapping[str, object]:
    return {
        "specversion": "1.0",
        "id": f"e-{number}",
        "type": "AppointmentBooked",
        "source": "/appointments",
        "time": f"2026-11-2{number}T10:00:00Z",
        "aggregatetype": "patient",
        "aggregateid": "4711",
        "data": data,
    }
