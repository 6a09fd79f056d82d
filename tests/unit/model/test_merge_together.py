"""Sources that are read together, a few items of each at first, give the same pages as those that are read one by one."""

import random
from collections.abc import Sequence

import pytest

from eventstore.model import merge as module
from eventstore.model.merge import Boundaries, Item, MergeSources, decode_page_token, merge, older_items
from tests.unit.model.test_merge import UNKNOWN, Log, sources


def together(*logs: Log, at_first: int) -> MergeSources[str]:
    """The same, read together: at first only so many items of each."""
    each = sources(*logs)

    def read(start: Boundaries, limit: int, backward: bool) -> dict[str, Sequence[Item[str]]]:
        of_one = module._read_backward if backward else module._read_forward
        return {name: of_one(each[name], start[name], limit) for name in start}

    return MergeSources(names=list(each), read=read, at_first=at_first)


@pytest.mark.parametrize("seed", range(20))
def test_sources_that_are_read_together_give_the_same_pages_however_few_are_read_at_first(seed: int) -> None:
    chance = random.Random(seed)
    logs = [
        Log(f"log{number}-", [chance.choice([UNKNOWN, *range(60)]) for _ in range(chance.choice([0, 1, 3, 40]))])
        for number in range(chance.choice([1, 2, 30]))
    ]
    limit, at_first = chance.choice([1, 5, 20]), chance.choice([1, 2, 8])
    token: str | None = None
    for _ in range(30):
        page = merge(sources(*logs), token, limit)
        assert merge(together(*logs, at_first=at_first), token, limit) == page
        if token is None or decode_page_token(token)[0] == "older":
            items, behind = older_items(together(*logs, at_first=at_first), token, limit)
            others, behind_others = older_items(sources(*logs), token, limit)
            assert items == others
            assert [behind(count) for count in range(1, len(items))] == [behind_others(c) for c in range(1, len(items))]
        token = chance.choice([page.newer, page.older, page.older])
