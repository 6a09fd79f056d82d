"""One event: its envelope, its payload, its cause, and its effects."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path, reverse

from dashboard.cases import looks
from dashboard.delivery import of_event
from dashboard.gateway import desk
from dashboard.privacy import AccessProfile
from dashboard.rendering import MOST_BYTES, EventLine, build_pointer_line, published_mark
from dashboard.replays import offers
from dashboard.reveals import offers as reveal_offers
from dashboard.reveals.subjects import origin_of_row
from dashboard.web import filter_form, store_health
from dashboard.web.event_detail import detail_of
from dashboard.web.pages import as_file, page, person_of, profile_of, render, wants_fragment
from dashboard.web.template_context import places
from eventstore.model import InvalidPosition, Position, UnknownEvent
from eventstore.streams import Missing, Row


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """The event that an address names, and others with the same id. ``same_id`` are copies of one in derived topics.

    ``former`` are those that lay at its position before its topic was made anew, if the address may mean one of them.
    """

    row: Row
    others: list[EventLine]
    same_id: list[EventLine]
    former: list[tuple[EventLine, datetime | None]]


@page("browse")
def show(request: HttpRequest, id: str) -> HttpResponse:
    match, profile = _find(request, id), profile_of(request)
    whole = request.GET.get("payload") == "all"
    limit = MOST_BYTES if whole else settings.EVENTDESK.limits.payload_preview_bytes
    if not wants_fragment(request):
        looks.note_event(request, profile, origin_of_row(match.row))
    detail = detail_of(match.row, profile, limit)
    context: dict[str, Any] = {"detail": detail, "payload_url": _payload_url(match.row), **_copies(match, profile)}
    context["building_here"] = filter_form.values_building(request, {match.row.position.topic})
    context["reveal_offer"] = reveal_offers.of_event(request, match.row)
    context |= {"former": match.former, **of_event(match.row.pointer, match.row.position.topic)}
    if detail.line.aggregate_id:
        topics = {match.row.position.topic, *(line.topic for line in context.get("originals", ()))}
        context["replays"] = offers.of_event(person_of(request), detail.line.event_id, topics)
    if whole and wants_fragment(request):
        return render(request, "events/_payload.html", context, fragment="events/_payload.html")
    if not detail.line.aggregate_id:
        context["places"] = places(request, under="topics")
    return render(
        request,
        "events/show.html",
        context,
        away=store_health.outage_now() if detail.event is None else store_health.last_known_outage(),
    )


@page("see_payloads")
def payload(request: HttpRequest, id: str) -> HttpResponse:
    """The message's bytes for download, which is recorded. A browser must never render them."""
    row = _find(request, id).row
    if row.event is None:
        raise UnknownEvent("The payload cannot be read now: the store is away, or retention has trimmed it.")
    looks.note_payload(request, origin_of_row(row))
    response = HttpResponse(row.event.message.payload, content_type="application/octet-stream")
    return as_file(response, "payload.bin")


def _find(request: HttpRequest, id: str) -> Match:
    """The event with this id. ``at`` is its position, in case there are several or the index does not know it yet.

    ``published`` tells it from another one that lay there before, or lies there since: see ``event_url``.
    """
    at, published = request.GET.get("at", ""), request.GET.get("published", "")
    pointers, profile = desk().index.with_event_id(id), profile_of(request)
    if at:
        position = Position.decode(at)
    elif pointers:
        position = pointers[0].position
    else:
        position = _position_in(id)
    row = desk().streams.row_at(position)
    gone = [pointer for pointer in pointers if pointer.position == position and pointer.ended_at is not None]
    if not _is_meant(row, id, published):
        rows = desk().streams.rows_of(gone) if gone else []
        row = next((one for one in rows if _is_meant(one, id, published)), row)
    if not _is_meant(row, id, published):
        raise UnknownEvent(
            "Another event is at this position now: its topic may have been made anew since. Search for the id instead."
        )
    elsewhere = [pointer for pointer in pointers if pointer.position != row.position]
    unsure = not published and row.missing is not Missing.ANEW
    return Match(
        row=row,
        others=[build_pointer_line(pointer, profile=profile) for pointer in elsewhere if not pointer.derived],
        same_id=[build_pointer_line(pointer, profile=profile) for pointer in elsewhere if pointer.derived],
        former=[(build_pointer_line(pointer, profile=profile), pointer.ended_at) for pointer in gone] if unsure else [],
    )


def _is_meant(row: Row, id: str, published: str) -> bool:
    """Whether this is the event with this id that was published then (empty: at any time)."""
    if row.event is not None:
        return row.event.id == id and published in ("", published_mark(row.event.message.published))
    pointer = row.pointer
    return pointer is not None and pointer.event_id == id and published in ("", published_mark(pointer.published))


def _copies(match: Match, profile: AccessProfile) -> dict[str, Any]:
    """Other events with this id, the event's copies in derived topics, and the originals if it is a copy itself."""
    pointer = match.row.pointer
    if pointer is None:
        return {"others": match.others, "copies": match.same_id}
    if pointer.derived:
        originals = [build_pointer_line(original, profile=profile) for original in desk().streams.originals_of(pointer)]
        at = {line.position for line in originals}
        others = [line for line in match.others if line.position not in at]
        return {"originals": originals, "original_named": pointer.original, "others": others, "copies": match.same_id}
    copies = [build_pointer_line(copy, profile=profile) for copy in desk().streams.copies_of(pointer)]
    at = {line.position for line in copies}
    return {"others": match.others, "copies": [*copies, *(line for line in match.same_id if line.position not in at)]}


def _position_in(id: str) -> Position:
    """The position that serves as the id of an event that the index does not know."""
    try:
        return Position.decode(id)
    except InvalidPosition:
        raise UnknownEvent(
            "The index knows no event with this id. It may not be indexed yet, or the id may be cut off."
        ) from None


def _id_of(row: Row) -> str:
    if row.event is not None:
        return row.event.id
    return row.pointer.event_id if row.pointer is not None else ""


def _payload_url(row: Row) -> str:
    query = {"at": row.position.encode()}
    if row.event is not None and row.event.id_is_position:
        query["published"] = published_mark(row.event.message.published)
    return f"{reverse('event_payload', args=[_id_of(row)])}?{urlencode(query)}"


urls = [
    path("events/<segment:id>/", show, name="event"),
    path("events/<segment:id>/payload/", payload, name="event_payload"),
]
