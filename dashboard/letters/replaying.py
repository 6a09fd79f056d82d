"""Giving a projection the original of a dead letter again, where its subscription is that of a declared projection."""

from collections.abc import Mapping
from urllib.parse import urlencode

from django.urls import reverse

from dashboard.access import policy
from dashboard.gateway import desk
from dashboard.models import Person
from dashboard.rendering.text import visible
from eventstore.replays import REPLAY, Kind, Way


def replays_of(person: Person, topic: str, name: str) -> Mapping[str, str] | None:
    """Where a copy of one event is asked for, without the event (``url``), and for which projection (``projection``); ``None``
    where no projection reads this subscription and takes copies, and for people who may not."""
    if not policy.allows(person, REPLAY):
        return None
    reading = (one for one in desk().projections.all() if one.subscription == name and one.reads(topic))
    projection = next((one for one in reading if Way.TOPIC in one.ways), None)
    if projection is None:
        return None
    query = urlencode({"projection": projection.name, "way": Way.TOPIC, "kind": Kind.EVENT, "event": ""})
    return {"projection": visible(projection.name), "url": f"{reverse('replay_new')}?{query}"}
