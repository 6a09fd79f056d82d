"""What this process counts of itself, for ``/metrics``. Any room may count; ``dashboard.observing`` tells it.

No label may hold the name of a person, the id of an aggregate or anything of a payload: a label is a word of ours.
"""

import os
import socket

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.process_collector import ProcessCollector

disable_created_metrics()  # type: ignore[no-untyped-call]
OF_PROCESS = CollectorRegistry(auto_describe=False)
"""All that is this process's own."""
ProcessCollector(registry=OF_PROCESS)

REQUESTS = Counter(
    "eventdesk_http_requests",
    "Requests answered, by the name of their route, method and status. Files have the route static, unknown addresses none.",
    ["route", "method", "status"],
    registry=OF_PROCESS,
)
REQUEST_SECONDS = Histogram(
    "eventdesk_http_request_seconds",
    "How long requests took until their answer began, by route.",
    ["route"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
    registry=OF_PROCESS,
)
SOCKETS_REFUSED = Counter(
    "eventdesk_websockets_refused",
    "Websockets refused at their handshake: no login, a foreign page, no right, or no such address.",
    registry=OF_PROCESS,
)
TAIL_EVENTS = Counter(
    "eventdesk_tail_events",
    "Matching events of tails, summed over viewers: shown, sampled (left out of a page), slow (the viewer was).",
    ["fate"],
    registry=OF_PROCESS,
)
TAIL_LAG = Histogram(
    "eventdesk_tail_lag_seconds",
    "From the publishing of an event until it was given to a viewer, of the newest event of each frame.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
    registry=OF_PROCESS,
)
HINTS = Counter(
    "eventdesk_hints",
    "Hints to other processes that something has changed: sent, lost (Redis did not take it), heard (from all).",
    ["fate"],
    registry=OF_PROCESS,
)
FATES = ("shown", "sampled", "slow")
for _fate in FATES:
    TAIL_EVENTS.labels(_fate)  # a counter that has counted nothing is 0, not missing
for _fate in ("sent", "lost", "heard"):
    HINTS.labels(_fate)


def process_name() -> str:
    """``EVENTDESK_PROCESS``, such as ``web-1``; without it the host's name and the process's number."""
    return os.environ.get("EVENTDESK_PROCESS", "") or f"{socket.gethostname()}-{os.getpid()}"
