"""A generation beside the present one: how far both are, what their read models tell, and what can be done to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse

from dashboard.access import policy
from dashboard.auditing.acts import Act, acts, resource_filter
from dashboard.gateway import desk
from dashboard.letters.confirming import Answer, Planned, again, carried_out, context_of, planned
from dashboard.models import State
from dashboard.web.pages import page, person_of, problem, render
from dashboard.web.problems import Problem
from eventstore.actions import PlannedAction
from eventstore.model import EventStoreError, StoreUnreachable
from eventstore.projections import Projection
from eventstore.replays import (
    DISCARD_GENERATION,
    PROMOTE_GENERATION,
    Compared,
    Doubt,
    GenerationAim,
    GenerationRefused,
    doubts_of,
    generation_resource,
)

DOUBTS: Mapping[Doubt, str] = {
    Doubt.BEHIND: "It is behind: more events wait for it than for the present generation. Readers would see an older state.",
    Doubt.UNKNOWN: "It is not known how far it is: the index does not know all partitions yet.",
    Doubt.NOBODY: "No consumer of it is connected: its read model is not built any further.",
}
PROMOTED = "{} is promoted. Now change the service and the configuration as listed below."
DISCARDED = "The generation {} was discarded: its subscription is deleted."
MOST_PROMOTIONS = 50
"""The newest of the projection's first topic are looked through."""
TWICE = "This was done already: the button was pressed twice."


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """The page's projection and generation."""

    projection: Projection
    name: str
    aim: GenerationAim

    @property
    def url(self) -> str:
        return reverse("generation", args=[self.projection.name, self.name])


@dataclass(frozen=True, kw_only=True, slots=True)
class Possible:
    """An act that can be previewed on the page: its plan, or why there is none. ``said``: what came of a try."""

    planned: Planned[Any, Any] | None
    why: str = ""
    said: Answer = field(default_factory=Answer)

    @property
    def form(self) -> Mapping[str, Any]:
        return context_of(self.planned, self.said) if self.planned else {}


@page("browse")
def show(request: HttpRequest, name: str, generation: str) -> HttpResponse:
    return _shown(request, _wanted(name, generation))


@page(PROMOTE_GENERATION.name, methods=("POST",))
def promote(request: HttpRequest, name: str, generation: str) -> HttpResponse:
    """Promote as previewed, if the confirmation is of what would happen now."""
    wanted = _wanted(name, generation)
    return _carried_out(request, wanted, PROMOTE_GENERATION, wanted.url, PROMOTED)


@page(DISCARD_GENERATION.name, methods=("POST",))
def discard(request: HttpRequest, name: str, generation: str) -> HttpResponse:
    """Discard as previewed, if the confirmation is of what would happen now."""
    wanted = _wanted(name, generation)
    return _carried_out(request, wanted, DISCARD_GENERATION, reverse("projection", args=[wanted.projection.name]), DISCARDED)


def _carried_out(
    request: HttpRequest,
    wanted: Wanted,
    action: PlannedAction[GenerationAim, Any],
    then: str,
    words: str,
) -> HttpResponse:
    try:
        one = planned(action, generation_resource(wanted.aim, wanted.name), wanted.aim)
    except GenerationRefused as refused:
        messages.error(request, str(refused))
        return _shown(request, wanted, status=409)
    done = carried_out(request, one)
    if isinstance(done, Answer):
        return _shown(request, wanted, tried=Possible(planned=again(one), said=done), status=done.status)
    if isinstance(done, Act):
        messages.info(request, TWICE)
    else:
        messages.success(request, words.format(wanted.name))
    return HttpResponseRedirect(then)


def _wanted(name: str, generation: str) -> Wanted:
    projection = desk().projections.get(name)
    return Wanted(projection=projection, name=generation, aim=desk().generations.aim(projection))


def _shown(request: HttpRequest, wanted: Wanted, *, tried: Possible | None = None, status: int = 200) -> HttpResponse:
    projection, name = wanted.projection, wanted.name
    found = desk().generations.compare(projection, name) if wanted.aim.is_generation(name) else None
    if found is None or not found.other.subscriptions:
        text = f"{projection.name} has no generation {name}. It may have been discarded."
        return problem(request, Problem(status=404, title="No such generation", text=text))
    context = {
        "projection": projection,
        "name": name,
        "found": found,
        "generations": [found.present, found.other],
        "subscription_line": f'subscription = "{name}"',
        "is_present": name == projection.subscription,
        "promote": _possible(request, wanted, PROMOTE_GENERATION, tried),
        "discard": _possible(request, wanted, DISCARD_GENERATION, tried),
        "doubts": _doubts(found),
        "promoted": _promoted(wanted),
        "reads_record": policy.allows(person_of(request), "read_audit"),
    }
    return render(request, "generations/show.html", context, status=status)


def _possible(
    request: HttpRequest, wanted: Wanted, action: PlannedAction[GenerationAim, Any], tried: Possible | None
) -> Possible | None:
    """``None`` for a person who may not, and for the present generation."""
    if wanted.name == wanted.projection.subscription or not policy.allows(person_of(request), action.name):
        return None
    if tried is not None and tried.planned is not None and tried.planned.action.name == action.name:
        return tried
    try:
        return Possible(planned=planned(action, generation_resource(wanted.aim, wanted.name), wanted.aim))
    except StoreUnreachable:
        raise
    except EventStoreError as error:
        return Possible(planned=None, why=str(error))


def _doubts(found: Compared) -> Sequence[str]:
    return [DOUBTS[one] for one in doubts_of(found)]


def _promoted(wanted: Wanted) -> Act | None:
    """The newest act that promoted this generation, unless another was promoted since."""
    for act in acts(limit=MOST_PROMOTIONS, action=PROMOTE_GENERATION.name, on=resource_filter(topics=wanted.aim.topics[:1])):
        one = act.resource.subscription
        if act.state == State.DONE and wanted.aim.is_generation(one):
            return act if one == wanted.name else None
    return None


_OF = "projections/<segment:name>/generations/<segment:generation>"
urls = [
    path(f"{_OF}/", show, name="generation"),
    path(f"{_OF}/promotions/", promote, name="generation_promotions"),
    path(f"{_OF}/discards/", discard, name="generation_discards"),
]
