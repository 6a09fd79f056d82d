"""Streams that go on after they were forgotten are looked up by the database's index, whatever its statistics say."""

from collections import OrderedDict

import pytest
from django.db import connections

from eventstore.index.tables.names import Names
from eventstore.index.writing import streams
from eventstore.model.events import Topic
from tests.index.asking import plans_of
from tests.indexing import event, index

pytestmark = pytest.mark.usefixtures("desk_databases")


def test_statistics_of_a_nearly_empty_index_do_not_make_it_read_every_stream_for_each() -> None:
    index([event(0)], topic=Topic(name="patients"))
    with connections["index"].cursor() as cursor:
        cursor.execute("ANALYZE")
        cursor.execute("SELECT id, partition_id FROM index_streamrow")
        ((stream, partition),) = cursor.fetchall()
    known: streams.Known = OrderedDict()
    asked = [("patient", str(number)) for number in (4711, 1, 2, 3)]
    plan = plans_of(lambda: streams.streams_of(partition, asked, known, 0, Names()))
    assert known["patient", "4711"].id == stream
    assert "USING INDEX streams_by_type" in plan
    assert "SCAN s" not in plan
