"""The page that helps to write masking rules: choose a topic and a type, see its fields, copy rules for them."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import path

from dashboard.gateway import desk
from dashboard.masking.latest import EVENTS, MOST_EVENTS, Latest, latest
from dashboard.masking.lines import field_lines
from dashboard.masking.rules_text import rules_text
from dashboard.web.pages import page, render
from eventstore.model import StoreUnreachable, Topic, TopicKind

LONGEST = 1_024
"""Characters of a type in an address."""
WRONG_NUMBER = f"Give a number of events from 1 to {MOST_EVENTS:,}."


@page("write_rules")
def show(request: HttpRequest) -> HttpResponse:
    """The fields of a type of events in a topic, as far as its last events have them."""
    name, type = request.GET.get("topic", ""), request.GET.get("type", "")[:LONGEST]
    wanted, problem = _number(request.GET.get("last", ""))
    topics, away = _topics()
    context: dict[str, Any] = {"topics": topics, "type": type, "last": wanted, "most": MOST_EVENTS, "problem": problem}
    status = HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK
    if name:
        topic = desk().streams.topic(name)
        context["topic"] = topic
        try:
            if not problem:
                context |= _found(topic, latest(topic, type, wanted))
        except StoreUnreachable as error:
            away = error
    return render(request, "masking/show.html", context, status=HTTPStatus.SERVICE_UNAVAILABLE if away else status, away=away)


def _found(topic: Topic, found: Latest) -> dict[str, Any]:
    lines = field_lines(topic.name, found.wanted, found.fields) if found.wanted else []
    return {
        "found": found,
        "types": found.types.most_common(),
        "lines": lines,
        "personal": sum(line.looks_personal for line in lines),
        "exposed": sum(line.exposed for line in lines),
        "rules": rules_text(topic.name, found.wanted, [line.suggestion for line in lines if line.rule is None]),
    }


def _topics() -> tuple[Sequence[str], StoreUnreachable | None]:
    """The topics that events are published to, and why the store did not tell if the index had to."""
    try:
        return sorted(topic.name for topic in desk().log.topics() if topic.kind is not TopicKind.SYSTEM), None
    except StoreUnreachable as error:
        known = desk().index.topics().values()
        return sorted(topic.topic for topic in known if topic.gone_at is None and topic.kind != TopicKind.SYSTEM), error


def _number(text: str) -> tuple[int, str]:
    """How many events to look at, or a message that says what is wrong with the number."""
    text = text.strip()
    if not text:
        return EVENTS, ""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
    return (number, "") if 1 <= number <= MOST_EVENTS else (EVENTS, WRONG_NUMBER)


urls = [path("masking/", show, name="masking")]
