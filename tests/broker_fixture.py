"""The run's Pulsar brokers for its tests, and a broker of one's own for tests that stop it.

If a broker cannot be started, the tests that need it are skipped with the reason; in CI they fail instead.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn
from uuid import uuid4

import httpx
import pytest

from scripts.local_pulsar import LocalPulsar
from scripts.pulsar_distribution import NEWER_VERSION, chosen_version
from tests.run_servers import FIND, BrokerAddress, NotAvailable, new_broker
from tests.scheduling import group

OWN = pytest.StashKey[LocalPulsar]()
LEDGERS_SECONDS = 60.0


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
    _wait_for_its_ledgers(broker_to_stop)
    return broker_to_stop


def _wait_for_its_ledgers(broker: LocalPulsar) -> None:
    """Wait until it makes a topic and a cursor. One that was killed is healthy some seconds before it gets at its ledgers."""
    topic = f"{broker.admin_url}/admin/v2/persistent/public/default/ledgers-{uuid4().hex}"
    end = time.monotonic() + LEDGERS_SECONDS
    with httpx.Client(timeout=LEDGERS_SECONDS) as client:
        while not (client.put(topic).is_success and client.put(f"{topic}/subscription/one").is_success):
            assert time.monotonic() < end, "the broker does not get at its ledgers"
            time.sleep(0.1)
            topic += "-"  # what is half made cannot be made again
        client.delete(topic, params={"force": "true"})


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
