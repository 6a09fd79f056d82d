"""A process has one carrier of hints, which is a thread of its own."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from dashboard.hints import of_process


@pytest.fixture
def redis(settings: Any) -> Iterator[None]:
    """One that is set up, and does not answer."""
    settings.REDIS = {"host": "127.0.0.1", "port": 9}
    yield
    of_process.close()


@pytest.mark.usefixtures("redis")
def test_a_forked_process_has_none_of_its_parent() -> None:
    of_process.send()
    with of_process._own.lock:
        pid = os.fork()
        if pid == 0:
            os._exit(0 if of_process._own.carrier is None and not of_process._own.lock.locked() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert of_process._own.carrier is not None


@pytest.mark.usefixtures("redis")
def test_whoever_has_sent_before_it_listens_listens_all_the_same() -> None:
    of_process.send()
    sending = of_process._own.carrier
    of_process.listen(lambda: None)
    listening = of_process._own.carrier
    assert sending is not None and listening is not None and listening.hears
    assert sending is not listening and not sending._thread.is_alive()
    of_process.listen(lambda: None)
    assert of_process._own.carrier is listening
