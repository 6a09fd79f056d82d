"""Which names this store accepts, and how it looks them up."""

import unicodedata

from django.db import connections

from eventstore.drivers.database.connection import STORE
from eventstore.drivers.database.models import PartitionRow, SubscriptionRow, TopicRow
from eventstore.model.errors import InvalidName, UnknownSubscription, UnknownTopic

LONGEST_NAME = 255
_TOPIC = ("id", "name", "partitions", "incarnation")
_UNWANTED = {"Cc": "a control character", "Cs": "half a character (a lone surrogate)"}


def checked_name(name: str, what: str) -> str:
    """Return the name. Raises ``InvalidName`` if this store does not accept it for a ``what`` ("topic", "subscription")."""
    problem = _problem(name)
    if problem:
        raise InvalidName(f"This {what} name {problem}. Choose one of 1 to {LONGEST_NAME} printable characters.")
    return name


def shown(name: str) -> str:
    """Return the name as an error shows it: quoted, escaped, shortened."""
    return repr(name if len(name) <= 80 else f"{name[:80]}…")


def topic_row(name: str) -> TopicRow:
    """By hand: most questions to the store begin with this one, and the ORM takes five times as long for it."""
    if not _problem(name):
        with connections[STORE].cursor() as cursor:
            cursor.execute("SELECT id, name, partitions, incarnation FROM store_topic WHERE name = %s", [name])
            found = cursor.fetchone()
        if found is not None:
            return TopicRow.from_db(STORE, _TOPIC, found)
    raise UnknownTopic(f"There is no topic {shown(name)}. Look at the list of topics, or create it first.")


def partition_row(topic: str, number: int) -> PartitionRow:
    rows = PartitionRow.objects.select_related("topic").filter(topic__name=topic, number=number)
    row = None if _problem(topic) else next(iter(rows), None)
    if row is None:
        last = topic_row(topic).partitions - 1
        raise UnknownTopic(f"The topic {shown(topic)} has no partition {number}: its partitions are 0 to {last}.")
    return row


def subscription_row(topic: str, name: str) -> SubscriptionRow:
    row = find_subscription(topic_row(topic), name)
    if row is None:
        raise UnknownSubscription(f"The topic {shown(topic)} has no subscription {shown(name)}. It may have been deleted.")
    return row


def find_subscription(topic: TopicRow, name: str) -> SubscriptionRow | None:
    row = None if _problem(name) else next(iter(SubscriptionRow.objects.filter(topic=topic, name=name)), None)
    if row is not None:
        row.topic = topic
    return row


def unstorable(text: str) -> bool:
    """Whether PostgreSQL cannot store the text, or UTF-8 cannot encode it: it has a NUL or half of a surrogate pair."""
    if "\x00" in text:
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _problem(name: str) -> str:
    if not name:
        return "is empty"
    if len(name) > LONGEST_NAME:
        return f"has {len(name)} characters"
    if name in {".", ".."}:
        return "means a folder in an address"
    return next((f"holds {_UNWANTED[kind]}" for kind in map(unicodedata.category, name) if kind in _UNWANTED), "")
