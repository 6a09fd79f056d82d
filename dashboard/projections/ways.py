"""The ways of a replay in words, and what declares more of them."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse

from eventstore.config import Projection, Way

TITLES = {
    Way.TOPIC: "Send copies to its replay topic",
    Way.CURSOR: "Move its cursor back",
    Way.GENERATION: "Build a new generation",
    Way.LOCAL: "Rebuild it here",
}
MEANS = {
    Way.TOPIC: "Marked copies of the chosen events go to the replay topic. Only this projection gets them. Its cursor stays.",
    Way.CURSOR: "It receives everything from a place on again: the events of every aggregate, not only those of one.",
    Way.GENERATION: "A new subscription receives everything from the first event on, beside the present one. Compare the two, "
    "then promote the new one or discard it.",
    Way.LOCAL: "Eventdesk calls its Python code with every event. Fresh rows replace the old ones at the end.",
}
GOOD_FOR = {
    Way.TOPIC: "one customer, one event, or what a filter finds",
    Way.CURSOR: "everything since a time, if the projection can take events twice",
    Way.GENERATION: "everything, while the old read model still serves",
    Way.LOCAL: "projections that live in this process",
}
BUTTONS = {
    Way.TOPIC: "Send copies…",
    Way.CURSOR: "Move the cursor…",
    Way.GENERATION: "Build a generation…",
    Way.LOCAL: "Rebuild…",
}
ALWAYS_ALL = frozenset({Way.GENERATION, Way.LOCAL})
"""Ways that always give it all events."""
ORDER = (Way.TOPIC, Way.CURSOR, Way.GENERATION, Way.LOCAL)
"""The gentlest first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WayLine:
    """A way as a projection's page shows it."""

    way: Way
    title: str
    means: str
    good_for: str
    button: str
    url: str
    """The page that plans a replay in this way. Nothing is done before it is confirmed there."""


def way_lines(projection: Projection) -> Sequence[WayLine]:
    """The ways that the projection takes, the gentlest first."""
    return [_line(projection, way) for way in ORDER if way in projection.ways]


def plan_url(projection: Projection, way: Way | None = None) -> str:
    """The page that plans a replay to this projection."""
    asked = {"projection": projection.name}
    if way is not None:
        asked |= {"way": way.value, **({"kind": "everything"} if way in ALWAYS_ALL else {})}
    return f"{reverse('replay_new')}?{urlencode(asked)}"


def _line(projection: Projection, way: Way) -> WayLine:
    url = plan_url(projection, way)
    return WayLine(way=way, title=TITLES[way], means=MEANS[way], good_for=GOOD_FOR[way], button=BUTTONS[way], url=url)


def declaration_of(projection: Projection) -> str:
    """A ``[[projection]]`` for a subscription that none names, to be copied into the configuration file and completed."""
    topic, subscription = projection.topics[0], projection.subscription
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", subscription).strip("-._")[:80] or "projection"
    return "\n".join(
        [
            "[[projection]]",
            f"name = {_quoted(name)}",
            'purpose = "What it is for, in a sentence"',
            'owner = "Who builds it, and how to reach them"',
            f"topics = [{_quoted(topic)}]",
            f"subscription = {_quoted(subscription)}",
            'ways = ["cursor", "generation", "topic"]',
            f"replay_topic = {_quoted(f'{topic}-{name}-replay')}",
            "# event types that do more than build the read model, if there are any:",
            '# side_effects = { AppointmentBooked = "sends a mail" }',
        ]
    )


def _quoted(text: str) -> str:
    """The text as a TOML string. It escapes as JSON does, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
