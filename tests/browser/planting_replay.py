"""Plants a paused replay of the first two documents and a second generation: their pages have addresses known before."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")

import django

django.setup()

from dashboard import gateway  # noqa: E402
from eventstore.jobs import State  # noqa: E402
from eventstore.model.log import Edge  # noqa: E402
from eventstore.model.storage import subscriptions_of  # noqa: E402
from eventstore.model.subscriptions import SubscriptionType  # noqa: E402
from eventstore.replays import Kind, What  # noqa: E402
from tests.planted_replay import copied, planted, replay_order  # noqa: E402


def main() -> None:
    desk = gateway.desk()
    there = subscriptions_of(desk.store)
    there.create("documents", "app-timeline-v2", type=SubscriptionType.SHARED, start=Edge.EARLIEST)
    messages = desk.log.read_forward("documents", 0, limit=2)
    order = replay_order("documents", messages, what=What(kind=Kind.AGGREGATE, aggregate=("document", "d1")))
    planted(order, copied(desk, order, messages), state=State.PAUSED, stopped_by="anna")


if __name__ == "__main__":
    try:
        main()
    finally:
        gateway.close()
