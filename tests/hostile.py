"""Names and payloads that have broken other consoles, and a few more: what someone may really publish."""

import json
from collections.abc import Mapping

from eventstore.model.events import NewMessage

SCRIPT = "<script>window.hacked=1</script>"
IMAGE = '"><img src=x onerror="window.hacked=1">'

NAMES = (
    "a/b",
    "a%2Fb",
    "..",
    ".",
    "../../etc/passwd",
    "with spaces  and\ttabs".replace("\t", " "),
    "emoji 🩺👩‍⚕️",
    "~",
    "~2F~",
    SCRIPT,
    IMAGE,
    "javascript:window.hacked=1",
    "{{ 7*7 }}{% debug %}",
    "right\u202eto left",
    "quote ' \" ` &amp; \\",
    "?query#fragment;a=b&c",
    "ünïcödé ÿ \U0010ffff",
    "long-" + "x" * 900,
)
"""Used as aggregate ids, keys, event ids, types and subscription names."""

TOPICS = (
    "emoji 🩺👩‍⚕️ and  spaces",
    "right\u202eto left",
    "~2F~ a%2Fb %252F",
    "?query#fragment;a=b&c",
    "quote ' \" ` \\ {{ 7*7 }}",
    SCRIPT,
    IMAGE,
)
"""Used as names of topics. Pulsar's broker refuses the last two, which contain ``<``, ``>`` and ``/``."""

PAYLOADS: Mapping[str, bytes] = {
    "empty": b"",
    "binary": bytes(range(256)) * 8,
    "five megabytes": json.dumps({"text": "x" * 5_000_000}).encode(),
    "deep": b"[" * 10_000 + b"]" * 10_000,
    "deep and open": b'{"a":' * 10_000,
    "invalid json": b'{"open": ',
    "scripts": json.dumps(
        {SCRIPT: IMAGE, "href": "javascript:window.hacked=1", "nul": "\u0000", "bidi": "\u202eabc"}
    ).encode(),
    "closing tags": b'{"a":"</script></pre></textarea><!--"}',
    "numbers": b'{"big": 123456789012345678901234567890, "exact": 1.10, "huge": 1e999, "twice": 1, "twice": 2}',
    "not utf-8": b'{"text": "\xff\xfe"}',
}


def message(name: str, payload: bytes, *, event_id: str = "") -> NewMessage:
    """Return a CloudEvent with this as every one of its names."""
    properties = {
        "ce_specversion": "1.0",
        "ce_id": event_id or name,
        "ce_type": name,
        "ce_source": name,
        "ce_subject": name,
        "ce_aggregatetype": name,
        "ce_aggregateid": name,
        "ce_correlationid": name,
        "ce_causationid": name,
        "position": "not the position",
        "ledgerId": "7",
        name: name,
    }
    return NewMessage(payload=payload, key=name, properties=properties)


def messages() -> list[NewMessage]:
    """Return every name with a small payload, every payload under a plain name, and messages that fit no envelope."""
    named = [message(name, json.dumps({"name": name}).encode()) for name in NAMES]
    loaded = [message("plain", payload, event_id=f"payload {label}") for label, payload in PAYLOADS.items()]
    bare = [
        NewMessage(payload=b"\x00\x01 no envelope", key=SCRIPT, properties={SCRIPT: IMAGE}),
        NewMessage(payload=b"", key=None),
        NewMessage(payload=b"{}", key="k", properties={"ce_id": SCRIPT, "ce_specversion": "9"}),
    ]
    return [*named, *loaded, *bare]
