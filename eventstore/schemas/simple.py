"""Decode Pulsar's primitive schemas: one number, boolean or time, big-endian, as its Java client writes them."""

import struct
from collections.abc import Callable, Mapping
from typing import Any

from eventstore.schemas.decode_budget import DecodeError, Read
from eventstore.schemas.logical import date_text, instant_text, number_as_json, single_as_json, time_text


def _packed(form: str, shown: Callable[..., Any]) -> Read:
    layout = struct.Struct(form)

    def read(data: bytes) -> Any:
        if len(data) != layout.size:
            raise DecodeError(f"it has another length than {layout.size} byte{'s' if layout.size > 1 else ''}")
        return shown(*layout.unpack(data))

    return read


def _as_it_is(value: Any) -> Any:
    return value


def _instant(seconds: int, nanoseconds: int) -> Any:
    return instant_text(seconds * 1_000_000_000 + nanoseconds, 9, "Z")


def _local_date_time(days: int, nanoseconds: int) -> Any:
    return instant_text(days * 86_400_000_000_000 + nanoseconds, 9, "")


SIMPLE: Mapping[str, Read] = {
    "BOOLEAN": _packed(">?", _as_it_is),
    "INT8": _packed(">b", _as_it_is),
    "INT16": _packed(">h", _as_it_is),
    "INT32": _packed(">i", _as_it_is),
    "INT64": _packed(">q", _as_it_is),
    "FLOAT": _packed(">f", single_as_json),
    "DOUBLE": _packed(">d", number_as_json),
    "DATE": _packed(">q", lambda number: instant_text(number, 3, "Z")),
    "TIME": _packed(">q", lambda number: time_text(number, 3)),
    "TIMESTAMP": _packed(">q", lambda number: instant_text(number, 3, "Z")),
    "INSTANT": _packed(">qi", _instant),
    "LOCAL_DATE": _packed(">q", date_text),
    "LOCAL_TIME": _packed(">q", lambda number: time_text(number, 9)),
    "LOCAL_DATE_TIME": _packed(">qq", _local_date_time),
}
"""The decoder of each, by the registry's name for it."""
