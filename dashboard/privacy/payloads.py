"""The payload of an event, of which somebody sees a part."""

from typing import Any

import msgspec

from dashboard.privacy.masking import display_document, plan_of
from dashboard.privacy.plans import Plan
from dashboard.privacy.profiles import AccessProfile, Origin
from dashboard.privacy.treatments import MASKED
from eventstore.model import Event

MOST_BYTES = 1_000_000
"""A larger payload is hidden as a whole, because it would have to be parsed."""


def visible_payload(
    event: Event, profile: AccessProfile, origin: Origin, *, marks: bool = True, plan: Plan | None = None
) -> Any:
    """The payload as a JSON value with ``MASKED`` at each hidden place, or without what is hidden.

    ``MASKED`` itself if nothing of it is shown: what is no JSON, or too large to be parsed, is hidden as a whole. So is no
    payload at all: whether there is one tells something. ``plan`` is that of the profile for this event, if it is known.
    """
    message = event.message
    plan = plan or plan_of(profile, origin)
    if not plan.data.open or message.null or message.encrypted or not event.data:
        return MASKED
    if len(event.data) > MOST_BYTES or (event.recoded is not None and event.recoded.cut):
        return MASKED
    try:
        document = msgspec.json.decode(event.data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return MASKED
    return display_document(document, profile, origin, marks=marks, plan=plan)
