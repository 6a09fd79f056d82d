"""What a page offers to reveal: links to the form, for those who may and see something masked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from dashboard.access.policy import allows
from dashboard.privacy import MASKED, AccessProfile, Origin, Partial, can_see, display_document, public_id
from dashboard.privacy.by_reason.of_request import profile_of
from dashboard.privacy.by_reason.reveals import EMERGENCY_REVEAL, REVEAL
from dashboard.privacy.documents import REST
from dashboard.reveals.subjects import may_name, origin_of_row
from eventstore.config import spelled
from eventstore.model import Event
from eventstore.streams import Row

REVEAL_FORM, EMERGENCY_FORM = "reveal_new", "emergency_reveal_new"
MOST_FIELDS = 30
LARGEST = 256_000
"""Bytes of a payload in which masked fields are looked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """``fields`` are masked fields whose names are no secret, each with the address of its form. ``emergency``: by somebody
    without the right."""

    url: str
    emergency: bool
    fields: Sequence[tuple[str, str]] = ()


def of_event(request: HttpRequest, row: Row) -> Offer | None:
    """To reveal this event, or one field of it. Nothing where the person sees all of it, or may not reveal."""
    profile, origin = profile_of(request), origin_of_row(row)
    form = _form(request)
    if not form or row.event is None or can_see("data", profile, origin):
        return None
    given = {"event": origin.event_id, "at": row.position.encode(), "back": request.get_full_path()}
    fields = [path for path in _masked_fields(row.event, profile, origin) if may_name(path, origin)]
    return Offer(
        url=f"{reverse(form)}?{urlencode(given)}",
        emergency=form != REVEAL_FORM,
        fields=[(path, f"{reverse(form)}?{urlencode({**given, 'path': path})}") for path in fields[:MOST_FIELDS]],
    )


def of_aggregate(request: HttpRequest, type: str, id: str) -> Offer | None:
    """To reveal everything of this aggregate."""
    form = _form(request)
    if not form or can_see("data", profile_of(request), Origin(aggregate_type=type, aggregate_id=id)):
        return None
    given = {"aggregate_type": type, "aggregate_id": public_id(type, id), "back": request.get_full_path()}
    return Offer(url=f"{reverse(form)}?{urlencode(given)}", emergency=form != REVEAL_FORM)


def _form(request: HttpRequest) -> str:
    """The URL name of the form that this person may use; empty for none."""
    if allows(request.user, REVEAL):
        return REVEAL_FORM
    return EMERGENCY_FORM if allows(request.user, EMERGENCY_REVEAL) else ""


def _masked_fields(event: Event, profile: AccessProfile, origin: Origin) -> Iterator[str]:
    """Fields of the payload that are shown by their names without their values, from the top."""
    if not event.data or len(event.data) > LARGEST:
        return
    try:
        document = msgspec.json.decode(event.data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    yield from _hidden_in(display_document(document, profile, origin), ())


def _hidden_in(shown: Any, parts: tuple[str, ...]) -> Iterator[str]:
    if not isinstance(shown, dict):
        return
    for name, value in shown.items():
        if name == REST:
            continue
        if value is MASKED or isinstance(value, Partial) or value == {REST: MASKED}:
            yield spelled((*parts, name))
        else:
            yield from _hidden_in(value, (*parts, name))
