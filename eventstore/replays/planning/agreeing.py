"""Who else has to agree to a replay, and how much one person may replay."""

from collections.abc import Collection, Sequence
from datetime import timedelta

from django.utils import timezone

from eventstore.actions import Actor, Resource
from eventstore.jobs import JobRefused, lookup
from eventstore.replays.order import Way

DAY = timedelta(days=1)
THROTTLED = frozenset({Way.TOPIC, Way.LOCAL})
"""The ways in which the job gives out the events, so that it can be slowed down."""
LONGEST_REASON, LONGEST_TICKET = 500, 60
"""Characters."""


def why_second_person(events: int | None, side_effects: Collection[str], above: int, *, everything: bool) -> Sequence[str]:
    """Why somebody else has to approve it, in sentences; none if nobody has to. ``above``: events from which it is asked.
    ``everything``: whether it takes all events that there are."""
    found = []
    if everything:
        found.append("It replays all events.")
    if events is None:
        found.append("How many events it takes is not known before they are read.")
    elif events > above:
        found.append(f"It takes more than {above:,} events.")
    if side_effects:
        found.append(f"Events of these types have side effects: {', '.join(sorted(side_effects))}.")
    return found


def check_said(reason: str, ticket: str) -> None:
    """Raise ``JobRefused`` for a replay without a reason or a ticket, or with one that is too long for the record."""
    for name, text, longest in (("reason", reason, LONGEST_REASON), ("ticket", ticket, LONGEST_TICKET)):
        if not text.strip():
            raise JobRefused(f"A replay needs a {name}. Give it; if there is no ticket, say so.")
        if len(text) > longest:
            raise JobRefused(f"The {name} has {len(text)} characters. Give at most {longest}.")


def check_throttle(way: Way, throttle: float | None) -> None:
    """Raise ``JobRefused`` for a speed where the store gives out the events as fast as consumers take them."""
    if throttle is not None and way not in THROTTLED:
        raise JobRefused("With this way the consumers read as fast as they can. Leave the speed out.")


def check_limit(actor: Actor, kind: str, resource: Resource, events: int, most: int) -> None:
    """Raise ``JobRefused`` if these events would be more than one person may replay to the projection in 24 hours."""
    before = lookup.asked_for(actor.name, kind=kind, on=resource, since=timezone.now() - DAY)
    if before + events > most:
        raise JobRefused(
            f"One person may replay {most:,} events to this projection in 24 hours. You have asked for {before:,}, and this "
            f"would be {events:,} more. Replay fewer, or ask another person."
        )
