"""The stores and histories that faults are tried on."""

from collections.abc import Iterator, Sequence

import pytest

from eventstore.model.storage import Storage
from eventstore.samples.health import permit_like
from tests.contract.stores import storage_from
from tests.namespaces import Broker, own_namespace
from tests.run_servers import BrokerAddress
from tests.shared_data import permit_file
from tests.stream_check import Document, by_stream, documents_of


@pytest.fixture
def broker(pulsar_broker: BrokerAddress) -> Broker:
    """The broker of the store on Pulsar."""
    return pulsar_broker


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgres", marks=pytest.mark.postgres),
        pytest.param("pulsar", marks=pytest.mark.broker),
    ]
)
def address(request: pytest.FixtureRequest, desk_databases: dict[str, str]) -> dict[str, str]:
    """Where store and index are, as the environment of a process. They contain nothing but this test's topic.

    If the store is on PostgreSQL, so is the index.
    """
    if request.param == "pulsar":
        return {**desk_databases, **own_namespace(request.getfixturevalue("broker"))}
    if request.param == "postgres":
        store = request.getfixturevalue("store_on_postgres")
        index = request.getfixturevalue("index_on_postgres")
        return {**desk_databases, "STORE_DATABASE_URL": store, "INDEX_DATABASE_URL": index}
    return desk_databases


@pytest.fixture
def storage(address: dict[str, str]) -> Iterator[Storage]:
    opened = storage_from(address)
    yield opened
    opened.close()


@pytest.fixture(params=[150, pytest.param("permit", marks=pytest.mark.permit)])
def documents(request: pytest.FixtureRequest) -> Sequence[Document]:
    """The events to index: those of this many generated applications, or the real ones."""
    if request.param == "permit":
        documents = documents_of(permit_file())
        assert (len(documents), len(by_stream(documents))) == (8577, 1434), "the permit file is not whole"
        return documents
    return list(permit_like(seed=20260301, applications=request.param))
