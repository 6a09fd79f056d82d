"""What a publisher's sequence numbers count, and where they leave some out.

CloudEvents lets a publisher count per *source*, with one counter over all of its aggregates, or per aggregate. The data tell:
from one event of a source to the next one in the partition, if that is of another aggregate, the number of one counter rises,
and numbers of counters of their own fall as often as they rise. A number without a source (a mapping's ``version``) is always
the aggregate's.
"""

from collections.abc import Mapping
from functools import lru_cache
from zlib import crc32

import msgspec

MOST_SOURCES = 64
"""Sources of a partition whose counters are judged. Later ones are taken to count per aggregate, as where each aggregate is a
source of its own."""
MOST_IN_A_STREAM = 4
"""Sources whose last number is kept of a stream; the one that was silent for longest gives way."""
LEAST_RISES, TIMES_AS_OFTEN, REMEMBERED = 2, 4, 1_000
"""One counter has risen at least twice, and more than four times as often as it fell. Of about the last thousand times."""
LONGEST_NUMBER = 18
"""Digits: the largest count that fits 64 bits with certainty."""


class Counter(msgspec.Struct, array_like=True):
    """A source's numbers in a partition: the last one, its stream, and how often they rose or fell to another stream.

    ``consecutive``: whether two neighbours of one stream ever were.
    """

    last: int = 0
    stream: int = 0
    rises: int = 0
    falls: int = 0
    consecutive: bool = False

    @property
    def tells_nothing(self) -> bool:
        """Whether nothing shows yet what the source counts."""
        return not (self.rises or self.falls or self.consecutive)

    @property
    def of_source(self) -> bool:
        """Whether the source has one counter over all of its aggregates, as far as is known."""
        return self.rises >= LEAST_RISES and self.rises > TIMES_AS_OFTEN * self.falls

    def add(self, stream: int, number: int) -> None:
        """Take the source's next event."""
        if self.stream and stream != self.stream:
            if number > self.last:
                self.rises += 1
            else:
                self.falls += 1
            if self.rises + self.falls > REMEMBERED:
                self.rises, self.falls = self.rises // 2, self.falls // 2
        elif self.stream and number == self.last + 1:
            self.consecutive = True
        self.last, self.stream = number, stream


Counters = dict[str, Counter]
"""By the key of a source."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Counters).decode


def kept(counters: Counters) -> str:
    """Return the counters as ``IndexedPartition.counters`` holds them."""
    return _encode(counters).decode() if counters else ""


def counters_in(text: str) -> Counters:
    return _decode(text) if text else {}


@lru_cache(maxsize=4_096)
def source_key(source: str) -> str:
    """Return eight digits that stand for a source; empty for none."""
    return f"{crc32(source.encode('utf-8', 'surrogatepass')):08x}" if source else ""


def number_in(sequence: str) -> int | None:
    """Return the whole number that a sequence is; ``None`` for any other text, which is not judged."""
    return int(sequence) if sequence.isascii() and sequence.isdigit() and len(sequence) <= LONGEST_NUMBER else None


def last_numbers(text: str) -> dict[str, str]:
    """By the key of a source, the last number of a stream: of ``StreamRow.last_sequence``, ``8`` or ``8:1a2b3c4d 3:5e6f7081``.

    The source that spoke last is the last one.
    """
    return {key: number for number, _, key in (part.partition(":") for part in text.split())}


def with_number(numbers: Mapping[str, str], source: str, number: str) -> str:
    """Return the text for these numbers, with a new last one of this source."""
    others = [(key, last) for key, last in numbers.items() if key != source]
    newest = [*others, (source, number)][-MOST_IN_A_STREAM:]
    return " ".join(f"{last}:{key}" if key else last for key, last in newest)


def counter_of(counters: Counters, source: str) -> Counter | None:
    """Return the counter of this source's key; ``None`` if it is not judged."""
    if not source:
        return None
    if source not in counters and len(counters) < MOST_SOURCES:
        counters[source] = Counter()
    return counters.get(source)
