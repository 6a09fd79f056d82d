"""What a test leaves behind in its databases."""

import pytest
from django.db import connections

from tests.databases import forget_statistics
from tests.index.asking import PATIENTS, found, plans_of
from tests.indexing import event, index

pytestmark = pytest.mark.usefixtures("desk_databases")


def test_the_statistics_of_one_test_choose_no_plan_of_the_next() -> None:
    index([event(0)], topic=PATIENTS)
    plan = plans_of(lambda: found("4711"))
    with connections["index"].cursor() as cursor:
        cursor.execute("ANALYZE")
    assert plans_of(lambda: found("4711")) != plan
    forget_statistics("index")
    assert plans_of(lambda: found("4711")) == plan
