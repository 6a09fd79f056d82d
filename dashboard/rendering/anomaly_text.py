"""What the index notices about events, in words: on a badge, in a list, and what to make of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlencode

from django.urls import reverse

from dashboard.privacy.masking import AccessProfile, Shown, show
from dashboard.rendering import text as words
from eventstore.model import Anomaly

CLOSED = "sequence"
"""The path under which the publisher's own numbers are masked."""
SCHEMA = "schema_version"
"""The path under which a message's schema is masked."""
OPEN = "type"


@dataclass(frozen=True, kw_only=True, slots=True)
class AnomalyWords:
    """One kind. ``one`` and ``many`` follow a count; ``path`` is what its details are to whoever masks them."""

    kind: Anomaly
    badge: str
    title: str
    one: str
    many: str
    means: str
    advice: str
    path: str = OPEN

    def counted(self, count: int) -> str:
        return f"{words.number(count)} {self.one if count == 1 else self.many}"

    @property
    def url(self) -> str:
        return reverse("anomalies_of_kind", args=[self.kind.value])

    def url_for(self, type: str, id: str) -> str:
        """The list of this kind, of one aggregate alone."""
        return f"{self.url}?{urlencode({'type': type, 'id': id})}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Noticed:
    """A kind with what was noticed about one event, as a viewer may see it."""

    words: AnomalyWords
    detail: Shown


_KINDS = (
    AnomalyWords(
        kind=Anomaly.UNREADABLE,
        badge="fits no envelope",
        title="Fits no envelope",
        one="message fits no envelope",
        many="messages fit no envelope",
        means="The message is neither a CloudEvent nor what its topic's mapping describes: it belongs to no aggregate.",
        advice="Open it to see its bytes and why. Where a whole topic is unreadable, give it a mapping in the configuration "
        "and rebuild its index; else tell whoever publishes it.",
    ),
    AnomalyWords(
        kind=Anomaly.SCHEMA,
        badge="schema does not decode",
        title="Schema does not decode",
        one="payload does not decode by its schema",
        many="payloads do not decode by their schemas",
        means="The payload cannot be read by the schema version that its message names.",
        advice="Consumers that read by schema stumble here as well. See whether a subscription is stuck at it, and tell the "
        "publisher: the schema was changed without a new version, or is missing in the registry.",
        path=SCHEMA,
    ),
    AnomalyWords(
        kind=Anomaly.DUPLICATE_ID,
        badge="same id twice",
        title="Same id twice",
        one="event has an id that came before in its topic",
        many="events have an id that came before in their topic",
        means="An earlier event of the topic has the same id: the publisher sent it again, or gives ids out twice.",
        advice="Open it and compare it with the other. If they say the same, a consumer that is not idempotent has handled it "
        "twice; if not, one of the two may have been taken for a duplicate.",
    ),
    AnomalyWords(
        kind=Anomaly.SEQUENCE_SKIPS,
        badge="sequence skips",
        title="Sequence skips",
        one="sequence number skips some",
        many="sequence numbers skip some",
        means="The publisher's number of the event (sequence, or the mapping's version) leaves some out within its stream.",
        advice="Look in the stream whether the missing ones come later: then they were published out of order. Else they were "
        "never published, or lie in another topic if the publisher numbers over several.",
        path=CLOSED,
    ),
    AnomalyWords(
        kind=Anomaly.SEQUENCE_GOES_BACK,
        badge="sequence goes back",
        title="Sequence goes back",
        one="sequence number goes back",
        many="sequence numbers go back",
        means="The publisher's number of the event is not higher than one before it in its stream.",
        advice="It was published late or for a second time, or two publishers write the same aggregate. Compare it with the "
        "event that has the number already.",
        path=CLOSED,
    ),
    AnomalyWords(
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

WORDS: Mapping[Anomaly, AnomalyWords] = MappingProxyType({words.kind: words for words in _KINDS})
"""Every kind, the ones that need an act first."""


def of_kinds(kinds: Iterable[str]) -> tuple[AnomalyWords, ...]:
    """The words of each of these kinds, in the table's order."""
    wanted = set(kinds)
    return tuple(found for kind, found in WORDS.items() if kind.value in wanted)


def noticed(details: Mapping[str, str], viewer: AccessProfile) -> Sequence[Noticed]:
    """What was noticed about one event, from kind to detail; a number that the publisher gave is a value like any other."""
    return [Noticed(words=found, detail=shown_detail(found, details[found.kind.value], viewer)) for found in of_kinds(details)]


def shown_detail(words: AnomalyWords, detail: str, viewer: AccessProfile) -> Shown:
    says_more = detail and words.kind is not Anomaly.DUPLICATE_ID  # whose detail is what the kind means
    return show(detail, words.path, viewer) if says_more else ""
