"""Entries of older hash versions. What stands here never changes: migrations use it.

Hash version 1 named what was acted on in one text. A migration gave these entries the columns of a resource, so that one
filter finds old and new. Their hash does not cover the columns, but it covers what the columns are made of: verifying makes
them again and compares. The same goes for ``begins``, ``reason`` and ``ticket`` of hash versions 1 and 2.
"""

import json
from collections.abc import Mapping
from typing import Any

RESOURCE_COLUMNS = ("kind", "topic", "subscription", "aggregate_type", "aggregate_id", "name")

_KINDS = {"manage_people": "account", "make_token": "api_token", "revoke_token": "api_token"}


def columns_of_old(*, state: str, action: str, scope: str, details: str) -> dict[str, str]:
    """The resource columns of an old entry. Only *intended* entries say what they acted on; others have none."""
    columns = dict.fromkeys(RESOURCE_COLUMNS, "")
    if state != "intended":
        return columns
    said: Mapping[str, Any] = json.loads(details)
    if action == "reset_cursor" and said.get("topic") and said.get("subscription"):
        return columns | {"kind": "subscription", "topic": _text(said["topic"]), "subscription": _text(said["subscription"])}
    if action == "publish":
        return columns | ({"kind": "store", "name": scope} if said.get("demo") else {"kind": "topic", "topic": scope})
    return columns | {"kind": _KINDS.get(action, ""), "name": scope}


def _text(value: Any) -> str:
    """As a column keeps a name: what no database holds as an escape, and at most 500 characters."""
    text = "".join(rf"\u{ord(c):04x}" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in str(value))
    return text if len(text) <= 500 else text[:499] + "…"


def searched_columns_of_old(*, state: str, details: str) -> dict[str, Any]:
    """What an entry of hash version 1 or 2 gets for the columns that version 3 added."""
    said: Mapping[str, Any] = json.loads(details) if state == "intended" else {}
    words = {name: _text(said[name]) if said.get(name) else "" for name in ("reason", "ticket")}
    return {"begins": state == "intended", **words}
