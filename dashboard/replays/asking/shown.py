"""A plan as its preview shows it: to whoever asks for the replay, and to whoever approves it."""

from collections.abc import Mapping, Sequence
from typing import Any

from dashboard.gateway import desk
from dashboard.privacy import AccessProfile
from dashboard.rendering import EventLine, build_line
from dashboard.rendering.text import format_duration, format_number, format_size, short_topic, visible
from dashboard.replays.live import words
from eventstore.model import Pointer
from eventstore.replays import REPLAY_EVENTS, ReplayPlan, Way

TITLES = {
    Way.TOPIC: "Copies to its replay topic",
    Way.CURSOR: "Cursor back",
    Way.GENERATION: "New generation",
    Way.LOCAL: "Build it here again",
}

SHORT = 10
"""So many events are shown without being asked for."""


def preview_of(plan: ReplayPlan, profile: AccessProfile) -> Mapping[str, Any]:
    order = plan.order()
    return {
        "plan": plan,
        "title": words.title_of(order, values=words.may_read_filter(order, profile)),
        "what": words.what_of(order),
        "does": _does(plan),
        "reaches": _reaches(plan),
        "consumers": consumers_of(plan),
        "size": _size(plan),
        "takes": _takes(plan),
        "stopping": [one for one in plan.hazards if one.stops],
        "grave": plan.grave,
        "mild": [one for one in plan.hazards if not one.grave and not one.stops],
        "first": lines_of(plan.first, profile),
        "last": lines_of(plan.last, profile),
        "short": plan.events is not None and plan.events <= SHORT,
        "between": plan.choice.known is None and plan.events is None,
        "undo": REPLAY_EVENTS.undo,
        "workers": desk().jobs.workers(REPLAY_EVENTS.name),
    }


def lines_of(pointers: Sequence[Pointer], profile: AccessProfile) -> Sequence[EventLine]:
    return [build_line(row, profile) for row in desk().streams.rows_of(pointers)]


def _does(plan: ReplayPlan) -> str:
    """What happens, in a sentence."""
    name = visible(plan.projection.subscription)
    match plan.way:
        case Way.TOPIC:
            return f"Marked copies go to {short_topic(plan.target)}. Each aggregate’s events keep their order."  # noqa: RUF001
        case Way.CURSOR:
            return f"The cursor of {name} goes back. It receives all later events again, of every aggregate."
        case Way.GENERATION:
            return f"The new subscription {visible(plan.target)} receives everything, beside {name}, which is left alone."
        case _:
            return "Its Python code is called here with every event. Fresh rows replace the old ones at the end."


def _reaches(plan: ReplayPlan) -> str:
    if plan.way is Way.GENERATION:
        return f"consumers of {visible(plan.target)} only, once you start some"
    others = "" if not plan.audience.others else f" and {', '.join(map(visible, plan.audience.others))}"
    return f"{visible(plan.projection.name)} only" if not others else f"{visible(plan.projection.subscription)}{others}"


def consumers_of(plan: ReplayPlan) -> str:
    """ "2 connected", to where the events come; empty where that says nothing, or the store lists none."""
    if plan.way in (Way.GENERATION, Way.LOCAL) or not desk().subscriptions.lists_consumers:
        return ""
    return f"{format_number(plan.consumers)} connected" if plan.consumers else "none connected"


def _size(plan: ReplayPlan) -> str:
    if plan.counts.size is None:
        return ""
    return f"{'' if plan.counts.exact else 'about '}{format_size(plan.counts.size)}"


def _takes(plan: ReplayPlan) -> str:
    """ "about 3 seconds, as earlier replays took"."""
    seconds, measured = plan.takes()
    how = "by the rate of earlier replays" if measured else "a guess: no replay was measured here yet"
    return f"{'less than a second' if seconds < 1 else f'about {format_duration(seconds + 0.5)}'} ({how})"
