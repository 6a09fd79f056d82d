"""One real Pulsar broker for a whole test run: started at first use, on free ports, with its data in a temporary folder.

Where it cannot be started, the tests that need it are left out with the reason; in CI they fail instead.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.local_pulsar import LocalPulsar
from scripts.pulsar_distribution import NEWER_VERSION, BrokerProblem, chosen_version, missing_programs


@pytest.fixture(scope="session")
def pulsar_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPulsar]:
    """The broker, healthy; ``service_url`` and ``admin_url`` say where. A test that stops it starts it again."""
    broker = started(tmp_path_factory.mktemp("pulsar"))
    yield broker
    broker.stop()


@pytest.fixture(scope="session")
def newer_pulsar_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPulsar]:
    """As ``pulsar_broker``, of the newer version whatever ``PULSAR_VERSION`` is."""
    broker = started(tmp_path_factory.mktemp("pulsar"), version=NEWER_VERSION)
    yield broker
    broker.stop()


def started(data: Path, *, version: str | None = None, **options: Any) -> LocalPulsar:
    """A broker of one's own, healthy, of the version of ``PULSAR_VERSION`` unless given; ``options`` are ``LocalPulsar``'s."""
    version = version or chosen_version()
    missing = missing_programs(version)
    if missing:
        _left_out(f"the Pulsar tests need {' and '.join(missing)}")
    broker = LocalPulsar(data, version=version, short_lived=True, **options)
    try:
        broker.start()
    except BrokerProblem as problem:
        _left_out(f"the local Pulsar broker does not start: {problem}")
    return broker


def _left_out(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
