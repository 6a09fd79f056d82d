"""The codes with which a tail's socket closes. See docs/tail-for-scripts.md."""

import logging

from dashboard.sockets.tail.begin import InvalidBegin
from eventstore.model import EventStoreError, InvalidPosition, NotPermitted, StoreClosed, StoreUnreachable, UnknownTopic
from eventstore.search import InvalidFilter

log = logging.getLogger(__name__)

BEGIN_AGAIN = 4012
"""The client should connect again.

The tail has stopped, for instance because its topic got more partitions. Or the aggregate now has events in another topic, or
the person may now see more or less than before.
"""
NOT_ALLOWED, NO_SUCH_TOPIC, BAD_REQUEST, STORE_UNREACHABLE, INTERNAL_ERROR = 4403, 4404, 4400, 4503, 4500
TOO_MANY_SOCKETS = 4429
"""This person or token has as many open sockets as one may have."""
STORE_REFUSES = 4502
"""The store answers, but refuses to open the tail. Trying again does not help."""
NOT_PERMITTED = 4504
"""The store does not let this installation read this. Trying again helps once somebody has permitted it."""
NO_MARK = (
    'An acknowledgement repeats the mark of its frame: {"ack": <frame>, "mark": "<mark>"}. '
    "This client speaks protocol 1, and the desk speaks protocol 2: update it, or load the page again."
)
WRONG_MARK = "This acknowledges no frame that is on its way: repeat the frame's number and its mark."
TOO_MANY = "You have {most} live tails open, which is the most for one {kind} on this web process: close one."


def close_code(error: EventStoreError | InvalidBegin, *, opened: bool) -> int:
    """The code with which this error closes a socket. ``opened`` says whether its tail was open already."""
    match error:
        case UnknownTopic():
            return NO_SUCH_TOPIC
        case InvalidFilter() | InvalidPosition() | InvalidBegin():
            return BAD_REQUEST
        case StoreUnreachable():
            return STORE_UNREACHABLE
        case NotPermitted():
            return NOT_PERMITTED
    log.warning("tail closed: %s", type(error).__name__)
    # A restarting broker refuses for a moment. So the client of an open tail may try again, and learns then if that helps.
    return STORE_UNREACHABLE if opened or isinstance(error, StoreClosed) else STORE_REFUSES
