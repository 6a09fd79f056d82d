"""The scope of the person who is named on the command line: what is outside of it is told like what does not exist."""

from collections.abc import Callable

from dashboard.access.actors import scope_of_name
from dashboard.access.command_actions import place
from dashboard.access.policy import COMMAND_LINE
from dashboard.auditing.refusals import note_refusal
from dashboard.gateway import desk
from eventstore.actions import Actor
from eventstore.jobs import UnknownJob
from eventstore.model import NotAllowed, UnknownProjection, UnknownTopic

REPLAY = "replay"


def refuse_outside(name: str, options: dict[str, str]) -> None:
    """Raise ``NotAllowed`` if the projection or the job of these options is not in the scope of the person of this name, whom
    the desk answers now. Without a name, the shell sees everything."""
    if scope_of_name(name).limits_nothing:
        return
    for option, thing, found in (("projection", "projection", _has_projection), ("id", "replay", _has_job)):
        if options.get(option) and not _is_there(found, options[option]):
            note_refusal(Actor(name=name, via=COMMAND_LINE), place(REPLAY), "scope")
            raise NotAllowed(f"There is no such {thing} in the scope of {name}.")


def _is_there(found: Callable[[str], bool], name: str) -> bool:
    try:
        return found(name)
    except (UnknownProjection, UnknownTopic, UnknownJob):
        return False


def _has_projection(name: str) -> bool:
    return bool(desk().projections.topics(desk().projections.get(name)))


def _has_job(id: str) -> bool:
    return bool(desk().jobs.get(id))
