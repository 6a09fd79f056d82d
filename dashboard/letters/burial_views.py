"""Burying dead letters: a preview of those that were chosen, its confirmation with a reason, and the act."""

from collections.abc import Iterator, Sequence
from itertools import islice

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path

from dashboard.auditing.acts import Act
from dashboard.gateway import desk, sight
from dashboard.letters.asked import Asked, as_posted, asked_for, chosen_in, letters_url, posted_in
from dashboard.letters.confirming import Answer, Planned, again, carried_out, context_of, planned
from dashboard.letters.lines import letter_lines
from dashboard.rendering.text import format_number, short_topic
from dashboard.web import filter_form
from dashboard.web.pages import page, problem, profile_of, render
from dashboard.web.problems import Problem
from eventstore.actions import subscription_resource
from eventstore.letters import BURY_LETTERS, KEEPER, MOST_BURIED, BurialPlan, DeadLetterTopic
from eventstore.model import InvalidPosition, Position, TopicKind

MOST_SEARCHED = 5_000
"""Letters among which those are looked for that match: the oldest ones."""
SHOWN = 20
"""Letters that a preview shows as lines."""

Burial = Planned[Sequence[Position], BurialPlan]


@page(BURY_LETTERS.name)
def new(request: HttpRequest, topic: str, name: str) -> HttpResponse:
    """The preview: nothing is touched."""
    asked = asked_for(request.GET, topic, name)
    if asked.dead is None:
        return _nothing(request)
    if "all" not in request.GET:
        return _preview(request, asked, _planned(asked.dead, chosen_in(request.GET, asked.dead)), Answer())
    entered = filter_form.entered_filter(request, topics=asked.searched)
    if entered.problem:
        return problem(request, Problem(status=entered.status, title="This filter does not work", text=entered.problem))
    others: list[Position] = []
    positions = list(islice(_matching(request, asked, asked.dead, others), MOST_BURIED))
    return _preview(request, asked, _planned(asked.dead, positions), Answer(), others=len(others))


@page(BURY_LETTERS.name, methods=("POST",))
def create(request: HttpRequest, topic: str, name: str) -> HttpResponse:
    """Bury as previewed, if the confirmation is of what would happen now."""
    asked = asked_for(request.POST, topic, name)
    if asked.dead is None:
        return _nothing(request)
    wanted = _planned(asked.dead, _posted(request.POST.get("letters", ""), asked.dead))
    done = carried_out(request, wanted)
    if isinstance(done, Answer):
        return _preview(request, asked, again(wanted), done)
    if isinstance(done, Act):
        messages.info(request, "These letters were buried already: the button was pressed twice.")
    else:
        count = len(done.plan.letters)
        words = f"{format_number(count)} letter{'' if count == 1 else 's'} of {short_topic(asked.dead.topic.name)} buried."
        messages.success(request, words)
    return HttpResponseRedirect(f"{letters_url(asked.topic.name, name)}?{asked.query}".rstrip("?&"))


def _planned(dead: DeadLetterTopic, positions: Sequence[Position]) -> Burial:
    return planned(BURY_LETTERS, subscription_resource(dead.topic.name, KEEPER), _seen(dead, positions))


def _seen(dead: DeadLetterTopic, positions: Sequence[Position]) -> Sequence[Position]:
    """Those whose letters are in the person's scope: others are as places without a letter."""
    within = sight()
    if within is None or within.every_type:
        return positions
    return [letter.position for letter in desk().letters.at(dead, positions)]


def _matching(request: HttpRequest, asked: Asked, dead: DeadLetterTopic, others: list[Position]) -> Iterator[Position]:
    """Yield the letters of this subscription that match, and add those of others to ``others``."""
    filter = filter_form.entered_filter(request, topics=asked.searched).filter
    retry = [one.topic.name for one in asked.topics if one.topic.kind is TopicKind.RETRY]
    for letters in desk().letters.pieces(dead, filter=filter, most=MOST_SEARCHED):
        for letter in letters:
            if letter.is_of(asked.topic.name, asked.name, retry):
                yield letter.position
            else:
                others.append(letter.position)


def _posted(text: str, dead: DeadLetterTopic) -> Sequence[Position]:
    if text.count(" ") >= MOST_BURIED:
        raise InvalidPosition(f"At most {MOST_BURIED:,} letters are buried at once. Choose fewer.")
    return posted_in(text, dead)


def _preview(request: HttpRequest, asked: Asked, wanted: Burial, said: Answer, *, others: int = 0) -> HttpResponse:
    dead, plan = asked.dead, wanted.plan
    assert dead is not None
    shown = desk().letters.at(dead, [letter.position for letter in plan.letters[:SHOWN]])
    along = sum(letter.came_along > 0 for letter in shown)
    context = {
        **context_of(wanted, said),
        "asked": asked,
        "topic": asked.topic,
        "name": asked.name,
        "dead": dead,
        "keeper": KEEPER,
        "lines": letter_lines(shown, asked.topic.name, asked.name, profile_of(request)),
        "along": along,
        "others": others,
        "more": max(0, len(plan.letters) - len(shown)),
        "letters": as_posted(wanted.aim),
        "most": len(wanted.aim) >= MOST_BURIED,
        "searched": MOST_SEARCHED if "all" in request.GET and dead.waits > MOST_SEARCHED else 0,
    }
    return render(request, "letters/bury.html", context, status=said.status)


def _nothing(request: HttpRequest) -> HttpResponse:
    text = "The subscription has no dead-letter topic, so there is no letter to bury."
    return problem(request, Problem(status=404, title="No dead letters", text=text))


urls = [
    path("topics/<segment:topic>/subscriptions/<segment:name>/dead-letters/burials/new/", new, name="burial_new"),
    path("topics/<segment:topic>/subscriptions/<segment:name>/dead-letters/burials/", create, name="burials"),
]
