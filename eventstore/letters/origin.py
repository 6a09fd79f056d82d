"""What a dead letter says of where it comes from. Each client writes it in its own way, and most say little.

Java's client names the topic, the subscription and, where a retry topic is used, how often the event was tried. The others
name the topic alone. The id of the original has two forms: ``169:0:-1`` and ``(194,0,-1,2)`` (ledger, entry, partition, place
in the batch).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from eventstore.model.events import NOTHING
from eventstore.subscriptions.letters import REAL_SUBSCRIPTION, REAL_TOPIC

TRIES = "RECONSUMETIMES"
"""How often Java's client had given the event to a consumer when it sent the letter."""
REASONS = frozenset(
    {
        "exception",
        "exceptionmessage",
        "error",
        "errormessage",
        "failure",
        "failurereason",
        "failuremessage",
        "deadletterreason",
        "dlqreason",
    }
)
"""Properties by which applications record why, without case, ``x-``, hyphens, dots and underscores. Others are declared."""
MOST_TRIES = 9
"""Digits of a number of tries."""

_BATCHED = re.compile(r"(\d+:\d+):\d+(?:/\d+)?", re.ASCII)
_PARTITIONED = re.compile(r"(.+)-partition-(\d{1,9})", re.ASCII | re.DOTALL)
_ID_PARTITION = re.compile(r"\(?\d+[:,]\d+[:,](\d{1,9})(?:[:,]-?\d+)?\)?", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Where a letter comes from, as it says itself. What it does not say is empty, or ``None``.

    - ``topic``: the canonical name of the original's topic, and ``partition`` its number. Any publisher can write any name.
    - ``subscription``: whose consumer gave the event up.
    - ``tries``: how often the event had been given to a consumer.
    - ``reason_name`` and ``reason``: the property that records why, and its value, which is a value of the publisher.
    """

    topic: str = ""
    partition: int | None = None
    subscription: str = ""
    tries: int | None = None
    reason_name: str = ""
    reason: str = ""


def origin_of(properties: Mapping[str, str] = NOTHING, reasons: Iterable[str] = ()) -> Origin:
    """Return what these properties of a letter say. ``reasons`` are declared names of properties that record why."""
    topic = properties.get(REAL_TOPIC, "").removeprefix("persistent://")
    of_topic = _PARTITIONED.fullmatch(topic)
    of_id = _ID_PARTITION.fullmatch(properties.get("ORIGIN_MESSAGE_ID", ""))
    topic, digits = (of_topic[1], of_topic[2]) if of_topic else (topic, of_id[1] if of_id else "")
    name, reason = _reason(properties, reasons)
    return Origin(
        topic=topic if topic.isprintable() else "",
        partition=int(digits) if digits else None,
        subscription=properties.get(REAL_SUBSCRIPTION, ""),
        tries=_tries(properties.get(TRIES, "")),
        reason_name=name,
        reason=reason,
    )


def batch_of(original: str) -> str:
    """Return the entry of the batch in which the original lies (``194:0`` of ``194:0:2``); empty if it lies in none."""
    found = _BATCHED.fullmatch(original)
    return found[1] if found else ""


def _tries(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MOST_TRIES else None


def _reason(properties: Mapping[str, str], declared: Iterable[str]) -> tuple[str, str]:
    for name in declared:
        if properties.get(name):
            return name, properties[name]
    for name, value in properties.items():
        if value and _plain(name) in REASONS:
            return name, value
    return "", ""


def _plain(name: str) -> str:
    return re.sub(r"[-_. ]", "", name.lower().removeprefix("x-"))
