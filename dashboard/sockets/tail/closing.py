"""The codes that a tail's socket is closed with. See docs/tail-for-scripts.md."""

import logging

from dashboard.sockets.tail.begin import NotUnderstood
from eventstore.model import EventStoreError, InvalidPosition, StoreClosed, StoreUnreachable, UnknownTopic
from eventstore.search import InvalidFilter

log = logging.getLogger(__name__)

BEGIN_AGAIN = 4012
"""The tail under this socket has stopped, for instance since the topic has more partitions now; or what is followed has events
in another topic, or the person sees other things now."""
NOT_ALLOWED, NO_SUCH_TOPIC, BAD_REQUEST, STORE_AWAY, OUR_FAULT = 4403, 4404, 4400, 4503, 4500
STORE_REFUSES = 4502
"""The store answers, and does not let the tail be opened: trying again does not help."""


def code_of(error: EventStoreError | NotUnderstood, *, opened: bool) -> int:
    """With which code this error closes a socket whose tail was ``opened``, or was not."""
    match error:
        case UnknownTopic():
            return NO_SUCH_TOPIC
        case InvalidFilter() | InvalidPosition() | NotUnderstood():
            return BAD_REQUEST
        case StoreUnreachable():
            return STORE_AWAY
    log.warning("tail closed: %s", type(error).__name__)
    # An open tail that is refused may be opened again, and is told then: a broker that restarts refuses for a moment.
    return STORE_AWAY if opened or isinstance(error, StoreClosed) else STORE_REFUSES
