"""The demo's app over the real broker."""

from pathlib import Path
from typing import Any

import pytest

from tests.contract.stores import storage_from
from tests.demo_app import app_running, replay
from tests.namespaces import Broker, own_namespace


@pytest.mark.broker
@pytest.mark.usefixtures("desk_databases")
def test_a_document_that_the_app_lacks_appears_once_its_event_comes_again(
    pulsar_broker: Broker, settings: Any, tmp_path: Path
) -> None:
    settings.DATA_DIR = tmp_path
    storage = storage_from(own_namespace(pulsar_broker))
    try:
        with app_running(storage):
            replay(storage)
    finally:
        storage.close()
