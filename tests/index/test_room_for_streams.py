"""On PostgreSQL a stream's row that changes stays in its page, so that no index of the table changes."""

import pytest
from django.db import connections

from eventstore.index.tables.database import atomic
from eventstore.model.events import Event, Topic
from tests.indexing import event, index

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("desk_databases", "index_on_postgres")]

TOPIC = Topic(name="patients")
STREAMS = 1_000


def one_of_each(first: int) -> list[Event]:
    return [event(first + number, aggregate=("patient", f"{number:036}")) for number in range(STREAMS)]


def test_a_batch_that_changes_every_stream_leaves_each_row_in_its_page() -> None:
    index(one_of_each(0), topic=TOPIC)
    with atomic(), connections["index"].cursor() as cursor:
        index(one_of_each(STREAMS), topic=TOPIC)
        cursor.execute("SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_xact_user_tables WHERE relname = 'index_streamrow'")
        assert cursor.fetchall() == [(STREAMS, STREAMS)]
