"""The dead letters of one subscription, oldest first: which wait, why, and where they come from."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path

from dashboard.access import policy
from dashboard.access.role_names import who_may
from dashboard.gateway import desk
from dashboard.letters.action_rules import EXPORT_LETTERS
from dashboard.letters.asked import Asked, asked_for
from dashboard.letters.lines import groups_of, letter_lines
from dashboard.letters.replaying import replays_of
from dashboard.web import filter_form
from dashboard.web.filter_examples import examples_of
from dashboard.web.filter_form import EnteredFilter
from dashboard.web.pages import page, page_token_of, person_of, profile_of, render
from eventstore.letters import BURY_LETTERS, KEEP_LETTERS, KEEPER, DeadLetterTopic, FoundLetters, Letter
from eventstore.model import Page


@page("browse")
def dead_letters(request: HttpRequest, topic: str, name: str) -> HttpResponse:
    asked = asked_for(request.GET, topic, name)
    entered = filter_form.entered_filter(request, topics=asked.searched)
    context: dict[str, Any] = {"asked": asked, "topic": asked.topic, "name": name, "filter": entered, "keeper": KEEPER}
    if asked.dead is None:
        return render(request, "letters/index.html", {**context, "examples": examples_of(())})
    letters, found = _letters(request, asked, asked.dead, entered)
    profile = profile_of(request)
    lines = letter_lines(letters.items, asked.topic.name, name, profile)
    context |= {
        "dead": asked.dead,
        "page": letters,
        "found": found,
        "lines": lines,
        "examples": examples_of(line.event for line in lines),
        "at_first": page_token_of(request) is None,
        "pager_query": _pager_query(asked, entered),
        "has_tries": any(line.tries is not None for line in lines),
        "has_reasons": any(line.reason for line in lines),
        "along": _along(letters.items),
        "replays": replays_of(person_of(request), asked.topic.name, name),
        **_groups(request, asked, asked.dead),
        **_acts(request, asked),
    }
    return render(request, "letters/index.html", context, status=entered.status)


def _letters(
    request: HttpRequest, asked: Asked, dead: DeadLetterTopic, entered: EnteredFilter
) -> tuple[Page[Letter], FoundLetters | None]:
    """One page. If it is filtered, also what the filter went through; nothing if the filter cannot be used."""
    here, limit, page_token = desk().letters, settings.EVENTDESK.limits.page_size, page_token_of(request)
    if entered.problem:
        return Page(items=()), None
    if entered.filter is None:
        return here.page(dead, every=asked.every, page_token=page_token, limit=limit), None
    found = here.search(dead, entered.filter, every=asked.every, page_token=page_token, limit=limit)
    return Page(items=found.letters, newer=found.newer), found


def _groups(request: HttpRequest, asked: Asked, dead: DeadLetterTopic) -> Mapping[str, Any]:
    """How many letters there are of each kind: on the list's first page alone."""
    if page_token_of(request) is not None or request.GET.get("filter"):
        return {"groups": None}
    return {
        "groups": groups_of(desk().letters.groups(dead, every=asked.every), asked.url, dead.topic.name, profile_of(request))
    }


def _acts(request: HttpRequest, asked: Asked) -> Mapping[str, Any]:
    dead = asked.dead
    keeps = dead is not None and not asked.retried and desk().subscriptions.supported
    buries = keeps and dead is not None and dead.ours is not None and not asked.every
    return {
        "may_keep": keeps and policy.allows(request.user, KEEP_LETTERS.name),
        "may_bury": buries and policy.allows(request.user, BURY_LETTERS.name),
        "may_export": policy.allows(request.user, EXPORT_LETTERS.name),
        "who_may_keep": who_may(KEEP_LETTERS.name),
        "supported": desk().subscriptions.supported,
    }


def _along(letters: Sequence[Letter]) -> bool:
    return any(letter.came_along for letter in letters)


def _pager_query(asked: Asked, entered: EnteredFilter) -> str:
    return asked.query + (urlencode({"filter": entered.text}) + "&" if entered.filter else "")


urls = [
    path("topics/<segment:topic>/subscriptions/<segment:name>/dead-letters/", dead_letters, name="dead_letters"),
]
