"""Messages with any values that the protocol admits, at random, to publish with ``tests.java_producer``."""

import random
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.java_producer import JavaProducer, Raw, raw

SECRET = "s3cr3t"
"""A piece of every payload and of every value of a property: no log may hold it."""
CHUNK = 1_000
USUAL, USUAL_TIME = 5, 1_714_554_000_000
"""The messages of a batch that the admin API can tell wholly, and their publish time: by chance there may be no other."""

_TIMES = (None, 0, 1, -1, -5, -(2**63), 2**63 - 1, 1_732_865_000_000 << 16, 253_402_300_799_999, 253_402_300_800_000,
          1_714_554_000_000, 1_714_554_000_000_000, 4_102_444_800_000)  # fmt: skip
_TEXTS = ("", " ", "a", "Ünïcödé", "\u202e\u2066", "\u0000\u0001\n\r\t", "🦊" * 40, "<script>alert(1)</script>", "' OR 1=1 --",
          "a/b/../c?d#e", "{", "null", "x" * 1_500, "\ufffd\ufeff", "__proto__", "NaN", "1E3", "٣")  # fmt: skip
_CE = ("ce_id", "ce_type", "ce_source", "ce_specversion", "ce_time", "ce_aggregatetype", "ce_aggregateid", "ce_correlationid",
       "ce_causationid", "ce_sequence", "ce_subject", "ce_datacontenttype", "content-type", "replayof", "ORIGIN_MESSAGE_ID",
       "REAL_TOPIC", "__jfr_schema__", "X-Pulsar-num-batch-message", "position", "ce_", "_")  # fmt: skip
_ENVELOPE = {"ce_type": "order.changed", "ce_source": "/s", "ce_specversion": "1.0", "ce_aggregatetype": "order"}
_CONTENT_TYPES = ("application/cloudevents+json", "application/json", "text/plain; charset=utf-16", "application/octet-stream")


_HOW: Mapping[str, Mapping[str, Any]] = {
    "alone": {},
    "batch": {"batched": True},
    "by key": {"batched": True, "key_based": True},
    "chunks": {"chunk_bytes": CHUNK},
}


@dataclass(frozen=True, kw_only=True)
class Group:
    """Messages that one producer publishes in one way."""

    messages: Sequence[Raw]
    how: dict[str, Any]


def groups(dice: random.Random, count: int) -> list[Group]:
    """Return this many messages in groups: a usual batch, then alone, in batches, in batches by key, and in chunks."""
    found = [Group(messages=[_usual(dice) for _ in range(USUAL)], how=dict(_HOW["batch"]))]
    left = count - USUAL
    while left > 0:
        size = min(left, dice.randrange(1, 120))
        kind = dice.choice(("alone", "alone", "batch", "batch", "by key", "chunks"))
        how = dict(_HOW[kind])
        if kind == "chunks":
            size = min(size, 5)
        if dice.random() < 0.2:
            how = {**how, "producer_name": f"producer-{dice.getrandbits(40):x}-{_text(dice)[:20].strip() or 'x'}"}
        found.append(Group(messages=[message(dice, large=kind == "chunks") for _ in range(size)], how=how))
        left -= size
    return found


def publish(java: JavaProducer, topic: str, made: Sequence[Group]) -> int:
    """Publish these groups in order, and return the number of messages."""
    return sum(len(java.publish(topic, group.messages, **group.how)) for group in made)


def _usual(dice: random.Random) -> Raw:
    """A message that goes into a batch with others like it. The client sends one alone that is to be delivered later, and
    begins another batch for another schema."""
    made = {**message(dice), "publishTime": USUAL_TIME}
    metadata = {name: value for name, value in made.pop("metadata", {}).items() if name != "schemaVersion"}
    return {**made, "deliverAfter": None, "metadata": metadata}


def message(dice: random.Random, *, large: bool = False) -> Raw:
    metadata = {
        "eventTime": _time(dice),
        "replicatedFrom": dice.choice((None, None, None, "cluster-b", _text(dice))),
        "schemaVersion": _schema_version(dice),
    }
    fields: dict[str, Any] = {
        "publishTime": _time(dice),
        "properties": _properties(dice),
        "deliverAfter": dice.choice((None, None, None, 0, 500)),
        "disableReplication": dice.random() < 0.1,
    }
    key = _key(dice)
    if key.pop("said to be base64", False):
        metadata["partitionKeyB64Encoded"] = True
    ordering_key = dice.choice((None, None, dice.randbytes(dice.randrange(9))))
    return raw(_value(dice, large=large), ordering_key=ordering_key, metadata=metadata, **fields, **key)


def _time(dice: random.Random) -> int | None:
    return dice.choice(_TIMES) if dice.random() < 0.7 else dice.getrandbits(64) - 2**63


def _text(dice: random.Random) -> str:
    text = dice.choice(_TEXTS)
    sign = dice.choice((dice.randrange(1, 0xD800), dice.randrange(0xE000, 0x110000)))
    return text if dice.random() < 0.7 else text + chr(sign)


def _properties(dice: random.Random) -> dict[str, str]:
    found = {_text(dice): SECRET + _text(dice) for _ in range(dice.randrange(4))}
    if dice.random() < 0.7:
        found |= {**_ENVELOPE, "ce_id": f"e-{dice.getrandbits(64):x}", "ce_aggregateid": f"o-{dice.randrange(20)}"}
    for name in dice.sample(_CE, dice.choice((0, 0, 1, 2, 5))):
        found[name] = dice.choice((_text(dice), SECRET, dice.choice(_CONTENT_TYPES), "2024-05-01T09:00:00Z", "1.0"))
    return found


def _key(dice: random.Random) -> dict[str, Any]:
    kind = dice.choice(("none", "text", "text", "bytes", "said to be base64"))
    if kind == "none":
        return {}
    if kind == "bytes":
        return {"key_bytes": dice.randbytes(dice.choice((0, 1, 4, 200)))}
    return {"key": _text(dice), kind: True} if kind == "said to be base64" else {"key": _text(dice)}


def _schema_version(dice: random.Random) -> bytes | None:
    kind = dice.choice(("none", "none", "none", "none", "number", "bytes"))
    if kind == "none":
        return None
    return struct.pack(">q", dice.choice((0, 1, 7, -1))) if kind == "number" else dice.randbytes(dice.choice((1, 8)))


def _value(dice: random.Random, *, large: bool) -> bytes | None:
    filler = "x" * dice.randrange(CHUNK, 3 * CHUNK) if large else ""
    document = f'{{"specversion":"1.0","id":"{dice.getrandbits(30)}","source":"{SECRET}","type":"T","data":["{filler}"'
    values = (
        f'{{"n":{dice.getrandbits(70)},"s":"{SECRET}{filler}"}}'.encode(),
        SECRET.encode() + dice.randbytes(dice.randrange(300)) + filler.encode(),
        (document + dice.choice(("]}", ""))).encode(),
        b"[" * 2_000 + SECRET.encode() + filler.encode(),
        (SECRET + _text(dice) + filler).encode(),
        filler.encode(),
        None,
    )
    return dice.choice(values)
