"""The beginning of a replay, whichever its way is."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from eventstore.config.projections import Hooks, Projection
from eventstore.jobs import Job, JobInterrupted, Progress
from eventstore.projections import When
from eventstore.replays.kind import Means, run_with
from tests.jobs.kinds import ANNA, NO_STORAGE
from tests.redriving import Notes
from tests.unit.replays.test_order import ORDER


class Projections:
    def __init__(self) -> None:
        self.called: list[When] = []

    def get(self, name: str) -> Projection:
        return Projection(name=name, purpose="", topics=("t",), subscription="s", hooks=Hooks(after="http://localhost/after"))

    def call_hook(self, projection: Projection, when: When, told: Any) -> None:
        self.called.append(when)


def test_a_replay_that_is_to_end_before_it_has_begun_calls_no_hook() -> None:
    """Somebody pauses it between its taking and the call."""
    projections = Projections()
    job = SimpleNamespace(id="job1", arguments=ORDER.as_json(), checkpoint={}, progress=Progress(), asker=ANNA, epoch=1)
    nothing = cast(Any, None)
    run = run_with(Means(projections=cast(Any, projections), read=nothing, is_external=lambda *of: False, letters=nothing))
    with pytest.raises(JobInterrupted):
        run(NO_STORAGE, cast(Job, job), Notes(stop_after=0))
    assert projections.called == []
