"""The last note of a share is a note of its job too: people wait for that."""

import pytest

from eventstore.jobs.face import JobFace
from eventstore.jobs.running import shares
from eventstore.jobs.running.shares import ShareLease
from tests.jobs.kinds import asked, known
from tests.jobs.test_shares import EACH, NAMES, sharing


def test_a_share_that_has_come_to_its_end_shows_in_the_jobs_progress_at_once(
    jobs: JobFace, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, finish = list[int](), shares.finish

    def finished(lease: ShareLease) -> None:
        seen.append(jobs.newest(limit=1)[0].progress.done)
        finish(lease)

    monkeypatch.setattr(shares, "finish", finished)
    with known(sharing()):
        asked(jobs, sharing())
        jobs.run_until_idle()
    assert seen == [EACH * (number + 1) for number in range(len(NAMES))]
