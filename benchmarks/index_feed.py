"""Feed events from memory into an index of its own, as many as one likes, in steps: a broker's disk would not hold them.

An event's number says all of it, so that feeding goes on where it stopped. ``FEED`` says how many events there are to be in
the end, 25 an aggregate. Each aggregate's are spread over ``FEED_WITHIN`` hundredths of the history: all of it, unless said
otherwise, which is the dearest there is, as none is met again soon. With ``FEED_FOLDER`` the index stays in that folder
(and ``make bench NAME=pages`` reads it there), and ``FEED_STEP`` events are fed in one call at most; call it again for more.

Only the writing is timed, as in ``benchmarks.index``: reading and parsing do not depend on what is there already.
"""

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchmarks.material import FED_AN_AGGREGATE, SEED, START, STEP, TYPES
from benchmarks.running import desk_in_a_folder, desk_that_stays, say, setting

if TYPE_CHECKING:
    from eventstore.model.events import Event

Numbers = NDArray[np.uint64]
Spent = tuple[int, float, float]
"""Events, and the seconds of the clock and of processors in which they were written."""
NOTHING_SPENT: Spent = (0, 0.0, 0.0)
TENTHS = 10
BATCH = 20_000
TOPIC = "public/default/fed"
NOTED = "fed.json"
A_LEDGER, AN_ENTRY = 50_000, 100
PAYLOAD = b"x" * 200
_IDS, _CORRELATIONS, _CAUSATIONS, _AGGREGATES = range(4)
_ODD = np.uint64(0x9E3779B97F4A7C15)


def feed(count: int) -> dict[str, float]:
    """Bring the index to this many events, or ``FEED_STEP`` further, and return the figures.

    ``flatness`` is the rate in the last tenth that was begun, divided by that in the first.
    """
    folder = os.environ.get("FEED_FOLDER", "")
    with ExitStack() as stack:
        where = stack.enter_context(desk_that_stays(Path(folder)) if folder else desk_in_a_folder())
        spent = _fed(where, count, setting("FEED_STEP", count))
        size = on_disk(where)
    done = sum(events for events, *_ in spent.values())
    first, last = spent[min(spent)], spent[max(spent)]
    return {
        "fed": done,
        "bytes_an_event": size / done,
        "feed_first_per_second": first[0] / first[1],
        "feed_last_per_second": last[0] / last[1],
        "flatness": last[0] / last[1] / (first[0] / first[1]),
        "flatness_of_processor": last[0] / last[2] / (first[0] / first[2]),
    }


