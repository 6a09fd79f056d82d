"""A tail takes a filter where the pages of all its topics take it, and nowhere else."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from dashboard.sockets.tail import threads
from eventstore.model import NewMessage
from tests.people import person
from tests.web.desk import TOPIC, Desk, event
from tests.web.masking import masked
from tests.web.walk.roles import logged_in
from tests.web.walk.sockets import cookie_of, heard

OTHER = "other"
RULES = f"""
[masking]
clear_for = ["admin"]

[[masking.rule]]
topic = "{TOPIC}"
path = "data.city"
show = "plain"
"""
FILTER = "data.city:Bonn"
BEGINS = {"from": {"last": 50}, "filter": FILTER}


@pytest.fixture
def planted(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with ThreadPoolExecutor(2) as pool, masked(RULES):
        for name in ("_opening", "_reading"):
            monkeypatch.setattr(threads, name, pool)
        for topic in (TOPIC, OTHER):
            desk.log.create_topic(topic, partitions=1)
        desk.log.append(
            TOPIC, [NewMessage(payload=json.dumps({"city": "Bonn"}).encode(), key="4711", properties=event(7).properties)]
        )
        desk.index()
        yield desk


def said(path: str, begin: dict[str, Any], *, script: bool) -> str:
    whole = async_to_sync(heard)(person("viewer"), cookie_of(logged_in("viewer")), path, {**BEGINS, **begin}, script=script)
    return "".join(whole)


@pytest.mark.parametrize("script", [False, True])
def test_a_tail_takes_a_filter_that_its_topics_page_takes(planted: Desk, script: bool) -> None:
    assert planted.get(f"/topics/{TOPIC}/?filter={FILTER}", "viewer").status_code == 200
    aggregate = {"aggregate": {"type": "patient", "id": "4711"}}
    for path, begin in ((f"/topics/{TOPIC}/tail/live/", {}), ("/tail/live/", {"topics": [TOPIC]}), ("/tail/live/", aggregate)):
        found = said(path, begin, script=script)
        assert "masked for you" not in found
        assert '"mark"' in found, (path, begin)


@pytest.mark.parametrize("script", [False, True])
def test_a_tail_takes_none_that_the_page_of_one_of_its_topics_refuses(planted: Desk, script: bool) -> None:
    assert planted.get(f"/topics/{OTHER}/?filter={FILTER}", "viewer").status_code == 403
    for path, begin in ((f"/topics/{OTHER}/tail/live/", {}), ("/tail/live/", {"topics": [TOPIC, OTHER]})):
        found = said(path, begin, script=script)
        assert "data.city is masked for you" in found
        assert "4400" in found
        assert '"count"' not in found
