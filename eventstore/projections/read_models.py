"""What a read model tells of itself at its status address: a JSON object, such as ``{"events": 4120, "build": "v3"}``."""

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from django.utils import timezone

from eventstore.config.projections import Projection
from eventstore.projections.calling import AnswerProblem, call

STATUS_SECONDS = 3.0
"""Seconds that the answer may take in all."""
KEPT_SECONDS = 2.0
"""However many people look, the service is asked again only after so many seconds."""
MOST_KEPT = 100
"""Answers."""
MOST_VALUES = 40
LONGEST_VALUE = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadModel:
    """``values`` is what it told, as text by name, in its own order. ``problem``: why there is nothing, in a sentence."""

    values: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    at: datetime
    left_out: int = 0
    """Values beyond the first ``MOST_VALUES``."""


class ReadModels:
    """Asks the status addresses. Thread-safe: at worst one is asked twice."""

    def __init__(self) -> None:
        self._keeping = threading.Lock()
        self._kept: dict[str, tuple[float, ReadModel]] = {}

    def of(self, projection: Projection, subscription: str) -> ReadModel | None:
        """What the generation with this subscription tells; ``None`` if the projection has no status address."""
        address = projection.status_of(subscription)
        if not address:
            return None
        asked, told = self._kept.get(address, (0.0, None))
        if told is None or time.monotonic() - asked > KEPT_SECONDS:
            told = ask(address)
            self._keep(address, told)
        return told

    def _keep(self, address: str, told: ReadModel) -> None:
        with self._keeping:
            self._kept.pop(address, None)
            self._kept[address] = (time.monotonic(), told)
            while len(self._kept) > MOST_KEPT:
                del self._kept[next(iter(self._kept))]


def ask(address: str) -> ReadModel:
    """Ask a status address. Never raises: a service that is down is a fact to show."""
    at, host = timezone.now(), urlsplit(address).netloc
    try:
        answer = call("GET", address, seconds=STATUS_SECONDS, headers={"Accept": "application/json"})
        if answer.status != 200:
            raise AnswerProblem(f"answered {answer.status}")
        return _told(answer.body, at)
    except AnswerProblem as problem:
        return ReadModel(problem=f"{host} {problem}.", at=at)


def _told(body: bytes, at: datetime) -> ReadModel:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise AnswerProblem("answered with something that is not JSON") from error
    if not isinstance(found, dict):
        raise AnswerProblem("answered with JSON that is not an object")
    shown = {_short(str(name)): _short(_text(value)) for name, value in list(found.items())[:MOST_VALUES]}
    return ReadModel(values=shown, at=at, left_out=max(0, len(found) - MOST_VALUES))


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"
