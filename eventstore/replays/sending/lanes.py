"""The publisher of a share. It is opened anew for a topic, or a schema version, that it does not have yet.

Its name is that of the job, so that the store admits one for each partition. Each opening is noted before anything is sent. So
whoever takes the share later opens the same, and waits while this one is open.
"""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from eventstore.copying import NO_SCHEMA, schemas_of
from eventstore.model.copying import Copy, Publisher, Sent
from eventstore.model.storage import Storage, copying_of
from eventstore.replays.order import REPLAY_ID
from eventstore.replays.sending.state import State

MOST_OLDER = 30
"""Schema versions up to which all older ones are registered in the replay topic too, so that their numbers stay the same."""


class Lanes:
    """Belongs to one thread. ``note`` saves the state; it raises if another worker has the share."""

    def __init__(
        self, storage: Storage, *, job: str, target: str, partition: int, state: State, note: Callable[[], None]
    ) -> None:
        self._storage, self._state, self._note = storage, state, note
        self._job, self._target, self._partition = job, target, partition
        self._publisher: Publisher | None = None
        self._open: tuple[str, frozenset[str]] = ("", frozenset())
        self._problems: dict[tuple[str, str], str] = {}

    def open(self, topic: str, versions: frozenset[str]) -> None:
        """Open a publisher for these versions, and those that were noted for the topic before."""
        self.close()
        wanted = self._with_older(topic, versions | set(self._state.versions.get(topic, ())))
        schemas = schemas_of(self._storage, topic, wanted)
        self._publisher = copying_of(self._storage).open_publisher(
            self._target, partitions=[self._partition], mark=(REPLAY_ID, self._job), schemas=schemas
        )
        if self._state.tidy:
            self._state.begin(self._publisher.starts[self._partition])
        self._open = (topic, frozenset(wanted))
        self._state.topic, self._state.versions[topic] = topic, wanted
        self._state.tidy = False
        self._note()

    def note_start(self) -> None:
        """Nothing was on its way when the publisher was opened."""
        assert self._publisher is not None
        self._state.begin(self._publisher.starts[self._partition])
        self._note()

    def send(self, topic: str, copies: Sequence[Copy]) -> Sent:
        """Send these in order. Something else may be on its way only if there is a publisher for them (``has``)."""
        if not self.has(topic, copies):
            self.open(topic, frozenset(copy.message.schema_version for copy in copies))
        assert self._publisher is not None
        return self._publisher.send(copies)

    def has(self, topic: str, copies: Sequence[Copy]) -> bool:
        """Whether the open publisher takes these."""
        known = self._open[1] if self._publisher is not None and self._open[0] == topic else frozenset()
        return all(copy.message.schema_version in known for copy in copies)

    def problem(self, topic: str, version: str) -> str:
        """Return why messages of this schema version cannot be sent, as a sentence; empty if they can."""
        if not version:
            return ""
        key = (topic, version)
        if key not in self._problems:
            registry = self._storage.schemas
            schema = registry.schema(topic, version) if registry is not None else None
            self._problems[key] = copying_of(self._storage).schema_refusal(schema) if schema is not None else NO_SCHEMA
        return self._problems[key]

    def close(self) -> None:
        if self._publisher is not None:
            self._publisher.close()
            self._publisher = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _with_older(self, topic: str, versions: set[str] | frozenset[str]) -> list[str]:
        """Return them in order, with all older ones that the registry still has and that can be sent."""
        newest = max((int(one) for one in versions if one.isdigit()), default=-1)
        older = {str(one) for one in range(newest)} if newest <= MOST_OLDER else set()
        sendable = {one for one in older - versions if not self.problem(topic, one)}
        return sorted(versions | sendable, key=lambda one: (len(one), one))
