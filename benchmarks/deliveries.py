"""What delivery adds to the page of an aggregate: part of ``benchmarks.subscriptions``.

Fifty events of one aggregate wait for each of a topic's five subscriptions, behind sixty others. The page shows all fifty,
with a column for each subscription, and says at its head how many each has not acknowledged. It is opened with that and
without, in turn, while a poller runs; payloads are in this process's memory, so that the smallest page there is is compared.
"""

import statistics
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

if TYPE_CHECKING:
    from django.test import Client

EVENTS, OPENED = 50, 100
TYPE, ID = "order", "4711"
URL = f"/aggregates/{TYPE}/{ID}/"


def publish_aggregate(client: Any, topic: str) -> None:
    """Publish the aggregate's events."""
    producer = client.create_producer(f"persistent://{topic}", batching_enabled=False)
    for number in range(EVENTS):
        properties = {
            "ce_specversion": "1.0",
            "ce_id": f"delivery-{number}",
            "ce_type": "OrderChanged",
            "ce_source": "/bench",
            "ce_aggregatetype": TYPE,
            "ce_aggregateid": ID,
        }
        producer.send(b'{"number": %d}' % number, properties=properties, partition_key=ID)
    producer.close()


def delivery_figures(browser: "Client", subscriptions: int) -> dict[str, float]:
    """Return the ratio of the two pages' median times, and these, in milliseconds."""
    with_it, without = [], []
    for _ in range(OPENED):
        with_it.append(_seconds(browser, subscriptions * EVENTS))
        with patch("dashboard.views.aggregates.figures_for", lambda topics: None):
            without.append(_seconds(browser, 0))
    shown, plain = statistics.median(with_it), statistics.median(without)
    return {"delivery_ratio": shown / plain, "delivery_p50_ms": 1000 * shown, "without_delivery_p50_ms": 1000 * plain}


def _seconds(browser: "Client", cells: int) -> float:
    begun = time.perf_counter()
    answer = browser.get(URL, secure=True)
    spent = time.perf_counter() - begun
    rows, found = answer.content.count(b"data-line href="), answer.content.count(b'<td class="delivery"')
    if answer.status_code != HTTPStatus.OK or rows != EVENTS or found != cells:
        raise SystemExit(f"the aggregate's page came with status {answer.status_code}, {rows} rows and {found} states")
    return spent
