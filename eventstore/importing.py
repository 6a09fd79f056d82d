"""Imports a file of CloudEvents JSON, one event per line, plain or gzip, into a topic of either store.

A bad line is set aside with its number and the reason. The rest is imported in the order of the file. At most one batch
of a file is in memory, however long the file or one of its lines is.
"""

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Protocol

from eventstore.actions import STORE, TOPIC, Action, Resource, Undo, register
from eventstore.envelope.cloudevents import PREFIX
from eventstore.envelope.write import document_to_message
from eventstore.model.errors import NOT_THE_MESSAGE, EventStoreError, InvalidMessage, InvalidName, reported
from eventstore.model.events import NewMessage
from eventstore.model.log import Log
from eventstore.model.storage import Storage

MAX_LINE = 16 * 1024 * 1024
"""Bytes of one line. A longer line is rejected and skipped without being kept."""
MAX_REJECTED = 1000
"""Rejected lines that a summary keeps. It counts all of them."""
_BATCH_BYTES = 8 * 1024 * 1024
_CHUNK = 256 * 1024
_GZIP, _BOM = b"\x1f\x8b", b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_ONE_A_LINE = "Write one event a line, for example with: jq -c"
IS_A_LIST = f"The file is a JSON list. {_ONE_A_LINE} '.[]'"
IS_INDENTED = f"The file's JSON takes several lines for an event. {_ONE_A_LINE} ."
IS_NO_GZIP = "The file is called .gz and is not a gzip file: it may have been damaged when it was copied."
IS_UTF_16 = "The file is in UTF-16. Save it as UTF-8."


class BinaryFile(Protocol):
    """What a file must have: a read that returns some bytes, and none at the end."""

    def read(self, size: int = -1, /) -> bytes: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    """A line that contains an event. ``number`` counts the lines of the file from 1."""

    number: int
    id: str
    message: NewMessage


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejected:
    """A line that contains no event, and why. The reason quotes nothing of it."""

    number: int
    reason: str


Line = Accepted | Rejected


@dataclass(kw_only=True, slots=True)
class ImportSummary:
    """How an import went or, while it runs, has gone so far.

    ``lines`` counts the handled lines without blank ones. ``rejected`` has the first thousand of ``rejected_count``
    lines. ``aggregates`` counts the keys of all good lines, whether they were imported or already there.
    """

    lines: int = 0
    imported: int = 0
    already_there: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    rejected_count: int = 0
    aggregates: int = 0
    warnings: list[str] = field(default_factory=list)

    def reject(self, line: Rejected) -> None:
        self.rejected_count += 1
        if len(self.rejected) < MAX_REJECTED:
            self.rejected.append(line)


def parse_lines(file: BinaryFile, *, packed: bool = False) -> Iterator[Line]:
    """Yield every line that is not blank, in order: its message, or why there is none. gzip is recognised by its first bytes.

    If that is cut off or damaged, the last line says so. A single rejected line stands for a JSON list, indented JSON, UTF-16,
    and what is ``packed`` (named as gzip) and neither gzip nor JSON."""
    number = 0
    held: tuple[int, bytes] | None = None
    """The first line, if it begins an object that it does not end: the next line tells if the file is indented."""
    try:
        joined = _Joined(file)
        for number, text in enumerate(_lines(_plain(joined)), start=1):
            line = (text.removeprefix(_BOM) if number == 1 else text).strip() if text is not None else None
            if line == b"":
                continue
            first, held = held, None
            if reason := _no_lines(number, line, first, packed=packed and not joined.is_gzip):
                yield Rejected(number=first[0] if first else number, reason=reason)
                return
            if first:
                yield _parse(*first)
            elif number == 1 and line is not None and line[:1] == b"{" and line[-1:] != b"}":
                held = number, line
                continue
            yield _parse(number, line)
        if held:
            yield _parse(*held)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        yield Rejected(number=number + 1, reason="The gzip file is cut off or damaged here: what follows cannot be read.")


def _no_lines(number: int, line: bytes | None, first: tuple[int, bytes] | None, *, packed: bool) -> str:
    """Return why the file does not hold one event a line, as far as its first two lines tell; otherwise empty."""
    if number == 1 and line is not None and line[:2] in _UTF_16:
        return IS_UTF_16
    if packed and number == 1 and (line or b"")[:1] not in (b"{", b"["):
        return IS_NO_GZIP
    if line is None:
        return ""
    if number == 1 and line[:1] == b"[":
        return IS_A_LIST
    return IS_INDENTED if first and line[:1] == b'"' else ""


def import_messages(
    log: Log,
    topic: str,
    lines: Iterable[Line],
    *,
    batch: int = 500,
    on_progress: Callable[[ImportSummary], None] | None = None,
) -> ImportSummary:
    """Append the good lines to this existing topic, in order. ``on_progress`` gets the summary after each batch.

    A store with ``detects_known_ids`` skips events whose id is in the topic or came earlier in the file. Errors of the
    store are passed on. By then, what the last progress report counted is in the topic, and perhaps a part of the next
    batch.
    """
    summary = ImportSummary()
    knows = log.capabilities.detects_known_ids
    if not knows and any(ends.last for ends in log.ends(topic)):
        summary.warnings.append(
            "The topic held events before this import, and this store cannot tell whether the file's are among them: "
            "an import that is run twice doubles its events."
        )
    aggregates: set[tuple[str, str]] = set()
    for lines_of_batch in _batches(lines, batch):
        _import_batch(log, topic, lines_of_batch, summary, knows=knows)
        aggregates.update(_aggregate(line) for line in lines_of_batch if isinstance(line, Accepted))
        summary.aggregates = len(aggregates)
        if on_progress:
            on_progress(summary)
    return summary


