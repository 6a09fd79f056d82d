"""The progress of the index by topic: what is indexed, what waits, the indexers, and since when."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from eventstore.config import shell_command
from eventstore.index.models import IndexedPartition
from tests.web.desk import Desk, attribute, opened_desk, text
from tests.web.test_events import away

PAGE = "/index/"


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        yield opened


def now() -> datetime:
    return datetime.now(UTC)


def leased(topic: str, **columns: object) -> None:
    """Set the rows of this topic as a running indexer would."""
    held = {"owner": "one", "leased_until": now() + timedelta(minutes=1), "measured_at": now(), **columns}
    IndexedPartition.objects.using("index").filter(topic=topic).update(**held)


def states(desk: Desk) -> dict[str, str]:
    answer = desk.get(PAGE)
    return dict(zip(attribute(answer, "data-topic"), attribute(answer, "data-state"), strict=True))


def test_a_new_installation_says_what_to_start(desk: Desk) -> None:
    answer = desk.get(PAGE)
    assert answer.status_code == 200
    assert "Nothing is indexed yet." in text(answer)
    assert "python manage.py run_index" in text(answer)


def test_every_topic_is_listed_with_what_is_indexed_of_it(desk: Desk) -> None:
    desk.publish(5)
    desk.publish(3, topic="documents", start=10, partitions=2)
    desk.publish(1, topic="documents-mailer-DLQ", start=20)
    answer = desk.get(PAGE)
    assert attribute(answer, "data-topic") == ["documents", "documents-mailer-DLQ", "patients"]
    assert attribute(answer, "data-indexed") == ["3", "1", "5"]
    assert "All 3 topics are up to date." in text(answer)
    assert "</progress> " in answer.content.decode(), "the figure's text does not begin at the bar's end"
    assert not re.search(r"</progress>\S", answer.content.decode())
    assert "in 4 partitions of 3 topics" in text(answer)
    assert "dead-letter" in text(answer)


def test_a_topic_that_is_caught_up_with_says_so_though_no_indexer_runs_now(desk: Desk) -> None:
    desk.publish(5)
    assert states(desk) == {"patients": "up to date"}


def test_a_topic_that_catches_up_says_how_much_waits_how_quick_and_how_long_it_takes(desk: Desk) -> None:
    desk.publish(50)
    then = now() - timedelta(minutes=10)
    leased("patients", behind=150, behind_exact=True, rate=15.0, caught_up_at=then, indexed_published_at=then)
    answer = desk.get(PAGE)
    seen = text(answer)
    assert attribute(answer, "data-state") == ["catching up"]
    assert 'value="0.2500"' in answer.content.decode()
    for part in ("25 %", "150", "15 a second", "about 10 seconds", "10 minutes", "1 of 1 topic is behind"):
        assert part in seen
    assert "about 150" not in seen


def test_what_is_estimated_says_so(desk: Desk) -> None:
    desk.publish(50)
    leased("patients", behind=1500, behind_exact=False, rate=2.5, caught_up_at=now() - timedelta(hours=2))
    assert "about 1,500" in text(desk.get(PAGE))
    assert "estimated from the entries that the broker counts" in text(desk.get(PAGE))
    assert "2.5 a second" in text(desk.get(PAGE))


def test_what_was_never_counted_and_never_caught_up_makes_up_no_figure(desk: Desk) -> None:
    desk.publish(5)
    leased("patients", behind=None, caught_up_at=None)
    answer = desk.get(PAGE)
    assert "not counted yet" in text(answer)
    assert "never caught up yet" in text(answer)
    assert "value=" not in answer.content.decode().split('id="live"')[1].split("</main>")[0]


def test_where_events_wait_and_nobody_indexes_it_says_what_to_start(desk: Desk) -> None:
    desk.publish(5)
    long_ago = now() - timedelta(hours=1)
    for nobody in ({"owner": ""}, {"leased_until": long_ago}):
        leased("patients", behind=3, caught_up_at=long_ago, **nobody)
        answer = desk.get(PAGE)
        assert attribute(answer, "data-state") == ["no indexer"]
        assert "No indexer runs for 1 topic." in text(answer)
        assert "and no indexer runs." in text(answer)


def test_an_indexer_that_does_not_get_on_is_told_from_one_that_does(desk: Desk) -> None:
    desk.publish(5)
    leased("patients", behind=3, rate=0.0, caught_up_at=now() - timedelta(hours=1))
    assert states(desk) == {"patients": "does not move"}


def test_a_rate_of_an_indexer_that_has_gone_is_none(desk: Desk) -> None:
    desk.publish(5)
    gone = now() - timedelta(hours=1)
    leased("patients", behind=3, rate=77.0, measured_at=gone, caught_up_at=gone)
    assert "77 a second" not in text(desk.get(PAGE))
    assert "not known" in text(desk.get(PAGE))


def test_a_topic_that_is_gone_from_the_store_is_shown_as_such_and_holds_up_no_figure(desk: Desk) -> None:
    desk.publish(5)
    desk.publish(3, topic="documents", start=10)
    long_ago = now() - timedelta(days=3)
    rows = IndexedPartition.objects.using("index").filter(topic="documents")
    rows.update(gone_at=long_ago, caught_up_at=long_ago, behind=7)
    answer = desk.get(PAGE)
    assert states(desk) == {"documents": "gone from the store", "patients": "up to date"}
    assert "All 1 topic is up to date." in text(answer)
    assert "3 events stay findable" in text(answer)
    assert shell_command("rebuild_index", "--topic", "documents", "--forget") in text(answer)
    assert "days" not in text(desk.get("/topics/"))
    assert 'data-attention="index"' not in desk.get("/").content.decode()
    rows.update(gone_at=None)
    assert 'data-attention="index"' in desk.get("/").content.decode()


def test_where_every_topic_is_gone_nothing_is_behind(desk: Desk) -> None:
    desk.publish(5)
    IndexedPartition.objects.using("index").update(gone_at=now(), caught_up_at=now() - timedelta(days=3))
    assert "The store no longer has any of the 1 topic indexed." in text(desk.get(PAGE))
    assert 'data-attention="index"' not in desk.get("/").content.decode()


def test_a_topic_that_is_indexed_as_another_kind_than_it_is_says_so(desk: Desk) -> None:
    desk.publish(5)
    assert "rebuild_index" not in text(desk.get(PAGE))
    IndexedPartition.objects.using("index").update(kind="dead-letter")
    seen = text(desk.get(PAGE))
    assert "events now" in seen
    assert f"indexed as dead-letter: {shell_command('rebuild_index', '--topic', 'patients')}" in seen


def test_htmx_gets_what_changes_alone_and_asks_again(desk: Desk) -> None:
    desk.publish(5)
    answer = desk.get(PAGE, fragment=True)
    assert "<html" not in answer.content.decode()
    assert attribute(answer, "hx-get") == [PAGE]
    assert attribute(answer, "data-refresh") == ["3"]
    desk.publish(2, start=5)
    assert attribute(desk.get(PAGE, fragment=True), "data-indexed") == ["7"]


def test_it_needs_no_store(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.publish(5)
    for name in ("ping", "topics", "ends"):
        monkeypatch.setattr(type(desk.log), name, away)
    assert attribute(desk.get(PAGE), "data-indexed") == ["5"]


def test_the_overview_and_the_foot_of_each_page_lead_here(desk: Desk) -> None:
    desk.publish(1)
    assert desk.get("/").content.decode().count(f'href="{PAGE}"') >= 2
    assert f'href="{PAGE}"' in desk.get("/topics/").content.decode()


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a%2Fb", "~", '"><img src=x>'])
def test_hostile_topic_names_are_text(desk: Desk, name: str) -> None:
    desk.publish(1)
    IndexedPartition.objects.using("index").update(topic=name)
    answer = desk.get(PAGE)
    assert attribute(answer, "data-topic") == [name]
    assert "<script>alert" not in answer.content.decode()
    assert "<img src" not in answer.content.decode()
