"""What Python's client returns of a message, as a test wants it. Only what the driver asks for."""

from typing import Any


class Id:
    """A message id. ``batch`` is -1 outside a batch."""

    def __init__(self, ledger: int, entry: int, batch: int = -1) -> None:
        self.numbers = ledger, entry, batch

    def ledger_id(self) -> int:
        return self.numbers[0]

    def entry_id(self) -> int:
        return self.numbers[1]

    def batch_index(self) -> int:
        return self.numbers[2]

    def __str__(self) -> str:
        return "({},{},-1,{})".format(*self.numbers)


USUAL = {
    "partition_key": "key",
    "ordering_key": "",
    "properties": {},
    "event_timestamp": 0,
    "data": b"{}",
    "publish_timestamp": 1_714_554_000_000,
    "int_schema_version": -1,
    "schema_version": "",
    "producer_name": "standalone-0-1",
    "has_null_value": False,
    "encryption_context": None,
}


class RawObject:
    """A message as the client holds it. A part is the value that its method returns, or the function to call."""

    def __init__(self, *, id: Id | None = None, **parts: Any) -> None:
        self._id = id or Id(7, 3)
        self._parts = {**USUAL, **parts}

    def message_id(self) -> Id:
        return self._id

    def length(self) -> int:
        return len(self._parts["data"])

    def __getattr__(self, name: str) -> Any:
        part = self._parts[name]
        return part if callable(part) else lambda: part


def _function_of(name: str) -> Any:
    return lambda raw: raw.__getattr__(name)()


for _name in USUAL:  # the client's class has functions, and is asked for them as well
    setattr(RawObject, _name, _function_of(_name))
