"""How long a masked value may be revealed, and how long a case stays open."""

from typing import Annotated

from msgspec import Meta, Struct

from eventstore.model.toml_positions import KeyProblem

Minutes = Annotated[int, Meta(ge=1, le=24 * 60)]
Hours = Annotated[int, Meta(ge=1, le=24 * 7)]


class Reveals(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    minutes: Minutes = 15
    """What a reveal lasts if nothing else is chosen."""
    longest: Minutes = 60
    emergency: bool = False
    """Whether people without the right may reveal values in an emergency. The privacy officer is told at once."""
    emergency_minutes: Minutes = 10
    """What such a reveal lasts at most."""
    tell: tuple[Annotated[str, Meta(min_length=3, max_length=254)], ...] = ()
    """Mail addresses that are told of an emergency reveal, besides those of the privacy officers' accounts."""


class Cases(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    hours: Hours = 8
    """What a case lasts if nothing else is chosen."""
    longest: Hours = 24


def checked_reveals(reveals: Reveals) -> Reveals:
    """``KeyProblem`` where the times contradict each other, or an address is none."""
    if reveals.minutes > reveals.longest:
        raise KeyProblem(("reveals", "minutes"), f"expected at most longest, which is {reveals.longest}")
    for number, address in enumerate(reveals.tell):
        if address.count("@") != 1 or not address.isprintable() or " " in address:
            raise KeyProblem(("reveals", "tell", number), "expected a mail address")
    return reveals


def checked_cases(cases: Cases) -> Cases:
    """``KeyProblem`` where the times contradict each other."""
    if cases.hours > cases.longest:
        raise KeyProblem(("cases", "hours"), f"expected at most longest, which is {cases.longest}")
    return cases
