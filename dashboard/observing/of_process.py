"""What this web process tells of itself. Its series carry its name: another one tells other numbers."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from dashboard.gateway import shared
from dashboard.hints import of_process as hints
from dashboard.hints.standing import Standing
from dashboard.running.instruments import OF_PROCESS, process_name
from dashboard.sockets.open_sockets import OpenSockets

PROCESS = "process"
KINDS = {"person": "page", "token": "script"}


def metrics() -> Iterator[Metric]:
    """All that the process counts, and the viewers of its tails."""
    name = process_name()
    for family in [*OF_PROCESS.collect(), _viewers(), _redis()]:
        family.samples = [sample._replace(labels={**sample.labels, PROCESS: name}) for sample in family.samples]
        yield family


def _viewers() -> Metric:
    family = GaugeMetricFamily("eventdesk_tail_viewers", "Open tails, of pages and of scripts.", labels=["kind"])
    counted = shared(OpenSockets).tails()
    for account, kind in KINDS.items():
        family.add_metric([kind], counted[account])
    return family


def _redis() -> Metric:
    unavailable = float(hints.standing() is Standing.NO_ANSWER)
    return GaugeMetricFamily("eventdesk_redis_unavailable", "1 if Redis is set up and does not answer.", unavailable)
