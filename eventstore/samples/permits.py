"""Invented building-permit events, shaped like a municipality's real log: odd values, irregular orders, missing fields."""

import random
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

from eventstore.samples import names as words

CloudEvent = dict[str, Any]

_WINTER, _SUMMER = timezone(timedelta(hours=1)), timezone(timedelta(hours=2))
_BEGIN = datetime(2021, 10, 2, 9, 20, 39, 266000, tzinfo=_SUMMER)
_ODD_RESOURCES = ("admin1", "Büro 4 / Süd", "", "<resource>", "Resource 26", "UNKNOWN", "🏗 team")


def permit_like(seed: int, applications: int) -> Iterator[CloudEvent]:
    """Yield the events of this many applications, oldest first, about 6 of each. The same for the same seed.

    Times have the offset +01:00 or +02:00, and several share an instant. Steps repeat, are left out and change places.
    ``group`` and ``resource`` are sometimes missing or odd. Only an application's first event carries the application
    itself as ``case``.
    """
    chance = random.Random(f"permits:{seed}")  # noqa: S311 - repeatable on purpose, no secret
    waiting = list(range(applications, 0, -1))
    open_cases: dict[str, list[tuple[str, str]]] = {}
    done: dict[str, int] = {}
    now = _BEGIN
    while waiting or open_cases:
        if waiting and (len(open_cases) < 5 or chance.random() < 0.15):
            open_cases[_case_id(chance, waiting.pop())] = _steps(chance)
        case = chance.choice(list(open_cases))
        step = open_cases[case].pop(0)
        done[case] = done.get(case, 0) + 1
        now += timedelta(milliseconds=chance.choice((0, 1, 950, 41_000, 600_123, 9_000_000)))
        yield _event(chance, case, done[case], now, step)
        if not open_cases[case]:
            del open_cases[case]
            del done[case]


def _case_id(chance: random.Random, number: int) -> str:
    return f"case-{number}" if chance.random() < 0.95 else f"case {number}/{chance.choice('äß%~')}"


def _steps(chance: random.Random) -> list[tuple[str, str]]:
    """Return the activities of one application with their lifecycle transitions, in the order in which they were recorded."""
    activities = [activity for activity in words.ACTIVITIES if chance.random() < 0.65] or [words.ACTIVITIES[0]]
    if chance.random() < 0.3:
        activities.insert(chance.randrange(len(activities) + 1), chance.choice(activities))
    if chance.random() < 0.2:
        chance.shuffle(activities)
    return [(activity, "complete" if chance.random() < 0.97 else "start") for activity in activities]


def _event(chance: random.Random, case: str, sequence: int, now: datetime, step: tuple[str, str]) -> CloudEvent:
    activity, transition = step
    data: CloudEvent = {
        "activity": activity,
        "group": f"Group {chance.randint(1, 9)}",
        "instance": f"task-{chance.randint(1, 9**6)}",
    }
    data["resource"] = f"Resource{chance.randint(1, 40):02}" if chance.random() < 0.9 else chance.choice(_ODD_RESOURCES)
    data["transition"] = transition
    for name in ("group", "resource"):
        if chance.random() < 0.05:
            del data[name]
    if sequence == 1:
        data["case"] = _case(chance, case, now)
    suffix = "" if transition == "complete" else f".{transition}"
    return {
        "specversion": "1.0",
        "id": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        "type": "permits." + "".join(word[:1].upper() + word[1:] for word in activity.split()) + suffix,
        "source": "/permits",
        "subject": f"permit-{case}",
        "time": _local(now),
        "datacontenttype": "application/json",
        "aggregatetype": "permit",
        "aggregateid": case,
        "sequence": sequence,
        "data": data,
    }


def _case(chance: random.Random, case: str, now: datetime) -> CloudEvent:
    whole = {
        "startdate": _local(now - timedelta(days=chance.randint(0, 9), milliseconds=246)),
        "responsible": f"Resource{chance.randint(1, 40):02}",
        "enddate_planned": _local(now + timedelta(days=55)),
        "department": chance.choice(words.DEPARTMENTS),
        "enddate": _local(now + timedelta(days=chance.randint(0, 90))),
        "name": case,
        "channel": chance.choice(words.CHANNELS),
    }
    return {name: value for name, value in whole.items() if name == "name" or chance.random() < 0.9}


def _local(time: datetime) -> str:
    """Return the time with the offset of the local clock, roughly: summer time from April to October."""
    return time.astimezone(_SUMMER if 4 <= time.month <= 10 else _WINTER).isoformat(timespec="milliseconds")
