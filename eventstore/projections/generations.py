"""The names of a projection's generations: ``app-timeline`` is the first, ``app-timeline-v2`` the second."""

import re
from collections.abc import Iterable

_NUMBERED = re.compile(r"(.+)-v([1-9]\d{0,5})", re.DOTALL)


def split(subscription: str) -> tuple[str, int]:
    """The name without its number, and the number: ``("timeline", 3)`` for ``timeline-v3``, 1 for a name without one."""
    match = _NUMBERED.fullmatch(subscription)
    return (match[1], int(match[2])) if match else (subscription, 1)


def generation_of(subscription: str, name: str) -> int | None:
    """The number of the generation that is read by ``name``, of the projection with this subscription; ``None`` if it is none
    of its generations."""
    base, number = split(name)
    return number if base == split(subscription)[0] else None


def subscription_of(subscription: str, number: int) -> str:
    """The name by which the generation with this number reads, of the projection with this subscription."""
    return f"{split(subscription)[0]}-v{number}"


def next_generation(subscription: str, names: Iterable[str]) -> str:
    """The name of a new generation: above the present one's number, and above those among these subscriptions' names."""
    numbers = [number for name in (subscription, *names) if (number := generation_of(subscription, name)) is not None]
    return subscription_of(subscription, max(numbers) + 1)
