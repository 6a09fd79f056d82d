"""Making ``eventdesk-redrive``, which keeps a topic's dead letters: what it means, and a confirmation with a reason."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path

from dashboard.letters.asked import Asked, asked_for, letters_url
from dashboard.letters.confirming import Answer, Planned, again, carried_out, context_of, planned
from dashboard.rendering.text import short_topic
from dashboard.web.pages import page, problem, render
from dashboard.web.problems import Problem
from eventstore.actions import subscription_resource
from eventstore.letters import KEEP_LETTERS, KEEPER, DeadLetterTopic, KeepPlan

Keeping = Planned[None, KeepPlan]


@page(KEEP_LETTERS.name)
def new(request: HttpRequest, topic: str, name: str) -> HttpResponse:
    """The preview: nothing is made."""
    asked = asked_for(request.GET, topic, name)
    if asked.dead is None:
        return _nothing(request)
    return _preview(request, asked, asked.dead, _planned(asked.dead), Answer())


@page(KEEP_LETTERS.name, methods=("POST",))
def create(request: HttpRequest, topic: str, name: str) -> HttpResponse:
    """Make the subscription, unless it is there already."""
    asked = asked_for(request.POST, topic, name)
    if asked.dead is None:
        return _nothing(request)
    wanted = _planned(asked.dead)
    done = carried_out(request, wanted) if not wanted.plan.made else None
    if isinstance(done, Answer):
        return _preview(request, asked, asked.dead, again(wanted), done)
    if done is None:
        messages.info(request, f"{KEEPER} was there already: nothing was changed.")
    else:
        messages.success(request, f"{KEEPER} keeps the letters of {short_topic(asked.dead.topic.name)} from now on.")
    return HttpResponseRedirect(f"{letters_url(asked.topic.name, name)}?{asked.query}".rstrip("?&"))


def _planned(dead: DeadLetterTopic) -> Keeping:
    return planned(KEEP_LETTERS, subscription_resource(dead.topic.name, KEEPER), None)


def _preview(request: HttpRequest, asked: Asked, dead: DeadLetterTopic, wanted: Keeping, said: Answer) -> HttpResponse:
    context = {
        **context_of(wanted, said),
        "asked": asked,
        "topic": asked.topic,
        "name": asked.name,
        "dead": dead,
        "keeper": KEEPER,
    }
    return render(request, "letters/keep.html", context, status=said.status)


def _nothing(request: HttpRequest) -> HttpResponse:
    text = "The subscription has no dead-letter topic. Its consumers create it with their first dead letter."
    return problem(request, Problem(status=404, title="No dead-letter topic", text=text))


urls = [
    path("topics/<segment:topic>/subscriptions/<segment:name>/dead-letters/keepers/new/", new, name="letter_keeper_new"),
    path("topics/<segment:topic>/subscriptions/<segment:name>/dead-letters/keepers/", create, name="letter_keepers"),
]
