"""Evidence as sentences. Times are ``<time>`` elements."""

from collections.abc import Callable, Mapping
from datetime import datetime

from django.utils.html import format_html
from django.utils.safestring import SafeString

from dashboard.rendering.text import format_number, visible
from dashboard.templatetags.desk import when
from eventstore.diagnosis import Evidence, Fact

Sentence = Callable[[Evidence], SafeString]


def sentence(evidence: Evidence) -> SafeString:
    return OF_FACTS[evidence.fact](evidence)


def _at(moment: datetime | None) -> SafeString | str:
    return when(moment, "clock") if moment else "an unknown time"


def _number(value: float | None) -> str:
    """A count as it is, a rate with one digit behind the point."""
    if value is None:
        return format_number(None)
    return format_number(int(value)) if value == int(value) else f"{value:,.1f}" if value >= 0.1 else f"{value:,.2f}"


def _counted(value: float | None, noun: str, nouns: str = "") -> str:
    return f"{_number(value)} {noun if value == 1 else nouns or noun + 's'}"


def _partition(evidence: Evidence) -> str:
    return "" if evidence.partition is None else f"Partition {evidence.partition}: "


def _between(evidence: Evidence) -> SafeString:
    return format_html("between {} and {}", _at(evidence.at), _at(evidence.until))


def _name(evidence: Evidence) -> SafeString:
    return format_html("<bdi>{}</bdi>", visible(evidence.name) or "a consumer without a name")


def _stands(one: Evidence) -> SafeString:
    if one.of == 1:
        return format_html("The cursor has not moved since {}.", _at(one.at))
    if one.partition is not None:
        return format_html("The cursor of partition {} has not moved since {}.", one.partition, _at(one.at))
    cursors = f"{_number(one.number)} of {_number(one.of)} partitions"
    return format_html("The cursors of {} have not moved, the first of them since {}.", cursors, _at(one.at))


def _not_connected(one: Evidence) -> SafeString:
    if one.at is None:
        return SafeString("No consumer is connected, and none was seen lately.")
    return format_html("No consumer is connected. One was last seen at {}.", _at(one.at))


def _waits(one: Evidence) -> SafeString:
    verb = "waits" if one.number == 1 else "wait"
    if one.at is None:
        return format_html("{} {}.", _counted(one.number, "event"), verb)
    return format_html("{} {}; the first was published {}.", _counted(one.number, "event"), verb, _at(one.at))


def _held_back(one: Evidence) -> SafeString:
    if one.at is None:
        return SafeString("A transaction is open.")
    return format_html("A transaction has been open since {}.", _at(one.at))


def _of_type(one: Evidence) -> SafeString:
    if one.at is None:
        return format_html("Its type is {}.", one.name)
    return format_html("Its type was {}, when a consumer was last seen at {}.", one.name, _at(one.at))


def _arrived(one: Evidence) -> SafeString:
    who = _name(one) if one.name else "Consumers"
    return format_html("{} connected anew {} {}.", who, _counted(one.number, "time"), _between(one))


def _has_all(one: Evidence) -> SafeString:
    since = format_html(" since {}", _at(one.at)) if one.at else ""
    return format_html("{} is the active consumer of all {} partitions{}.", _name(one), _number(one.number), since)


def _same(one: Evidence) -> SafeString:
    since = format_html(" since {}", _at(one.at)) if one.at else ""
    return format_html("{} has stayed connected{}.", _name(one), since)


def _expired(one: Evidence) -> SafeString:
    if one.until is None:
        return format_html("The broker counts {} as expired.", _number(one.number))
    return format_html("The broker has counted {} more as expired {}.", _number(one.number), _between(one))


def _mixed(one: Evidence) -> SafeString:
    text = 'A batch of {} at <bdi class="mono">{}</bdi> in partition {} has {}.'
    keys = _counted(one.number, "different key")
    return format_html(text, _counted(one.of, "message"), one.name, one.partition, keys)


OF_FACTS: Mapping[Fact, Sentence] = {
    Fact.STANDS: _stands,
    Fact.END_MOVED: lambda one: format_html(
        "Meanwhile events were published: the end of the topic has moved {}.", _between(one)
    ),
    Fact.END_STANDS: lambda one: format_html("Nothing was published there {}.", _between(one)),
    Fact.WAITS: _waits,
    Fact.CONNECTED: lambda one: format_html("Connected: {}.", _counted(one.number, "consumer")),
    Fact.NOT_CONNECTED: _not_connected,
    Fact.HOLDS: lambda one: format_html("Delivered and not acknowledged: {}.", _counted(one.number, "event")),
    Fact.BLOCKED: lambda one: SafeString("The broker says that it delivers no more until consumers acknowledge."),
    Fact.GREW: lambda one: format_html(
        "The backlog grew from {} to {} since {}.", _number(one.number), _number(one.of), _at(one.at)
    ),
    Fact.RATES: lambda one: format_html(
        "In the last minute {} events/s were published, and {} events/s delivered.", _number(one.number), _number(one.of)
    ),
    Fact.HANDLED: lambda one: format_html("The cursor last moved, or an event was acknowledged, at {}.", _at(one.at)),
    Fact.NEVER_ACKNOWLEDGED: lambda one: SafeString("No acknowledgement was ever seen."),
    Fact.KNOWN_NAME: lambda one: format_html("It has the name of a gateway's own subscription: {}.", _name(one)),
    Fact.DECLARED: lambda one: SafeString("The configuration declares it so."),
    Fact.VANISHED: lambda one: format_html("Found at {}.", _at(one.at)),
    Fact.EXPIRED: _expired,
    Fact.DUE: lambda one: format_html("The next one is due at {}.", _at(one.at)),
    Fact.TRANSACTION: _held_back,
    Fact.TYPE: _of_type,
    Fact.ORDER_DECLARED: lambda one: SafeString("The configuration says that order matters in this topic (topics.ordered)."),
    Fact.MIXED_BATCH: _mixed,
    Fact.ARRIVED: _arrived,
    Fact.JUMPED: lambda one: format_html("{}The cursor went back {}.", _partition(one), _between(one)),
    Fact.DISCONNECTED: lambda one: format_html(
        "Those who got events were disconnected at that moment, and connected again: {}.",
        _counted(one.number, "new connection"),
    ),
    Fact.NO_MEMBERS: lambda one: SafeString("No consumer was connected before."),
    Fact.HAS_ALL: _has_all,
    Fact.IDLES: lambda one: format_html("{} stands by; it was given {}.", _name(one), _counted(one.number, "event")),
    Fact.STOOD: lambda one: format_html("{}Nothing moved the cursor {}.", _partition(one), _between(one)),
    Fact.GIVEN: lambda one: format_html("In that time {} delivered.", _given(one)),
    Fact.MORE_THAN_WAIT: lambda one: format_html(
        "{} and only {}: some were delivered more than once.",
        _counted(one.number, "delivery", "deliveries"),
        _counted(one.of, "waiting event"),
    ),
    Fact.REDELIVERIES: lambda one: format_html("The broker measured {} redelivered events/s.", _number(one.number)),
    Fact.SAME_CONNECTION: _same,
    Fact.RECONNECTED: lambda one: format_html("In that time consumers connected anew {}.", _counted(one.number, "time")),
    Fact.NO_PERMITS: lambda one: format_html("It has asked for no more events (permits: {}).", _number(one.number)),
    Fact.WENT_ON: lambda one: format_html(
        "{}The cursor went forward {}; no consumer was connected, and nothing was delivered.", _partition(one), _between(one)
    ),
}


def _given(one: Evidence) -> str:
    return _counted(one.number, "event was", "events were")
