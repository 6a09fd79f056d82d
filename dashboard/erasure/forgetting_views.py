"""Forgetting an aggregate's searchable values: the preview, its confirmation with a ticket and a reason, and the act."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse

from dashboard.auditing.acts import Act
from dashboard.auditing.reasons import required_text
from dashboard.auditing.safeguards import refuse
from dashboard.erasure.views import found_by, head_of
from dashboard.letters.confirming import Answer, Planned, again, carried_out, context_of, planned
from dashboard.privacy import given_id, public_id
from dashboard.rendering.text import format_number
from dashboard.web.pages import actor_of, page, problem, profile_of, render
from dashboard.web.problems import unknown_aggregate
from eventstore.actions import aggregate_resource
from eventstore.config import shell_command
from eventstore.erasure import FORGET_VALUES, LONGEST_TICKET, ForgetPlan, Wish
from eventstore.model import Aggregate

MOST_HERE = 100_000
"""Events of an aggregate whose values are removed while somebody waits for the page. Of more, the command does it."""

Forgetting = Planned[Wish, ForgetPlan]


class TicketForm(forms.Form):
    ticket = required_text(LONGEST_TICKET, "Give the ticket of the request for erasure.")


@page(FORGET_VALUES.name)
def new(request: HttpRequest, type: str, id: str) -> HttpResponse:
    """The preview: nothing is touched."""
    aggregate = _found(request, type, id)
    if aggregate is None:
        return problem(request, unknown_aggregate(type, id, profile_of(request)))
    return _preview(request, aggregate, _planned(aggregate, ""), Answer(), None)


@page(FORGET_VALUES.name, methods=("POST",))
def create(request: HttpRequest, type: str, id: str) -> HttpResponse:
    """Forget as previewed, if the confirmation is of what would happen now."""
    aggregate = _found(request, type, id)
    if aggregate is None:
        return problem(request, unknown_aggregate(type, id, profile_of(request)))
    ticket = TicketForm(request.POST)
    given = ticket.cleaned_data["ticket"] if ticket.is_valid() else ""
    wanted = _planned(aggregate, given)
    if aggregate.events > MOST_HERE:
        return _preview(request, aggregate, wanted, Answer(status=409, notice="This is too large for a page."), ticket)
    if not ticket.is_valid():
        return _preview(request, aggregate, wanted, Answer(status=422), ticket)
    done = carried_out(request, wanted)
    if isinstance(done, Answer):
        return _preview(request, aggregate, again(wanted), done, ticket)
    if isinstance(done, Act):
        messages.info(request, "Its searchable values were forgotten already: the button was pressed twice.")
    else:
        count = int(done.outcome.facts.get("values_removed", 0))
        words = f"{format_number(count)} searchable value{'' if count == 1 else 's'} removed. None comes back."
        messages.success(request, words)
    return HttpResponseRedirect(reverse("erasure", args=[type, public_id(type, aggregate.id)]))


def _found(request: HttpRequest, type: str, id: str) -> Aggregate | None:
    """``NotAllowed``, before the store is asked anything, for whoever may not: a scope without every topic is not enough."""
    actor = actor_of(request)
    refuse(actor, FORGET_VALUES, aggregate_resource(type, given_id(type, id, profile_of(request))))
    return found_by(request, type, id)


def _planned(aggregate: Aggregate, ticket: str) -> Forgetting:
    return planned(FORGET_VALUES, aggregate_resource(aggregate.type, aggregate.id), Wish(ticket=ticket))


def _preview(
    request: HttpRequest, aggregate: Aggregate, wanted: Forgetting, said: Answer, ticket: TicketForm | None
) -> HttpResponse:
    head = head_of(request, aggregate)
    names = ("--type", aggregate.type, "--id", head["public_id"], "--as", "NAME", "--ticket", "…", "--reason", "…")
    context = {
        **head,
        **context_of(wanted, said),
        "ticket": ticket,
        "longest_ticket": LONGEST_TICKET,
        "too_large": aggregate.events > MOST_HERE,
        "most_here": MOST_HERE,
        "command": shell_command("forget_values", *names),
    }
    return render(request, "erasure/forget.html", context, status=said.status)


urls = [
    path("aggregates/<segment:type>/<segment:id>/erasure/forgettings/new/", new, name="forgetting_new"),
    path("aggregates/<segment:type>/<segment:id>/erasure/forgettings/", create, name="forgettings"),
]
