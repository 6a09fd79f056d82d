"""The anomalies that the index finds in events, in words: on a badge, in a list, and with advice."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlencode

from django.urls import reverse

from dashboard.privacy import MASKED, AccessProfile, DisplayValue, Origin, can_see, public_id
from dashboard.rendering.text import format_number
from eventstore.model import Anomaly

SEQUENCE = "sequence"
"""The path under which the publisher's own numbers are masked."""
SCHEMA = "schema_version"
"""The path under which a message's schema is masked."""
OPEN = "type"
"""A path that everybody may see."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AnomalyText:
    """One kind of anomaly in words. ``one`` and ``many`` follow a count. ``path`` decides who may see the details."""

    kind: Anomaly
    badge: str
    title: str
    one: str
    many: str
    means: str
    advice: str
    path: str = OPEN

    def counted(self, count: int) -> str:
        return f"{format_number(count)} {self.one if count == 1 else self.many}"

    @property
    def url(self) -> str:
        return reverse("anomalies_of_kind", args=[self.kind.value])

    def url_for(self, type: str, id: str) -> str:
        """The list of this kind for one aggregate."""
        return f"{self.url}?{urlencode({'type': type, 'id': public_id(type, id)})}"


@dataclass(frozen=True, kw_only=True, slots=True)
class AnomalyFinding:
    """An anomaly of one event, with its details as the viewer may see them."""

    text: AnomalyText
    detail: DisplayValue


_TEXTS = (
    AnomalyText(
        kind=Anomaly.UNREADABLE,
        badge="unrecognised format",
        title="Unrecognised format",
        one="message in an unrecognised format",
        many="messages in an unrecognised format",
        means="The message is neither a CloudEvent nor what its topic's mapping describes, or cannot be read at all: it "
        "belongs to no aggregate.",
        advice="Open it to see its bytes and why. Where a whole topic is unreadable, give it a mapping in the configuration "
        "and rebuild its index; else tell its publisher.",
    ),
    AnomalyText(
        kind=Anomaly.SCHEMA,
        badge="schema does not decode",
        title="Schema does not decode",
        one="payload does not decode by its schema",
        many="payloads do not decode by their schemas",
        means="The payload cannot be read by the schema version that its message names.",
        advice="Consumers that read by schema fail on it too. See whether a subscription is stuck at it, and tell the "
        "publisher: the schema was changed without a new version, or is missing in the registry.",
        path=SCHEMA,
    ),
    AnomalyText(
        kind=Anomaly.DUPLICATE_ID,
        badge="same id twice",
        title="Same id twice",
        one="event has an id that came before in its topic",
        many="events have an id that came before in their topic",
        means="An earlier event of the topic has the same id: the publisher sent it again, or uses ids twice.",
        advice="Open it and compare it with the other. If they say the same, a consumer that is not idempotent has handled it "
        "twice; if not, one of the two may have been taken for a duplicate.",
    ),
    AnomalyText(
        kind=Anomaly.SEQUENCE_SKIPS,
        badge="sequence skips",
        title="Sequence skips",
        one="sequence number skips some",
        many="sequence numbers skip some",
        means="The publisher's number of the event (sequence, or the mapping's version) leaves some out within its stream.",
        advice="Look in the stream whether the missing ones come later: then they were published out of order. Else they were "
        "never published, or lie in another topic or partition. A publisher that has one counter for all its aggregates is "
        "recognised by its numbers, but not before it has written two aggregates in turn.",
        path=SEQUENCE,
    ),
    AnomalyText(
        kind=Anomaly.SEQUENCE_GOES_BACK,
        badge="sequence goes back",
        title="Sequence goes back",
        one="sequence number goes back",
        many="sequence numbers go back",
        means="The publisher's number of the event is not higher than one before it in its stream.",
        advice="It was published late or for a second time, or two publishers write the same aggregate. Compare it with the "
        "event that has the number already.",
        path=SEQUENCE,
    ),
    AnomalyText(
        kind=Anomaly.TIME_GOES_BACK,
        badge="time goes back",
        title="Time goes back",
        one="event happened before an earlier one of its stream",
        many="events happened before an earlier one of their stream",
        means="The event's own time is before that of an event that was published earlier in its stream.",
        advice="Read the stream by version, which is the order that consumers see. Two clocks disagree, or the event was "
        "published late.",
    ),
)

ANOMALY_TEXTS: Mapping[Anomaly, AnomalyText] = MappingProxyType({text.kind: text for text in _TEXTS})
"""Every kind. Those that somebody has to act on come first."""


def texts_of_kinds(kinds: Iterable[str]) -> tuple[AnomalyText, ...]:
    """The texts of these kinds, in the order of the table."""
    wanted = set(kinds)
    return tuple(text for kind, text in ANOMALY_TEXTS.items() if kind.value in wanted)


def findings(details: Mapping[str, str], profile: AccessProfile, origin: Origin | None = None) -> Sequence[AnomalyFinding]:
    """The anomalies of one event, from a mapping of kind to detail. Details that hold the publisher's numbers are masked."""
    return [
        AnomalyFinding(text=text, detail=display_detail(text, details[text.kind.value], profile, origin))
        for text in texts_of_kinds(details)
    ]


def display_detail(text: AnomalyText, detail: str, profile: AccessProfile, origin: Origin | None = None) -> DisplayValue:
    """The detail as the profile may see it. Empty for duplicate ids, whose detail only repeats what the kind means."""
    adds_something = detail and text.kind is not Anomaly.DUPLICATE_ID
    if not adds_something:
        return ""
    return detail if can_see(text.path, profile, origin) else MASKED
