"""What people do in a walk: every form that posts is sent, empty, wrong, and as its page means it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus

from django.test import Client
from django.urls import Resolver404, URLPattern, resolve

from tests.web.walk.pages import ROUTES, Answer, addresses, asked

FILLED: Mapping[str, str] = {"reason": "SUP-8812: a letter was lost", "ticket": "SUP-8812"}
"""What a person types into fields of these names."""
WRONG: Mapping[str, str] = {"digest": "0" * 64, "since": "-1", "seen": "x", "filter": "((", "position": "nonsense"}
NOT_POSTED = {"login", "logout"}
"""Routes whose forms would end the walk's own session."""
OFTEN = 2
WITHOUT_FORMS = {
    "healthz",
    "readyz",
    "metrics",
    "robots",
    "overview",
    "anomalies",
    "anomalies_of_kind",
    "indexing",
    "topics",
    "topic",
} | {
    "topic_details",
    "tails",
    "tail",
    "search",
    "aggregates",
    "aggregate_type",
    "aggregate",
    "event",
    "event_payload",
    "demo_app",
}
"""Pages that are asked by ``pages.crawled`` already, and on which nothing can be done."""


def has_forms(route: URLPattern) -> bool:
    return route.name not in WITHOUT_FORMS


def posted(client: Client, answers: Iterable[Answer]) -> Iterator[Answer]:
    """The answers to every form of these pages, and to an empty form at every route that takes nothing but forms."""
    yield from _empty(client)
    times = Counter[str]()
    for answer in answers:
        for method, action, fields in answer.found.forms:
            route = _route(action) if method == "post" else ""
            if not route or route in NOT_POSTED or times[route] >= OFTEN:
                continue
            times[route] += 1
            given = {name: text for name, text in fields.items() if name != "csrfmiddlewaretoken"}
            yield asked(client, action, "post", data={name: WRONG.get(name, text) for name, text in given.items()})
            done = asked(client, action, "post", data={**given, **{name: FILLED[name] for name in FILLED if name in given}})
            yield done
            if done.location:
                yield asked(client, done.location)


def _empty(client: Client) -> Iterator[Answer]:
    for address in (addresses(route)[0] for route in ROUTES if route.name not in NOT_POSTED):
        if asked(client, address, "head").status == HTTPStatus.METHOD_NOT_ALLOWED:
            yield asked(client, address, "post", data={})


def _route(action: str) -> str:
    try:
        return resolve(action.partition("?")[0]).url_name or ""
    except Resolver404:
        return ""
