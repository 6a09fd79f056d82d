"""What a person with an open case looks at is put on the record, with how values were shown."""

from django.http import HttpRequest

from dashboard.access.client_address import client_address
from dashboard.auditing import looks
from dashboard.privacy import AccessProfile, Origin
from dashboard.privacy.by_reason.of_request import open_case_of
from dashboard.privacy.by_reason.reveals import AGGREGATE
from dashboard.privacy.profiles import Revealed, Subject
from dashboard.reveals.subjects import resource_of, subject_of_event
from dashboard.web.pages import person_of


def note_aggregate(request: HttpRequest, profile: AccessProfile, type: str, id: str) -> None:
    """An aggregate's page was shown."""
    of = Origin(aggregate_type=type, aggregate_id=id)
    _note(request, profile, of, Subject(kind=AGGREGATE, aggregate_type=type, aggregate_id=id))


def note_payload(request: HttpRequest, of: Origin) -> None:
    """An event's payload is about to be downloaded, with an open case or without."""
    looks.note_payload(person_of(request).username, resource_of(subject_of_event(of)), client_address(request))


def note_event(request: HttpRequest, profile: AccessProfile, of: Origin) -> None:
    """An event was shown with all that it says."""
    _note(request, profile, of, subject_of_event(of))


def _note(request: HttpRequest, profile: AccessProfile, of: Origin, subject: Subject) -> None:
    if request.method == "GET" and open_case_of(request) is not None:
        looks.note_look(person_of(request).username, resource_of(subject), _how_shown(profile, of))


def _how_shown(profile: AccessProfile, of: Origin) -> str:
    if profile.sees_values:
        return looks.CLEAR
    return looks.REVEALED if any(_touches(one, of) for one in profile.reveals) else looks.MASKED


def _touches(one: Revealed, of: Origin) -> bool:
    """Whether it shows something of this event, or of some event of this aggregate."""
    same = (one.aggregate_type, one.aggregate_id) == (of.aggregate_type, of.aggregate_id)
    return same and (one.kind == AGGREGATE or of.event_id in ("", one.event_id))
