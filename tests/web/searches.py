"""What the tests of searches over a topic share."""

from typing import Any
from urllib.parse import urlencode

from dashboard import gateway
from eventstore.scanning.scan import Scan
from tests.web.desk import TOPIC, Desk, attribute

SHOW = f"/topics/{TOPIC}/"


def filtered(desk: Desk, filter: str, role: str = "support", **more: Any) -> Any:
    return desk.get(f"{SHOW}?{urlencode({'filter': filter, **more})}", role)


def the_scan(desk: Desk, role: str = "support") -> Scan[Any]:
    [scan] = [scan for _, scan in gateway.desk().scans._scans.values()]
    return scan


def join_all() -> None:
    """Wait until every search has ended."""
    for _, scan in gateway.desk().scans._scans.values():
        scan.join(60)


def ended(desk: Desk, address: str) -> Any:
    """Ask for the address, and again once the search that this begins has ended, however long that takes."""
    answer = desk.get(address)
    join_all()
    begun = attribute(answer, "data-search")
    return desk.get(f"{address}&{urlencode({'search': begun[0]})}") if begun else answer


def polls(answer: Any) -> list[str]:
    return [url for url in attribute(answer, "hx-get") if url.startswith("/searches/")]
