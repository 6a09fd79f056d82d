"""An event as one line of a list, already masked for the person who sees it. It renders the same on a page and in a frame."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dashboard.privacy import DisplayValue
from dashboard.privacy.payload_standing import MARKS
from dashboard.rendering.anomaly_text import AnomalyText
from dashboard.rendering.links import published_mark
from dashboard.rendering.text import spelled_position
from eventstore.config import PayloadStanding
from eventstore.model import NO_TIME
from eventstore.streams import Missing

MOST_APART = timedelta(minutes=1)
"""If an event was published this much before or after it happened, its line shows both times."""
MISSING_TEXT = {
    Missing.NOTHING: "",
    Missing.AWAY: "payload not readable now",
    Missing.REFUSED: "payload refused by the store",
    Missing.TRIMMED: "payload trimmed",
    Missing.ANEW: "gone: its topic was made anew",
    Missing.OTHER: "another event lies there now",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class EventLine:
    """What a line shows of an event.

    - ``position`` is the encoded position, for addresses; ``place`` the same for people.
    - ``pieces`` are the story: texts and masked values in turn. ``tone`` is the colour of the dot, a number.
    - ``version`` is ``None`` for copies in derived topics and for messages that fit no envelope.
    - ``problem`` says why a message fits no envelope.
    - ``payload_unreadable``: the story needs values of a payload that cannot be parsed. Only set for people who see payloads.
    - ``new_shape``: a value that the story needs has another shape than a line can show.
    - ``missing`` says why the event could not be read from the store.
    - ``standing``: how the payload stands, as far as this person may know.
    - ``schema_mismatch``: the payload does not fit its schema.
    - ``member``: which event of a batch it is, in words, if its message holds several.
    - ``revealed``: a reveal covers it for the person; of what the index alone knows: shows its aggregate's id.
    - ``unindexed``: the index has not read the event yet. ``derived``: it is a copy in a derived topic.
    - ``anomalies`` are those that the index found, except those that ``problem`` and ``schema_mismatch`` already express.
    """

    event_id: str
    id_is_position: bool
    url: str
    position: str
    topic: str
    partition: int
    label: str
    time: datetime
    published: datetime
    type: str
    tone: int
    pieces: Sequence[DisplayValue]
    aggregate_type: str
    aggregate_id: str
    aggregate_url: str
    version: int | None = None
    key: DisplayValue = ""
    problem: str = ""
    payload_unreadable: bool = False
    new_shape: bool = False
    missing: Missing = Missing.NOTHING
    standing: PayloadStanding = PayloadStanding.THERE
    schema_mismatch: bool = False
    member: str = ""
    revealed: bool = False
    unindexed: bool = False
    derived: bool = False
    anomalies: Sequence[AnomalyText] = ()

    @property
    def shows_published(self) -> bool:
        """Whether the event was published at another time than it happened. Imported and late events were."""
        return abs(self.published - self.time) > MOST_APART

    @property
    def knows_published(self) -> bool:
        return self.published != NO_TIME

    @property
    def log_is_gone(self) -> bool:
        """Whether the event lay in a log that is gone, so that its position means nothing in the topic of now."""
        return self.missing is Missing.ANEW

    @property
    def place(self) -> str:
        """The position as pages show and copy it. Hostile names and all: make it visible where it is shown."""
        return spelled_position(self.topic, self.partition, self.label)

    @property
    def published_mark(self) -> str:
        """When it was published, for an address."""
        return published_mark(self.published)

    @property
    def payload_mark(self) -> str:
        return MARKS[self.standing]

    @property
    def missing_text(self) -> str:
        return MISSING_TEXT[self.missing]
