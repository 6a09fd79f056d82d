"""The ends of what is chosen of a partition are there, or nothing is planned."""

from types import SimpleNamespace
from typing import Any

import pytest

from eventstore.model.errors import InvalidReplay
from eventstore.replays.planning.choosing import _bounds

ONE: Any = SimpleNamespace(row=SimpleNamespace(pk=3, topic="patients"))


def test_no_plan_has_an_end_that_the_index_has_lost_meanwhile() -> None:
    bounds = _bounds(ONE, 0, 5, {(3, 0): "a", (3, 4): "e"})
    assert (bounds.first_token, bounds.last_token) == ("a", "e")
    with pytest.raises(InvalidReplay, match="The index of patients has just changed"):
        _bounds(ONE, 0, 5, {(3, 0): "a"})
