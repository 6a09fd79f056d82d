"""Which letters a redrive takes, and why others are left.

The store acknowledges an entry as a whole, so that the letters of one are taken together or not at all.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from eventstore.copying import BYTES, NO_SCHEMA, BytesKeys
from eventstore.letters import DeadLetterTopic, Letter
from eventstore.letters.entries import entries_of
from eventstore.letters.face import LetterFace
from eventstore.model.events import Position
from eventstore.model.log import Log
from eventstore.model.storage import Storage, copying_of
from eventstore.search import Filter

MOST_LETTERS = 20_000
"""Letters of one redrive: the oldest ones of those that were asked for."""
MOST_SEARCHED = 20_000
"""Letters among which those are looked for that match: the oldest ones. On Pulsar a thousand take about a second."""
MOST_RANGES = 1_500
"""Ranges of letters that a job can keep: what is chosen by a filter may lie scattered."""
MOST_NAMED = 100
"""Letters whose event ids the record names."""
MOST_KEYS = 100
"""Keys of which the store is asked whether they were set as bytes. Each is a request, and publishers hardly ever mix."""
SHARED = "They lie in one entry of the store with letters that were not chosen, and are acknowledged together with these."
HALF_READ = "The index has not read all of their entry yet. Look again in a moment."
FOREIGN = "They name another topic or subscription. Redrive them from the page of that one."
ALONG = "They came along with other letters of the same batch."
MISSING = "The store does not return them."


@dataclass(frozen=True, kw_only=True, slots=True)
class Aim:
    """What is asked for: letters of a subscription's dead-letter topic, and where they are to go.

    ``positions`` are the chosen letters; without any, all that match the ``filter``. ``until`` is the ordinal behind the last
    letter of each partition, as a first plan saw it. ``letters`` is the desk's face, by which they are read.
    """

    letters: LetterFace
    source: str
    name: str
    target: str
    positions: Sequence[Position] = ()
    filter: Filter | None = None
    until: Mapping[int, int] | None = None
    alone: bool = False
    """Leave out what came along with other letters of the same batch."""


def letters_below(dead: DeadLetterTopic, until: Mapping[int, int]) -> DeadLetterTopic:
    """Return the topic as if no letter waited from these ordinals on."""
    waiting = {
        number: replace(there, waiting=there.waiting.below(until.get(number, 0))) for number, there in dead.waiting.items()
    }
    return replace(dead, waiting=waiting)


def asked_for(log: Log, aim: Aim, dead: DeadLetterTopic) -> Iterator[Sequence[Letter]]:
    """Yield the letters that are asked for, in the order of each partition. Those of one entry come together."""
    if aim.positions:
        return _whole_entries(log, _chosen(aim, dead))
    cut = aim.filter is None and dead.waits > MOST_SEARCHED  # then the last entry of each partition may be cut
    return _whole_entries(log, aim.letters.pieces(dead, filter=aim.filter, most=MOST_SEARCHED), to_the_end=not cut)


def _chosen(aim: Aim, dead: DeadLetterTopic) -> Iterator[Sequence[Letter]]:
    positions = sorted(set(aim.positions), key=lambda at: (at.partition, at.token))
    for start in range(0, len(positions), 200):
        letters = aim.letters.at(dead, positions[start : start + 200])
        yield [letter for letter in letters if letter.waits]


def _whole_entries(log: Log, pieces: Iterator[Sequence[Letter]], *, to_the_end: bool = True) -> Iterator[Sequence[Letter]]:
    held: list[Letter] = []
    for piece in pieces:
        held += piece
        last = {letter.position.partition: log.entry(letter.position) for letter in held}
        is_last = [log.entry(letter.position) == last[letter.position.partition] for letter in held]
        yield [letter for letter, waits in zip(held, is_last, strict=True) if not waits]
        held = [letter for letter, waits in zip(held, is_last, strict=True) if waits]
    if to_the_end:
        yield held


@dataclass(kw_only=True, slots=True)
class Choice:
    """What is chosen so far. ``ranges`` hold whole entries alone. ``retry``: the subscription's retry topics."""

    storage: Storage
    aim: Aim
    dead: DeadLetterTopic
    retry: Sequence[str]
    ranges: dict[int, list[tuple[str, str]]] = field(default_factory=dict)
    versions: set[str] = field(default_factory=set)
    aggregates: set[tuple[str, str]] = field(default_factory=set)
    first: list[Letter] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    letters: int = 0
    along: int = 0
    timeless: int = 0
    full: bool = False
    behind: dict[int, int] = field(default_factory=dict)
    """By partition, the ordinal behind the last one chosen: what begins there goes on a range."""
    keys: BytesKeys = field(init=False)
    schemas: dict[str, str] = field(default_factory=dict)
    """Why letters of a schema version cannot be sent; empty if they can."""

    def __post_init__(self) -> None:
        self.keys = BytesKeys(self.storage.log, MOST_KEYS)

    def add(self, letters: Sequence[Letter]) -> None:
        """Add those that can go, of letters in order, until no more fit. The letters of one entry come in one call."""
        log = self.storage.log
        entries: dict[tuple[Position, Position], list[Letter]] = {}
        for letter in letters:
            entries.setdefault(log.entry(letter.position), []).append(letter)
        ordinals = entries_of(log, self.dead, [letter.pointer for letter in letters])
        for together in entries.values():
            problems = [self._refusal(letter) for letter in together]
            there = ordinals[together[0].position]
            if not any(problems) and len(together) == len(there) and self._is_full_with(together):
                self.full = True
                return
            why = HALF_READ if self._is_half_read(together[-1], there) else SHARED if len(together) < len(there) else ""
            if why or any(problems):
                self.left_out.update(problem or why or SHARED for problem in problems)
            else:
                self._take(together)

    def _is_full_with(self, entry: Sequence[Letter]) -> bool:
        """Whether this entry is one too many. The first one never is, however large."""
        goes_on = self.behind.get(entry[0].position.partition) == entry[0].pointer.ordinal
        ranges = sum(map(len, self.ranges.values())) + (not goes_on)
        return self.letters > 0 and (self.letters + _messages(entry) > MOST_LETTERS or ranges > MOST_RANGES)

    def _is_half_read(self, letter: Letter, ordinals: range) -> bool:
        """Whether the entry of this letter, its last one that is known, goes on where the index ends."""
        partition = letter.position.partition
        if ordinals.stop < self.dead.there[partition].partition.next_ordinal:
            return False
        log = self.storage.log
        following = log.read_forward(self.dead.topic.name, partition, after=letter.position, limit=1)
        return any(log.entry(one.position) == log.entry(letter.position) for one in following)

    def _take(self, entry: Sequence[Letter]) -> None:
        """``entry``: all letters of one."""
        partition = entry[0].position.partition
        first, last = (letter.position.message.token for letter in (entry[0], entry[-1]))
        ranges = self.ranges.setdefault(partition, [])
        goes_on = bool(ranges) and self.behind.get(partition) == entry[0].pointer.ordinal
        ranges.append((ranges.pop()[0] if goes_on else first, last))
        self.behind[partition] = entry[-1].pointer.ordinal + 1
        self.letters += _messages(entry)
        for letter in entry:
            self.along += letter.came_along > 0
            self.timeless += letter.original is None or letter.original_is_gone
            self.versions.add(letter.pointer.schema_version)
            self.aggregates.add(letter.aggregate)
        self.first += entry[: max(0, MOST_NAMED - len(self.first))]

    def _refusal(self, letter: Letter) -> str:
        """Why this letter is left out; empty if it goes."""
        if not letter.is_of(self.aim.source, self.aim.name, self.retry):
            return FOREIGN
        if self.aim.alone and letter.came_along:
            return ALONG
        if letter.event is None:
            return MISSING
        message = letter.event.message
        problem = copying_of(self.storage).refusal(message) or self._schema_refusal(letter.pointer.schema_version)
        return problem or (BYTES if self.keys.has(message) else "")

    def _schema_refusal(self, version: str) -> str:
        if version and version not in self.schemas:
            registry = self.storage.schemas
            schema = registry.schema(self.dead.topic.name, version) if registry is not None else None
            self.schemas[version] = copying_of(self.storage).schema_refusal(schema) if schema is not None else NO_SCHEMA
        return self.schemas.get(version, "")


def _messages(entry: Sequence[Letter]) -> int:
    """Return how many letters these are: several events of one message are one."""
    return len({letter.position.message.token for letter in entry})
