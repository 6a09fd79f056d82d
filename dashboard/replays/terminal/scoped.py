"""The scope of the person who is named on the command line: what is outside of it is told like what does not exist."""

from collections.abc import Callable, Sequence
from functools import partial

from dashboard.access.command_actions import place
from dashboard.access.policy import COMMAND_LINE, has_resource
from dashboard.access.scopes import EVERYTHING, Scope, scope_of
from dashboard.auditing.refusals import note_refusal
from dashboard.gateway import desk
from dashboard.models import Person
from eventstore.actions import Actor, Resource, topic_resource
from eventstore.jobs import UnknownJob
from eventstore.model import NotAllowed, UnknownProjection
from eventstore.projections import Projection

REPLAY = "replay"


def refuse_outside(name: str, options: dict[str, str]) -> None:
    """Raise ``NotAllowed`` if the projection or the job of these options is not in the scope of the person of this name.
    Without a name, the shell sees everything."""
    scope = scope_of_name(name)
    if scope.limits_nothing:
        return
    for option, thing, touched in (("projection", "projection", _of_projection), ("id", "replay", _of_job)):
        if options.get(option):
            _refuse(name, scope, thing, partial(touched, options[option]))


def scope_of_name(name: str) -> Scope:
    if not name:
        return EVERYTHING
    person = Person.objects.filter(username=name).first()
    if person is None:
        raise NotAllowed(f"There is no person {name!r}.")
    return scope_of(person)


def _refuse(name: str, scope: Scope, thing: str, touched: Callable[[], Sequence[Resource]]) -> None:
    try:
        found = touched()
    except (UnknownProjection, UnknownJob):
        found = ()
    if not found or not all(has_resource(scope, one) for one in found):
        note_refusal(Actor(name=name, via=COMMAND_LINE), place(REPLAY), "scope")
        raise NotAllowed(f"There is no such {thing} in the scope of {name}.")


def _of_projection(name: str) -> Sequence[Resource]:
    found: Projection = desk().projections.get(name)
    return [topic_resource(topic.name) for topic in desk().projections.topics(found)]


def _of_job(id: str) -> Sequence[Resource]:
    return desk().jobs.touched(desk().jobs.get(id))