def events_of(count: int, first: int, end: int, topic: str = TOPIC) -> list["Event"]:
    """Return the events from number ``first`` to ``end``, the latter excluded, of ``count`` in all."""
    from eventstore.model.events import NOTHING, Event, Message, Position
    from eventstore.model.tokens import encode

    numbers = np.arange(first, end, dtype=np.uint64)
    which = aggregates_of(count, numbers)
    ids, correlations, causations = (uuids_of(numbers, what) for what in (_IDS, _CORRELATIONS, _CAUSATIONS))
    published = START + STEP * first
    return [
        Event(
            message=Message(
                position=Position(
                    topic=topic,
                    partition=0,
                    token=encode(5 + number // A_LEDGER, number % A_LEDGER // AN_ENTRY, number % AN_ENTRY + 1),
                ),
                payload=PAYLOAD,
                published=published,
                key=aggregate,
                properties=NOTHING,
            ),
            id=id,
            time=START + STEP * number,
            data=PAYLOAD,
            type=TYPES[number % len(TYPES)],
            aggregate_type="document",
            aggregate_id=aggregate,
            correlation_id=correlation,
            causation_id=causation if number % 2 else "",
        )
        for number, id, correlation, causation, aggregate in zip(
            range(first, end), ids, correlations, causations, uuids_of(which, _AGGREGATES), strict=True
        )
    ]


def aggregates_of(count: int, numbers: Numbers) -> Numbers:
    """Return the number of the aggregate of each event: one of those whose events lie within ``FEED_WITHIN`` from there."""
    ahead = max(1, count * setting("FEED_WITHIN", 100) // 100)
    there = (numbers + _mixed(numbers + np.uint64(SEED << 40)) % np.uint64(ahead)) % np.uint64(count)
    return there // np.uint64(FED_AN_AGGREGATE)


def uuids_of(numbers: Numbers, what: int) -> list[str]:
    """Return a UUID for each number, another for each ``what``: always the same."""
    words = np.empty((len(numbers), 2), dtype="<u8")
    for half in range(2):
        words[:, half] = _mixed(numbers * np.uint64(8) + np.uint64(2 * what + half + (SEED << 50)))
    digits = words.tobytes().hex()
    return [
        f"{digits[at : at + 8]}-{digits[at + 8 : at + 12]}-{digits[at + 12 : at + 16]}-"
        f"{digits[at + 16 : at + 20]}-{digits[at + 20 : at + 32]}"
        for at in range(0, 32 * len(numbers), 32)
    ]


def on_disk(folder: Path) -> int:
    """Return the bytes of the index's files, once its log is written back."""
    from django.db import connections

    with connections["index"].cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return sum(path.stat().st_size for path in folder.glob("index.sqlite3*"))


def _fed(folder: Path, count: int, step: int) -> dict[int, Spent]:
    """Feed, and return by tenth how many events were written in how many seconds."""
    from eventstore.index.writing.partition import Memory, open_partition
    from eventstore.index.writing.writer import write_batch
    from eventstore.model.events import Topic

    partition = open_partition(Topic(name=TOPIC), 0, Memory())
    done = begun = partition.checkpoint.next_ordinal
    spent = _noted(folder, count) if done else {}
    said = spent.get(min(TENTHS - 1, done * TENTHS // count), NOTHING_SPENT)
    for events in _batches(count, done, min(count, done + step)):
        started, busy = time.perf_counter(), time.process_time()
        write_batch(partition, events)
        seconds, worked = time.perf_counter() - started, time.process_time() - busy
        tenth = min(TENTHS - 1, done * TENTHS // count)
        before = spent.get(tenth, NOTHING_SPENT)
        spent[tenth] = before[0] + len(events), before[1] + seconds, before[2] + worked
        done += len(events)
        if done * 100 // count != (done - len(events)) * 100 // count:
            _note(folder, count, spent)
            now, clock, processor = (now - then for now, then in zip(spent[tenth], said, strict=True))
            say(f"fed {done:,} of {count:,}: since then {now / clock:,.0f}/s, {now / processor:,.0f}/s of processors")
            said = spent[tenth] if done * TENTHS // count == tenth else NOTHING_SPENT
    say(f"fed {done - begun:,} in this call")
    _note(folder, count, spent)
    return spent


def _batches(count: int, first: int, end: int) -> Iterator[Sequence["Event"]]:
    size = min(BATCH, max(1, count // TENTHS))
    for start in range(first, end, size):
        yield events_of(count, start, min(end, start + size))


def _noted(folder: Path, count: int) -> dict[int, Spent]:
    """Return what earlier calls have noted of the same feed."""
    found = json.loads((folder / NOTED).read_text())
    if found["count"] != count:
        raise SystemExit(f"{folder} has been fed for {found['count']:,} events in the end, not {count:,}.")
    return {int(tenth): (int(events), clock, processor) for tenth, (events, clock, processor) in found["spent"].items()}


def _note(folder: Path, count: int, spent: dict[int, Spent]) -> None:
    (folder / NOTED).write_text(json.dumps({"count": count, "spent": spent}))


def _mixed(words: Numbers) -> Numbers:
    words = words * _ODD
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        words = (words ^ (words >> np.uint64(shift))) * np.uint64(factor)
    return words ^ (words >> np.uint64(31))
