"""Replays in words: what is replayed, how, and what "consumed" means."""

from collections.abc import Mapping
from dataclasses import replace

from dashboard.privacy import AccessProfile, filter_problem, public_filter, public_id
from dashboard.rendering.text import format_exact, format_number, humanize_type, short_topic, shorten, visible
from eventstore.jobs import Job
from eventstore.replays import Kind, ReplayOrder, Watched, Way, What
from eventstore.search import InvalidFilter, parse_filter

LONGEST = 60
"""Characters of an id or a filter in a title."""
HOW: Mapping[Way, str] = {
    Way.CURSOR: "its cursor goes back, and it reads everything from there again",
    Way.GENERATION: "a new subscription reads everything, beside the old one",
    Way.TOPIC: "marked copies to {}",
    Way.LOCAL: "its Python code is called here, and its rows are built anew",
}


def title_of(order: ReplayOrder, *, values: bool = False) -> str:
    """ "Replay 2 events of patient 4711 to app-timeline". ``values``: whether it may show values that a filter names."""
    return f"Replay {counted(order)}{_which(order, values)} to {visible(order.projection)}"


def job_title(job: Job) -> str:
    return title_of(ReplayOrder.of(job.arguments))


def counted(order: ReplayOrder) -> str:
    """ "2 events"; "the events" where nobody knows how many before they are read."""
    return "the events" if order.events is None else events(order.events)


def events(count: int) -> str:
    return f"{format_number(count)} event{'' if count == 1 else 's'}"


def what_of(order: ReplayOrder) -> str:
    """What is replayed, as a fact of the plan: "2 events of 1 aggregate, up to an end that was frozen"."""
    of = "" if order.aggregates is None else f" of {format_number(order.aggregates)} aggregate{_s(order.aggregates)}"
    looked = "" if order.events is not None else f", out of {events(order.looked_at)} that are read"
    return f"{counted(order)}{of}{looked}"


def which_of(order: ReplayOrder, *, values: bool = False) -> str:
    """How they were chosen: "those of patient 4711". ``values``: as for ``title_of``."""
    return f"{'all' if order.what.kind is Kind.EVERYTHING else 'those'}{_which(order, values)}"


def how_of(order: ReplayOrder) -> str:
    return HOW[order.way].format(short_topic(order.target))


def consumed_means(order: ReplayOrder, reader: str) -> str:
    """What counts as consumed."""
    if order.way is Way.LOCAL:
        return "Consumed means: the code of the projection has returned from the event."
    if order.way is Way.TOPIC:
        return f"Consumed means: {visible(reader)} has acknowledged the copy on {short_topic(order.target)}."
    return f"Consumed means: {visible(reader)} has acknowledged the event."


def given_up(watched: Watched) -> str:
    """ "2"; "at least 2" where not all dead letters were read; empty if there are none."""
    if watched.given_up_exact:
        return format_number(watched.given_up) if watched.given_up else ""
    return f"at least {format_number(watched.given_up)}" if watched.given_up else "an unknown number"


def _which(order: ReplayOrder, values: bool) -> str:
    if order.only != ("", ""):
        return f" of {_aggregate(order.only)}"
    if order.left_out != ("", ""):
        return f"{_chosen(order, values)}, without {_aggregate(order.left_out)},"
    return _chosen(order, values)


def _aggregate(of: tuple[str, str]) -> str:
    return f"{humanize_type(of[0]).lower()} {visible(shorten(public_id(*of), LONGEST))}"


def _chosen(order: ReplayOrder, values: bool) -> str:
    what = order.what
    if what.kind is Kind.AGGREGATE:
        return f" of {_aggregate(what.aggregate)}"
    if what.kind is Kind.SINCE:
        return f"{_since(what) or ' from chosen positions on'}{_topic(what.topic)}"
    if what.kind is Kind.FILTER:
        return f"{_since(what)} that match {_filter(what.filter, values)}{_topic(what.topic)}"
    return _topic(what.topic)


def _since(what: What) -> str:
    return "" if what.time is None else f" published since {format_exact(what.time)}"


def _filter(text: str, values: bool) -> str:
    """A filter that names values of events is for those who may see such values, and goes into no list, report or file."""
    return (
        visible(shorten(public_filter(text), LONGEST)) if values or not _names_values(text) else "a filter by values of events"
    )


def may_read_filter(order: ReplayOrder, profile: AccessProfile) -> bool:
    """Whether the profile may read the values that the order's filter names: whoever could use that filter knows them."""
    if profile.sees_values or order.what.kind is not Kind.FILTER:
        return profile.sees_values
    try:
        filter = parse_filter(order.what.filter)
    except InvalidFilter:
        return False
    without_case = replace(profile, filters_masked=False)
    return not filter_problem(filter, without_case, [order.what.topic] if order.what.topic else None)


def _names_values(text: str) -> bool:
    try:
        return parse_filter(text).reads_payload
    except InvalidFilter:
        return True  # of another version of the program, so that nobody knows what it names


def _topic(name: str) -> str:
    return f" of {short_topic(name)}" if name else ""


def _s(count: int) -> str:
    return "" if count == 1 else "s"
