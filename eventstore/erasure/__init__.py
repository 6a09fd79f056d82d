"""A request for erasure of one aggregate: what of it is where, and forgetting its searchable values.

Nothing here changes the store. What is asked is counted, never read out: no value of an event is in any answer.
"""

from eventstore.erasure.copies import CopiesFound, CopiesIn
from eventstore.erasure.events import EventsIn
from eventstore.erasure.face import ErasureFace
from eventstore.erasure.forgetting import FORGET_VALUES, LONGEST_TICKET, ForgetPlan, Wish
from eventstore.erasure.jobs import Jobs
from eventstore.erasure.local_rows import LocalRows
from eventstore.erasure.readers import Reader, Readers
from eventstore.erasure.values import ValuesFound

__all__ = [
    "FORGET_VALUES",
    "LONGEST_TICKET",
    "CopiesFound",
    "CopiesIn",
    "ErasureFace",
    "EventsIn",
    "ForgetPlan",
    "Jobs",
    "LocalRows",
    "Reader",
    "Readers",
    "ValuesFound",
    "Wish",
]
