"""What is fetched before a share is there: for this process alone, once, and not for long."""

import threading
from types import SimpleNamespace
from typing import Any, cast

import pytest

from eventstore.replays.sending import reading
from eventstore.replays.sending.reading import begun_ahead, taken_ahead

NOTHING: Any = SimpleNamespace(each=lambda: ())


def test_it_is_taken_once_and_only_within() -> None:
    with begun_ahead(cast(Any, None), NOTHING, "job", 0):
        assert taken_ahead("job", 1) is None
        assert taken_ahead("job", 0) == []
        assert taken_ahead("job", 0) is None
    with begun_ahead(cast(Any, None), NOTHING, "job", 0):
        pass
    assert taken_ahead("job", 0) is None


def test_it_is_given_up_where_another_process_has_the_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "AHEAD_SECONDS", 0.02)
    given_up = threading.Event()
    plain = reading.taken_ahead

    def noted(job: str, partition: int) -> None:
        plain(job, partition)
        given_up.set()

    monkeypatch.setattr(reading, "taken_ahead", noted)
    with begun_ahead(cast(Any, None), NOTHING, "job", 0):
        assert given_up.wait(20)
        assert plain("job", 0) is None
