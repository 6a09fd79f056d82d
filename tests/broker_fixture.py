"""The run's Pulsar brokers for its tests, and a broker of one's own for tests that stop it.

If a broker cannot be started, the tests that need it are skipped with the reason; in CI they fail instead.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from scripts.local_pulsar import LocalPulsar
from scripts.pulsar_distribution import NEWER_VERSION, chosen_version
from tests.run_servers import FIND, BrokerAddress, NotAvailable, new_broker
from tests.scheduling import group

OWN = pytest.StashKey[LocalPulsar]()


@pytest.fixture(scope="session")
def pulsar_broker(pytestconfig: pytest.Config) -> BrokerAddress:
    """The broker of the whole run. Other tests use it at the same time: work in topics or a namespace of your own."""
    return _broker_of_the_run(pytestconfig, chosen_version())


@pytest.fixture(scope="session")
def newer_pulsar_broker(pytestconfig: pytest.Config) -> BrokerAddress:
    """As ``pulsar_broker``, of the newer version whatever ``PULSAR_VERSION`` is."""
    return _broker_of_the_run(pytestconfig, NEWER_VERSION)


@pytest.fixture(scope="session")
def broker_to_stop(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[LocalPulsar]:
    """The broker of ``own_pulsar_broker``, which may have ended since."""
    broker = started(tmp_path_factory.mktemp("pulsar"))
    pytestconfig.stash[OWN] = broker
    yield broker
    broker.kill()


@pytest.fixture
def own_pulsar_broker(broker_to_stop: LocalPulsar) -> LocalPulsar:
    """A broker that no other worker uses, for tests that stop it. Such a test starts it again."""
    if not broker_to_stop.running():
        broker_to_stop.start()
    return broker_to_stop


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """End that broker after the last of the files that share it. Idle, it keeps a processor busy for a fortieth of the time.

    Nobody reads its data again, and a clean end may take half a minute.
    """
    if OWN in item.config.stash and (nextitem is None or group(nextitem.nodeid) != group(item.nodeid)):
        item.config.stash[OWN].kill()


def started(data: Path, *, version: str | None = None, **options: Any) -> LocalPulsar:
    """One more broker, healthy, which the caller stops.

    Its version is that of ``PULSAR_VERSION`` unless given; ``options`` are ``LocalPulsar``'s.
    """
    try:
        return new_broker(data, version=version or chosen_version(), **options)
    except NotAvailable as problem:
        left_out(str(problem))


def _broker_of_the_run(config: pytest.Config, version: str) -> BrokerAddress:
    try:
        address: BrokerAddress = config.stash[FIND](version)
    except NotAvailable as problem:
        left_out(str(problem))
    return address


def left_out(reason: str) -> NoReturn:
    """Skip the test, or fail it in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
