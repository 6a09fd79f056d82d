"""One partition that this process has leased, and what is open of it."""

from dataclasses import dataclass, field
from datetime import datetime

from eventstore.index.writing.writer import CheckpointMoved, Memory, Partition, open_partition
from eventstore.model.events import Topic
from eventstore.model.storage import Edge, Reader, Storage

SHORTEST_PAUSE, LONGEST_PAUSE = 0.02, 0.5
"""Seconds between two looks at a quiet partition: at first, and after some time."""
FIRST_TROUBLE, LONGEST_TROUBLE = 0.2, 5.0
"""Seconds until a partition is opened again after an error: at first, and in the end."""


@dataclass(kw_only=True, slots=True, eq=False)
class OpenPartition:
    """A reader that goes on where the writer's state stands. ``failed``: one of the two has met an error; both are stale."""

    followed: "AssignedPartition"
    writing: Partition
    reader: Reader
    failed: bool = False


@dataclass(kw_only=True, slots=True, eq=False)
class AssignedPartition:
    """A leased partition. Read by one thread at a time (see ``schedule``), written by the writing thread alone.

    ``gone``: it was let go or lost, so that nothing more of it may be written.
    """

    topic: Topic
    number: int
    row: int
    epoch: int
    build: int | None = None
    """Of which build the row is; ``None``: of the live one."""
    opened: OpenPartition | None = None
    pause: float = 0.0
    trouble: float = 0.0
    gone: bool = False
    errors: list[Exception] = field(default_factory=list)
    """The last one, while it is being waited out."""
    published: datetime | None = None
    """When the last event was published that was indexed."""

    def open(self, storage: Storage, memory: Memory) -> OpenPartition:
        """From the checkpoint on; ``CheckpointMoved`` where the lease is no longer this one."""
        writing = open_partition(self.topic, self.number, memory, build=self.build)
        if (writing.id, writing.epoch) != (self.row, self.epoch):
            raise CheckpointMoved("Another indexer has taken this partition over.")
        after = writing.checkpoint.position or Edge.EARLIEST
        reader = storage.open_reader(self.topic.name, self.number, after=after)
        self.opened = OpenPartition(followed=self, writing=writing, reader=reader)
        self.pause = 0.0
        return self.opened

    def close(self) -> None:
        """Let go of the reader."""
        opened, self.opened = self.opened, None
        if opened is not None:
            opened.failed = True
            opened.reader.close()

    def quiet(self) -> float:
        """Nothing came: how long to leave it alone."""
        self.pause = min(max(self.pause * 1.5, SHORTEST_PAUSE), LONGEST_PAUSE)
        return self.pause

    def failed(self, error: Exception | None = None) -> float:
        """An error came: how long to leave it alone."""
        self.trouble = min(max(self.trouble * 2, FIRST_TROUBLE), LONGEST_TROUBLE)
        if error is not None:
            self.errors = [error]
        return self.trouble

    def well(self, published: datetime | None = None) -> None:
        """Something was written, up to an event published then: the next error is a new one."""
        self.trouble, self.published = 0.0, published
        self.errors.clear()

    def __str__(self) -> str:
        return f"{self.topic.name} partition {self.number}"
