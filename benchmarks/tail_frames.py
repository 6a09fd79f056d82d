"""Reads the frames of the desk for many subscribers in one process, each text of events once, since most get the same.

A text is taken for one that was read before only if it is the same in every byte. So each subscriber is checked as if it had
read everything itself, and fifty of them take little of the machine: what they cost is not the desk's.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from msgspec.json import Decoder

MOST_KEPT = 64 * 1024 * 1024
"""Bytes of texts that are remembered."""
SIGNS = 80
"""Bytes at the beginning and at the end of a text by which one like it is found."""
LONGEST_END = 200
"""Bytes in which the end of a frame lies behind its events."""
_ROW = re.compile(r'data-event-id="(\d+)-([\d.]+)"')


@dataclass(frozen=True, slots=True)
class Batch:
    """Events that came together: their numbers, when each was published, and how many did not follow the one before."""

    numbers: npt.NDArray[np.int64]
    published: npt.NDArray[np.float64]
    gaps: int


class Frame(Struct, gc=False):
    """A frame without its events or rows."""

    frame: int
    counts: dict[str, Any]
    mark: str = ""
    """Protocol 1 has none."""


class _Payload(Struct, gc=False):
    n: int
    at: float


class _Event(Struct, gc=False):
    data: _Payload


_frame = Decoder(Frame).decode
_events = Decoder(list[_Event]).decode
_text = Decoder(str).decode


class Once:
    """Reads each text once, as long as it is among those that came last."""

    def __init__(self, read: Callable[[bytes], Batch], most: int = MOST_KEPT) -> None:
        self._read, self._most, self._size = read, most, 0
        self._known: OrderedDict[tuple[int, bytes, bytes], tuple[bytes, Batch]] = OrderedDict()

    def __call__(self, frame: bytes, begin: int, end: int) -> Batch:
        """Read the text that lies there in the frame. It is compared where it lies."""
        key = (end - begin, frame[begin : min(begin + SIGNS, end)], frame[max(begin, end - SIGNS) : end])
        known = self._known.get(key)
        if known is not None and frame.startswith(known[0], begin):
            return known[1]
        text = frame[begin:end]
        made = self._read(text)
        self._forget(key)
        self._known[key] = text, made
        self._size += len(text)
        while self._size > self._most:
            self._forget(next(iter(self._known)))
        return made

    def _forget(self, key: tuple[int, bytes, bytes]) -> None:
        if (known := self._known.pop(key, None)) is not None:
            self._size -= len(known[0])


def batch_of(numbers: Sequence[int], published: Sequence[float]) -> Batch:
    array = np.array(numbers, dtype=np.int64)
    return Batch(array, np.array(published, dtype=np.float64), int(np.count_nonzero(np.diff(array) != 1)))


def _batch_of_events(text: bytes) -> Batch:
    payloads = [event.data for event in _events(b"[%b]" % text)]
    return batch_of([payload.n for payload in payloads], [payload.at for payload in payloads])


def _batch_of_rows(text: bytes) -> Batch:
    rows = _ROW.findall(_text(b'"%b"' % text))
    return batch_of([int(number) for number, _ in rows], [float(published) for _, published in rows])


_batches = {b'"events":[': Once(_batch_of_events), b'"rows":"': Once(_batch_of_rows)}
_CLOSING = {b'"events":[': b"]", b'"rows":"': b'"'}


def frame_of_events(text: bytes) -> tuple[Frame, Batch]:
    """Read a frame that scripts get."""
    return _read(text, b'"events":[')


def frame_of_rows(text: bytes) -> tuple[Frame, Batch]:
    """Read a frame that a page gets."""
    return _read(text, b'"rows":"')


def _read(text: bytes, opening: bytes) -> tuple[Frame, Batch]:
    """No text before the events can look like their opening: within a text, quotation marks are escaped."""
    begin, closing = text.index(opening) + len(opening), _CLOSING[opening]
    end = text.rfind(closing + b',"mark":"', max(begin, len(text) - LONGEST_END))
    if end < 0:  # protocol 1 has no mark
        end = len(text) - len(closing) - 1
    return _frame(text[:begin] + text[end:]), _batches[opening](text, begin, end)
