"""Pages of subscriptions that are the store's own, or wait for a reason: what they say, and that no reset of the own is done.

The embedded store has no such subscriptions. So a storage around it says of some names what a broker would say.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse

from dashboard import gateway
from dashboard.auditing.acts import acts
from eventstore.drivers.opening import open_storage
from eventstore.model.subscriptions import OpenTransaction, Subscription, SubscriptionCapabilities, SubscriptionKind
from tests.web.desk import NAME, TOPIC, Desk, attribute, opened_desk, text
from tests.web.resetting import confirmed, post_url, preview_url

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
FUNCTION = "public/default/echo"
COUNTED = SubscriptionCapabilities(
    backlog_unit="entries", reset_disconnects=True, lists_consumers=True, loses_acknowledgements=True
)


class Told:
    """Subscriptions of the embedded store, with changes by name."""

    capabilities = COUNTED

    def __init__(self, subscriptions: Any) -> None:
        self._there = subscriptions
        self.changes: dict[str, dict[str, Any]] = {
            "__compaction": {"kind": SubscriptionKind.COMPACTION},
            FUNCTION: {"kind": SubscriptionKind.FUNCTION},
        }
        self.of_cursors: dict[str, dict[str, Any]] = {}

    def of_topic(self, topic: str) -> Sequence[Subscription]:
        return [self._changed(each) for each in self._there.of_topic(topic)]

    def named(self, topic: str, name: str) -> Subscription:
        return self._changed(self._there.named(topic, name))

    def _changed(self, found: Subscription) -> Subscription:
        cursors = [replace(cursor, **self.of_cursors.get(found.name, {})) for cursor in found.cursors]
        return replace(found, cursors=cursors, **self.changes.get(found.name, {}))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._there, name)


@pytest.fixture
def desk(desk_databases: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    def opened(*given: Any, **more: Any) -> Any:
        storage = open_storage(*given, **more)
        monkeypatch.setattr(storage, "subscriptions", Told(storage.subscriptions))
        return storage

    monkeypatch.setattr(gateway, "open_storage", opened)
    with opened_desk() as one:
        one.publish(6)
        yield one


def told(desk: Desk) -> Told:
    found = desk.subscriptions
    assert isinstance(found, Told)
    return found


def page(name: str = NAME) -> str:
    return reverse("subscription", args=[TOPIC, name])


def test_the_brokers_own_cursor_comes_last_is_explained_and_offers_no_reset(desk: Desk) -> None:
    desk.subscribe("__compaction", handled=2)
    desk.subscribe(handled=6)
    listed = desk.get("/subscriptions/")
    assert attribute(listed, "data-subscription") == [NAME, "__compaction"]
    assert "the broker's own for compaction" in text(listed)
    shown = desk.get(page("__compaction"))
    assert "The broker’s own cursor for compaction of patients" in text(shown)
    assert "This cursor cannot be reset" in text(shown)
    assert "Reset cursor…" not in text(shown)
    assert "cursor-resets" not in shown.content.decode()
    overview = desk.get("/")
    assert "1 of 1 subscription is healthy" in text(overview)
    assert "__compaction" not in attribute(overview, "data-subscription")


def test_a_reset_of_it_by_hand_is_refused_with_the_reason_and_nothing_is_recorded(desk: Desk) -> None:
    desk.subscribe("__compaction", handled=6)
    desk.subscribe(handled=6)
    form = confirmed(desk.get(preview_url("earliest")))
    for answer in (
        desk.get(preview_url("earliest", "__compaction")),
        desk.client().post(post_url("__compaction"), form),
        desk.client("admin").post(post_url("__compaction"), {**form, "typed": "__compaction"}),
    ):
        assert answer.status_code == 409
        assert "This cursor cannot be moved" in text(answer)
        assert "keeps this cursor for its own compaction" in text(answer)
    assert desk.subscriptions.named(TOPIC, "__compaction").backlog == 0
    assert not acts()


def test_a_functions_subscription_is_named_as_one_and_reset_like_any(desk: Desk) -> None:
    desk.subscribe(FUNCTION, handled=6)
    assert "function" in text(desk.get("/subscriptions/"))
    assert "By its name it belongs to a Pulsar function, and no instance of it is connected." in text(desk.get(page(FUNCTION)))
    form = confirmed(desk.get(preview_url("earliest", FUNCTION)))
    assert desk.client().post(post_url(FUNCTION), form).status_code == 302
    assert desk.subscriptions.named(TOPIC, FUNCTION).backlog == 6


def test_what_waits_for_a_transaction_is_said_with_its_time_and_on_the_overview_if_it_lasts(desk: Desk) -> None:
    desk.subscribe(handled=6)
    told(desk).of_cursors[NAME] = {"behind": OpenTransaction(since=NOON - timedelta(days=1)), "backlog": 2}
    shown = desk.get(page())
    assert attribute(shown, "data-reason") == ["transaction"]
    assert "Behind an open transaction since" in text(shown)
    assert "2 of the broker’s entries, in or behind the open transaction" in text(shown)
    assert attribute(shown, "data-state") == ["held back"]
    assert "held-back" in attribute(desk.get("/"), "data-attention")


def test_what_is_delayed_is_said_with_the_time_and_is_not_stuck(desk: Desk) -> None:
    from eventstore.drivers.database.models import CursorRow

    desk.subscribe(handled=4)
    CursorRow.objects.using("store").update(moved=NOON - timedelta(days=900))
    told(desk).of_cursors[NAME] = {"delayed": 2, "due": {desk.faces.log.ends(TOPIC)[0].last: NOON + timedelta(days=9000)}}
    shown = desk.get(page())
    assert attribute(shown, "data-reason") == ["delayed"]
    assert attribute(shown, "data-state") == ["delayed"]
    assert "the next one is due" in text(shown)


def test_what_expired_in_a_consumers_hands_and_a_replicated_place_are_explained(desk: Desk) -> None:
    desk.subscribe(handled=6)
    told(desk).changes[NAME] = {"expired_held": 3, "replicated": True}
    said = text(desk.get(page()))
    assert "3 events have expired in a consumer’s hands." in said
    assert "“acknowledged” is a lower bound" in said


@pytest.mark.parametrize(("counter", "kind"), [(0, "restart"), (101, "reset")])
def test_a_cursor_that_went_back_is_said_and_a_crash_is_not_called_a_reset(desk: Desk, counter: int, kind: str) -> None:
    desk.subscribe(handled=5)
    told(desk).of_cursors[NAME] = {"counters": (100,)}
    assert attribute(desk.get(page()), "data-setback") == []
    told(desk).of_cursors[NAME] = {"counters": (counter,), "acknowledged": None}
    shown = desk.get(page())
    assert attribute(shown, "data-setback") == [kind]
    assert ("no person reset it" in text(shown)) == (kind == "restart")


def test_acknowledged_is_what_the_broker_holds_in_memory(desk: Desk) -> None:
    desk.subscribe(handled=5)
    assert "Acknowledged: as the broker holds it in its memory now." in text(desk.get(page()))
