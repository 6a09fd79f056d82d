"""Two generations side by side: how far each is, and what their read models tell of themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eventstore.model.storage import Storage
from eventstore.replays.generations.looks import GenerationAim, Look, look


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """One value that a read model tells, of the present generation and of the other one; ``None`` where it tells none."""

    name: str
    present: str | None
    other: str | None

    @property
    def same(self) -> bool:
        return self.present == self.other


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """``values``: what the read models tell, in the order of the present one."""

    present: Look
    other: Look
    values: Sequence[Pair] = ()

    @property
    def differing(self) -> int:
        return sum(not pair.same for pair in self.values)

    @property
    def behind(self) -> int | None:
        """How many more events wait for the other one than for the present one; ``None`` if that is not known."""
        if self.present.waiting is None or self.other.waiting is None:
            return None
        return max(0, self.other.waiting - self.present.waiting)


def compared(storage: Storage, aim: GenerationAim, name: str) -> Compared:
    """Look at both, without what their read models tell."""
    return Compared(present=look(storage, aim.topics, aim.present), other=look(storage, aim.topics, name))


def pairs_of(present: Mapping[str, str], other: Mapping[str, str]) -> Sequence[Pair]:
    """What both read models tell, value by value."""
    names = [*present, *(each for each in other if each not in present)]
    return [Pair(name=each, present=present.get(each), other=other.get(each)) for each in names]
