"""Exporting dead letters as NDJSON, masked for whoever exports, and on the record."""

from collections.abc import Callable, Iterator, Set
from functools import cache
from typing import Any

import msgspec
from django.http import HttpRequest, HttpResponse
from django.urls import path

from dashboard.access import policy
from dashboard.auditing.looks import CLEAR, MASKED
from dashboard.gateway import desk
from dashboard.letters.action_rules import EXPORT_LETTERS
from dashboard.letters.asked import asked_for
from dashboard.letters.lines import known_names, whose
from dashboard.privacy import AccessProfile, display_value, origin_of
from dashboard.rendering import event_as_json
from dashboard.web import filter_form
from dashboard.web.pages import actor_of, as_file, page, person_of, problem, profile_of
from dashboard.web.problems import Problem
from eventstore.actions import topic_resource
from eventstore.letters import DeadLetterTopic, Letter
from eventstore.model import Pointer
from eventstore.search import Filter

MOST_BYTES = 64_000_000
"""Of one file. It holds the oldest letters, as many as the access table lets the person have. Its last line says so if there
are more."""


@page(EXPORT_LETTERS.name, methods=("POST",))
def create(request: HttpRequest, topic: str, name: str) -> HttpResponse:
    """The letters that the list shows, all of its pages, as a file."""
    asked = asked_for(request.POST, topic, name)
    profile = profile_of(request).standing()  # a file outlives a reveal
    entered = filter_form.read_filter(request.POST.get("filter", ""), profile_of(request), topics=asked.searched)
    if filter_form.noted_if_refused(request, entered).problem:
        return problem(request, Problem(status=entered.status, title="This filter does not work", text=entered.problem))
    if asked.dead is None:
        text = "The subscription has no dead-letter topic, so there is nothing to export."
        return problem(request, Problem(status=404, title="No dead letters", text=text))
    details = {
        "of": f"{asked.topic.name} {name}",
        "values": CLEAR if profile.sees_values else MASKED,
        "filtered": entered.filter is not None,
    }
    actor = actor_of(request)
    most = policy.most_rows(person_of(request), EXPORT_LETTERS.name)
    with desk().actions.perform(actor, EXPORT_LETTERS, topic_resource(asked.dead.topic.name), details) as act:
        lines, whole = _bounded(_lines(asked.dead, asked.every, entered.filter, profile, most))
        act.facts["letters"] = len(lines)
    there = asked.dead.letters if asked.every else asked.dead.waits
    if not whole or there > most:
        left_out = f"There are more letters. This file holds {len(lines):,}, of the oldest."
        lines.append(msgspec.json.encode({"left_out": left_out}))
    answer = HttpResponse(b"".join(line + b"\n" for line in lines), content_type="application/x-ndjson")
    return as_file(answer, "dead-letters.ndjson")


def _lines(dead: DeadLetterTopic, every: bool, filter: Filter | None, profile: AccessProfile, most: int) -> Iterator[bytes]:
    known = cache(known_names)
    for letters in desk().letters.pieces(dead, every=every, filter=filter, most=most):
        for letter in letters:
            yield letter_as_json(letter, profile, known)


def _bounded(lines: Iterator[bytes]) -> tuple[list[bytes], bool]:
    """As many lines as fit into a file, and whether that is all of them."""
    found: list[bytes] = []
    size = 0
    for line in lines:
        size += len(line)
        if found and size > MOST_BYTES:
            return found, False
        found.append(line)
    return found, True


def letter_as_json(letter: Letter, profile: AccessProfile, known: Callable[[], Set[str]] = known_names) -> bytes:
    """One letter as a JSON object: what it says of its original in ``letter``, and the event as a tail's script gets it.

    ``known`` returns the names of topics and subscriptions that exist (``lines.whose``).
    """
    origin = letter.origin
    other = whose(letter, known, profile) if origin.subscription else ""
    masked = [] if isinstance(other, str) else ["subscription"]
    said: dict[str, Any] = {
        "position": letter.position.encode(),
        "dead_lettered": letter.pointer.published,
        "tries": origin.tries,
        "subscription": _text(other) or None if isinstance(other, str) else None,
        "original": _original(letter.original),
        "original_gone": letter.original_is_gone,
        "came_along": letter.came_along,
    }
    if origin.reason:
        of = origin_of(letter.event) if letter.event is not None else None
        shown = display_value(origin.reason, f"properties.{origin.reason_name}", profile, of)
        if isinstance(shown, str):
            said["reason"] = _text(shown)
        else:
            masked.append("reason")
    if masked:
        said["masked"] = masked
    event = msgspec.Raw(event_as_json(letter.event, profile)) if letter.event is not None else None
    return msgspec.json.encode({"letter": said, "event": event, "missing": letter.row.missing.value or None})


def _original(original: Pointer | None) -> dict[str, Any] | None:
    if original is None:
        return None
    return {"id": _text(original.event_id), "position": original.position.encode(), "time": original.time}


def _text(text: str) -> str:
    """The text without halves of surrogate pairs, which UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode()


urls = [
    path("topics/<segment:topic>/subscriptions/<segment:name>/dead-letters/exports/", create, name="letter_exports"),
]
