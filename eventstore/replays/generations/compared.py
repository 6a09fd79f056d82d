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


def compared(
    storage: Storage,
    aim: GenerationAim,
    name: str,
    *,
    present_values: Mapping[str, str] | None = None,
    other_values: Mapping[str, str] | None = None,
) -> Compared:
    """Look at both. The values are what the status addresses told; without both, none are compared."""
    pairs: list[Pair] = []
    if present_values is not None and other_values is not None:
        names = [*present_values, *(each for each in other_values if each not in present_values)]
        pairs = [Pair(name=each, present=present_values.get(each), other=other_values.get(each)) for each in names]
    return Compared(
        present=look(storage, aim.topics, aim.present),
        other=look(storage, aim.topics, name),
        values=pairs,
    )