def _import_batch(log: Log, topic: str, lines: Sequence[Line], summary: ImportSummary, *, knows: bool) -> None:
    good = [line for line in lines if isinstance(line, Accepted)]
    new = _unknown(log, topic, good) if knows else good
    refused = _append(log, topic, new)
    for rejected in sorted(chain((line for line in lines if isinstance(line, Rejected)), refused), key=lambda r: r.number):
        summary.reject(rejected)
    summary.lines += len(lines)
    summary.imported += len(new) - len(refused)
    summary.already_there += len(good) - len(new)


def _append(log: Log, topic: str, lines: Sequence[Accepted]) -> list[Rejected]:
    """Append all lines, or one by one if the store refuses the batch because of one message. Returns the refused lines.

    With these two errors the store says that nothing of the batch was written, so nothing is written twice. Any other
    error may come after a part of the batch was written, and ends the import.
    """
    if not lines:
        return []
    try:
        log.append(topic, [line.message for line in lines])
    except (InvalidMessage, InvalidName) as error:
        if len(lines) == 1:
            return [Rejected(number=lines[0].number, reason=str(error))]
        return [rejected for line in lines for rejected in _append(log, topic, [line])]
    return []


def _unknown(log: Log, topic: str, lines: Sequence[Accepted]) -> list[Accepted]:
    seen = set(log.known_ids(topic, [line.id for line in lines]))
    new: list[Accepted] = []
    for line in lines:
        if line.id not in seen:
            seen.add(line.id)
            new.append(line)
    return new


def _aggregate(line: Accepted) -> tuple[str, str]:
    return line.message.properties.get(f"{PREFIX}aggregatetype", ""), line.message.key or ""


def _batches(lines: Iterable[Line], size: int) -> Iterator[list[Line]]:
    """Group the lines: at most ``size`` lines and not much more than 8 MB in each group."""
    group: list[Line] = []
    held = 0
    for line in lines:
        group.append(line)
        held += len(line.message.payload) if isinstance(line, Accepted) else 0
        if len(group) >= size or held >= _BATCH_BYTES:
            yield group
            group, held = [], 0
    if group:
        yield group


def _parse(number: int, text: bytes | None) -> Line:
    if text is None:
        return Rejected(number=number, reason=f"The line is longer than {MAX_LINE // 1024 // 1024} MB.")
    try:
        message = document_to_message(text)
    except InvalidMessage as error:
        return Rejected(number=number, reason=str(error))
    except NOT_THE_MESSAGE:
        raise
    except Exception as error:  # noqa: BLE001 -- whatever one line does to its reader, the others are imported
        words = reported(error, f"line {number}")
        return Rejected(number=number, reason=f"Eventdesk cannot handle something in it ({words}).")
    return Accepted(number=number, id=message.properties[f"{PREFIX}id"], message=message)


class _Joined:
    """A file whose first two bytes were already read: they tell if it is gzip."""

    def __init__(self, file: BinaryFile) -> None:
        self.head, self.file = b"", file
        while len(self.head) < len(_GZIP) and (more := file.read(len(_GZIP) - len(self.head))):
            self.head += more
        self.is_gzip = self.head == _GZIP

    def read(self, size: int = -1, /) -> bytes:
        if self.head and size >= 0:
            head, self.head = self.head[:size], self.head[size:]
            return head
        head, self.head = self.head, b""
        return head + self.file.read(size)


def _plain(joined: _Joined) -> Iterator[bytes]:
    """Yield the file's bytes in pieces, unpacked if they are gzip."""
    if not joined.is_gzip:
        yield from iter(lambda: joined.read(_CHUNK), b"")
        return
    with gzip.GzipFile(fileobj=joined, mode="rb") as unpacked:  # type: ignore[call-overload]
        yield from iter(lambda: unpacked.read1(_CHUNK), b"")  # read would lose what comes before a damaged part


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes | None]:
    """Yield the lines that these pieces contain, without their ends; ``None`` for a line that is too long to keep."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        *ends, rest = piece.split(b"\n")
        for end in ends:
            yield b"".join((*held, end)) if size + len(end) <= MAX_LINE else None
            held, size = [], 0
        size += len(rest)
        if size > MAX_LINE:
            held = []
        elif rest:
            held.append(rest)
    if size:
        yield b"".join(held) if size <= MAX_LINE else None


def _shown(storage: Storage, resource: Resource, details: Mapping[str, Any]) -> Mapping[str, Any]:
    """Where the topics end now that were written to."""
    topics = [resource.topic] if resource.topic else [str(name) for name in details.get("topics", ())]
    shown = {name: _ends_shown(storage.log, name) for name in topics}
    return shown[resource.topic] if resource.topic else shown


def _ends_shown(log: Log, topic: str) -> Mapping[str, Any]:
    try:
        ends = log.ends(log.topic(topic).name)
    except EventStoreError as error:
        return {"topic": str(error)}
    return {"last": {str(end.partition): end.last.label if end.last else "empty" for end in ends}}


PUBLISH = register(
    Action(
        name="publish",
        acts_on=frozenset({TOPIC, STORE}),
        title="Publish",
        doing="is being written to",
        undo=Undo(possible=False, how="Published events stay: a store only ever adds."),
        exclusive=False,  # a topic takes several writers
        shows=_shown,
    )
)
