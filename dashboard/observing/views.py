"""``/metrics``: for Prometheus, in its text format."""

from collections.abc import Iterator
from functools import lru_cache, partial

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_safe
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from dashboard.access.copies import sees_topic
from dashboard.auditing.refusals import NOBODY, note_refusal
from dashboard.observing import from_databases, of_process
from dashboard.observing.who_may import READ_METRICS, Reader, Refusal, reader_of

WHERE = "metrics"
SAID = {
    Refusal.NO_TOKEN: (401, "Show an API token for metrics: Authorization: Bearer <token>. See docs/metrics.md.\n"),
    Refusal.NOT_ALLOWED: (403, "This API token is not for metrics. See docs/metrics.md.\n"),
    Refusal.SEES_NOTHING: (403, "No scope gives this API token's role any topic. See docs/metrics.md.\n"),
}


class _Told(Collector):
    """What this reader is told."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    def collect(self) -> Iterator[Metric]:
        scope = self.reader.scope
        sees = from_databases.everything if scope.limits_nothing else lru_cache(None)(partial(sees_topic, scope))
        yield from from_databases.metrics(sees)
        yield from of_process.metrics()


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """What databases and this process tell. 401 without a token that is in force, 403 with one that is for something else."""
    reader = reader_of(request)
    if isinstance(reader, Refusal):
        return _refused(request, reader)
    return HttpResponse(generate_latest(_Told(reader)), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _refused(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    note_refusal(NOBODY, WHERE, READ_METRICS)
    status, text = SAID[refusal]
    response = HttpResponse(text, status=status, content_type="text/plain")
    response["WWW-Authenticate"] = "Bearer"
    return response


urls = [path("metrics", metrics, name="metrics")]
