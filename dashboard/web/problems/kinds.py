"""Pages that say why something is not shown: errors of the store, what one may not do, and what does not exist."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from dashboard import privacy
from dashboard.access import policy
from dashboard.access.copies import sees_topic
from dashboard.access.role_names import who_may
from dashboard.access.scopes import Scope
from dashboard.gateway import sight
from dashboard.web import completeness, store_health
from eventstore.jobs import JobRefused, UnknownJob
from eventstore.model import (
    EventStoreError,
    InvalidName,
    InvalidPosition,
    InvalidReplay,
    NotAllowed,
    NotLetIn,
    NotPermitted,
    NotSupported,
    NotTrusted,
    ResourceBusy,
    StalePlan,
    StoresOwn,
    StoreUnreachable,
    UnknownEvent,
    UnknownProjection,
    UnknownSubscription,
    UnknownTopic,
)

FIRST_CHARACTERS = "Search for the first characters of the id at the top. Search is case-sensitive."
BY_RIGHT = (
    "Ids of this type are personal: pages show a handle (pid…) in place of each, and it leads here. An id itself is looked up "
    "by people with the right to see values, or with an open case."
)
TELL_AN_ADMIN = "The store does not let Eventdesk do this. Tell an admin of this installation."
"""For people with a scope. The store's own sentence names a namespace, which may lie outside of it."""
STILL_WORKS = "You can still look, read the record, reveal values for a reason, and work on a case."


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """An error page: a status, a title, a sentence, and advice."""

    status: int
    title: str
    text: str
    advice: str = ""
    again: bool = False
    """Whether the page retries automatically."""
    link: tuple[str, str] | None = None
    """Where to look instead: the link's text, and the name of its URL."""


@dataclass(frozen=True, slots=True)
class _Kind:
    error: type[EventStoreError]
    status: HTTPStatus
    title: str
    advice: str = ""
    text: str = ""
    """Replaces the error's own sentence if that is written for callers of the store and not for readers of a page."""
    link: tuple[str, str] | None = None


_KINDS = (
    _Kind(NotAllowed, HTTPStatus.FORBIDDEN, "Not allowed"),
    _Kind(
        UnknownTopic,
        HTTPStatus.NOT_FOUND,
        "No such topic",
        "New topics appear automatically within seconds.",
        text="The store has no topic of this name, or this installation does not watch it.",
        link=("All topics", "topics"),
    ),
    _Kind(UnknownEvent, HTTPStatus.NOT_FOUND, "No such event", "Search for its aggregate's id, or look in its topic."),
    _Kind(UnknownSubscription, HTTPStatus.NOT_FOUND, "No such subscription", link=("All subscriptions", "subscriptions")),
    _Kind(UnknownProjection, HTTPStatus.NOT_FOUND, "No such projection", link=("All subscriptions", "subscriptions")),
    _Kind(UnknownJob, HTTPStatus.NOT_FOUND, "No such job", link=("All jobs", "jobs")),
    _Kind(JobRefused, HTTPStatus.CONFLICT, "This job is in no state for that"),
    _Kind(NotSupported, HTTPStatus.NOT_FOUND, "This store cannot do this"),
    _Kind(InvalidReplay, HTTPStatus.BAD_REQUEST, "This cannot be replayed"),
    _Kind(InvalidPosition, HTTPStatus.BAD_REQUEST, "This address does not work"),
    _Kind(InvalidName, HTTPStatus.BAD_REQUEST, "This name does not work"),
    _Kind(
        StoresOwn,
        HTTPStatus.CONFLICT,
        "This cursor cannot be moved",
        link=("All subscriptions", "subscriptions"),
    ),
    _Kind(StalePlan, HTTPStatus.CONFLICT, "It has changed since you looked"),
    _Kind(ResourceBusy, HTTPStatus.CONFLICT, "Someone else is doing this now"),
    _Kind(NotLetIn, HTTPStatus.SERVICE_UNAVAILABLE, store_health.heading_of(NotLetIn)),
    _Kind(NotTrusted, HTTPStatus.SERVICE_UNAVAILABLE, store_health.heading_of(NotTrusted)),
    _Kind(StoreUnreachable, HTTPStatus.SERVICE_UNAVAILABLE, store_health.heading_of(StoreUnreachable)),
    _Kind(NotPermitted, HTTPStatus.BAD_GATEWAY, "The event store does not permit this"),
)
OTHER = _Kind(EventStoreError, HTTPStatus.BAD_GATEWAY, "The event store did not do this")


def problem_of(error: EventStoreError) -> Problem:
    """The page for an error of the store. The error's own sentence is written for people and holds no value of an event."""
    if isinstance(error, StoreUnreachable):
        store_health.mark_unreachable(error)
    kind = next((kind for kind in _KINDS if isinstance(error, kind.error)), OTHER)
    narrowed = isinstance(error, NotPermitted) and sight() is not None
    return Problem(
        status=kind.status,
        title=kind.title,
        text=TELL_AN_ADMIN if narrowed else kind.text or str(error),
        advice=kind.advice,
        again=issubclass(kind.error, StoreUnreachable | NotPermitted),
        link=kind.link,
    )


def not_allowed(action: str) -> Problem:
    """The page for a person whose role does not allow this. It names the roles that do."""
    if policy.is_shut(action):
        return Problem(status=HTTPStatus.FORBIDDEN, title="Read-only", text=policy.READ_ONLY, advice=STILL_WORKS)
    return Problem(
        status=HTTPStatus.FORBIDDEN,
        title="Not allowed",
        text="Your role does not allow this.",
        advice=f"Requires role {who_may(action)}. Ask an admin of this installation if you need it.",
    )


def unknown(what: str, advice: str) -> Problem:
    """Of something that the index does not know."""
    late = " Not everything is indexed now: it may appear later." if completeness.standing().incomplete else ""
    return Problem(
        status=HTTPStatus.NOT_FOUND, title=f"No such {what}", text=f"The index knows no such {what}.{late}", advice=advice
    )


def unknown_aggregate(type: str, given: str, profile: privacy.AccessProfile) -> Problem:
    """Of an aggregate that nothing is known of, or that may not be looked up in this way: the two read the same."""
    if text := privacy.handle_problem(given, type):
        return Problem(status=HTTPStatus.NOT_FOUND, title="This handle cannot be read", text=text)
    return unknown("aggregate", BY_RIGHT if privacy.is_personal(type) and not profile.sees_values else FIRST_CHARACTERS)


def outside(scope: Scope, names: Mapping[str, object]) -> Problem | None:
    """The page for what lies outside of the scope by its name alone, whether or not there is such a thing."""
    topic, type = (names.get(name) for name in ("topic", "type"))
    if topic is not None and not sees_topic(scope, str(topic)):
        return problem_of(UnknownTopic(""))
    if type is not None and not scope.has_aggregate_type(str(type)):
        return unknown("aggregate type", FIRST_CHARACTERS)
    return None
