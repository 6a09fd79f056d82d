"""Rows as a projection uses them, whose changes are held back until they are written; and rows as readers see them."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from eventstore.local.models import LONGEST_KEY, ValueRow

WRITTEN_AT_ONCE = 500


class HeldRows:
    """``eventstore.local.Rows``. What is put or deleted is seen at once here, and by others after ``write``."""

    def __init__(self, build: int) -> None:
        self._build = build
        self._held: dict[str, str | None] = {}
        self._changed: set[str] = set()

    def get(self, key: str) -> Any:
        if key not in self._held:
            found = ValueRow.objects.filter(build=self._build, key=key).values_list("value", flat=True).first()
            self._held[key] = found
        value = self._held[key]
        return None if value is None else json.loads(value)

    def put(self, key: str, value: Any) -> None:
        self._change(key, json.dumps(value, separators=(",", ":"), allow_nan=False))

    def delete(self, key: str) -> None:
        self._change(key, None)

    def items(self, prefix: str = "") -> Iterator[tuple[str, Any]]:
        rows = ValueRow.objects.filter(build=self._build, key__startswith=prefix).values_list("key", "value")
        there = {key: value for key, value in rows if key.startswith(prefix)}  # SQLite's LIKE does not heed case
        mine = {key: self._held[key] for key in self._changed if key.startswith(prefix)}
        for key, value in sorted({**there, **mine}.items()):
            if value is not None:
                yield key, json.loads(value)

    def write(self) -> None:
        """Write what was changed, within the caller's transaction."""
        changed = {key: self._held[key] for key in sorted(self._changed)}
        gone = [key for key, value in changed.items() if value is None]
        for start in range(0, len(gone), WRITTEN_AT_ONCE):
            ValueRow.objects.filter(build=self._build, key__in=gone[start : start + WRITTEN_AT_ONCE]).delete()
        ValueRow.objects.bulk_create(
            _rows(self._build, changed),
            batch_size=WRITTEN_AT_ONCE,
            update_conflicts=True,
            unique_fields=["build", "key"],
            update_fields=["value"],
        )
        self.forget()

    def forget(self) -> None:
        """Forget what is held and not written."""
        self._held.clear()
        self._changed.clear()

    def _change(self, key: str, value: str | None) -> None:
        if not key or len(key) > LONGEST_KEY or not key.isprintable():
            raise ValueError(f"A row's key has 1 to {LONGEST_KEY} printable characters.")
        self._held[key] = value
        self._changed.add(key)


class LiveRows:
    """The rows that readers see, by the build that is live at each call. Every call sees one build whole; nothing is kept."""

    def __init__(self, projection: str) -> None:
        self._live = ValueRow.objects.filter(build__projection=projection, build__live=True)

    def get(self, key: str) -> Any:
        """Return the value at this key; ``None`` if there is none."""
        found = self._live.filter(key=key).values_list("value", flat=True).first()
        return None if found is None else json.loads(found)

    def items(self, prefix: str = "") -> Iterator[tuple[str, Any]]:
        """Yield keys that begin like this, and their values, in order of key. All are read at the first."""
        for key, value in sorted(self._live.filter(key__startswith=prefix).values_list("key", "value")):
            if key.startswith(prefix):  # SQLite's LIKE does not heed case
                yield key, json.loads(value)


def _rows(build: int, changed: Mapping[str, str | None]) -> list[ValueRow]:
    return [ValueRow(build_id=build, key=key, value=value) for key, value in changed.items() if value is not None]
