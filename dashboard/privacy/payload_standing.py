"""How a payload stands, in words: a mark for lines and an explanation for the event's page.

That a payload is empty or null is a value like any other, so it is told to those alone who may see it. That it was erased, or
cannot be read by anybody here, is told to everybody: it says why there is nothing to see.
"""

from django.conf import settings

from dashboard.privacy.masking import can_see
from dashboard.privacy.profiles import AccessProfile, origin_of
from eventstore.config import PayloadStanding, standing_of
from eventstore.model import Event

VALUES = frozenset({PayloadStanding.EMPTY, PayloadStanding.NULL})
MARKS = {
    PayloadStanding.THERE: "",
    PayloadStanding.ERASED: "erased",
    PayloadStanding.SHREDDED: "crypto-shredded",
    PayloadStanding.ENCRYPTED: "encrypted",
    PayloadStanding.EMPTY: "empty payload",
    PayloadStanding.NULL: "payload is null",
}
"""The mark of a line."""
TOMBSTONE = (
    "This message has no payload at all: it is a tombstone. By its publisher’s and the store’s convention, what its key meant "  # noqa: RUF001
    "is deleted, and compaction removes earlier messages of the key."
)
EXPLAINED = {
    PayloadStanding.ERASED: "The message itself says that its payload was erased. What is left of it is shown as it is.",
    PayloadStanding.SHREDDED: (
        "The message itself says that the key of its values was destroyed. What is stored cannot be read by anybody any more; "
        "it is shown as it is."
    ),
    PayloadStanding.ENCRYPTED: (
        "The message itself says that values in it are encrypted. The desk has no key, and does not know whether there still "
        "is one."
    ),
    PayloadStanding.EMPTY: "This event has an empty payload: no byte, where a tombstone would have no payload at all.",
    PayloadStanding.NULL: "The payload is the JSON value null: its publisher has said “nothing”.",
}
"""Why, for the event's page; of what the store alone says, ``payload`` has its own words."""


def standing_for(event: Event, profile: AccessProfile) -> PayloadStanding:
    """How the payload stands, as far as this profile may know."""
    found = standing_of(event, settings.EVENTDESK.payloads)
    told = profile.sees_values or found not in VALUES or can_see("data", profile, origin_of(event))
    return found if told else PayloadStanding.THERE
