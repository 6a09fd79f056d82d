"""A 500 of a broker that is starting is told from other errors of its admin API."""

import json
from pathlib import Path

import httpx
import pytest

from eventstore.drivers.pulsar.access.answers import is_starting
from eventstore.drivers.pulsar.access.credentials import Credentials
from eventstore.drivers.pulsar.admin_http import AdminHttp
from eventstore.model.errors import StoreRefused, StoreUnreachable

RECORDED = json.loads((Path(__file__).parents[2] / "data/starting/standalone.json").read_text(encoding="utf-8"))["versions"]
UNEXPECTED = "\n --- An unexpected error occurred in the server ---\n\nMessage: {}\n\nStacktrace:\n\njava.lang.X: {}\n\tat x"
NO_SERVICE = (
    'Cannot invoke "org.apache.pulsar.broker.namespace.NamespaceService.getListOfTopics()" because the return value of '
    '"org.apache.pulsar.broker.PulsarService.getNamespaceService()" is null'
)
STARTING = [
    UNEXPECTED.format(NO_SERVICE, NO_SERVICE),
    "Namespace service is not ready for acquiring ownership",
    "Broker is still starting",
    "Web service not initialized",
]
LEDGERS = [
    UNEXPECTED.format(
        "X", "org.apache.bookkeeper.mledger.ManagedLedgerException: Error while recovering ledger error code: -10"
    ),
    "org.apache.bookkeeper.mledger.ManagedLedgerException: Bookie handle is not available error code: -8",
    "org.apache.bookkeeper.mledger.ManagedLedgerException: Not enough non-faulty bookies available",
]
OTHERS = [
    "org.apache.bookkeeper.mledger.ManagedLedgerException$CursorNotFoundException: no such cursor",
    UNEXPECTED.format("Metadata store timed out", "Metadata store timed out"),
    'Cannot invoke "String.length()" because "name" is null',
    "Topic has no ready producers",
    "",
]


def answer(reason: str) -> httpx.Response:
    return httpx.Response(500, json={"reason": reason})


@pytest.mark.parametrize("reason", STARTING)
def test_a_broker_whose_services_are_not_there_yet_is_starting(reason: str) -> None:
    assert is_starting(answer(reason))
    assert is_starting(httpx.Response(500, text=f"<html>{reason}</html>"))


@pytest.mark.parametrize("reason", OTHERS)
def test_another_500_is_not(reason: str) -> None:
    assert not is_starting(answer(reason))


@pytest.mark.parametrize("version", sorted(RECORDED))
def test_no_answer_that_a_standalone_broker_gives_while_it_starts_is_taken_for_that_of_one_without_its_services(
    version: str,
) -> None:
    """It opens its port last. Until it has made the namespace, which is once in its life, it answers 404."""
    given = [httpx.Response(one["status"], text=one.get("body", "")) for one in RECORDED[version]]
    assert {one.status_code for one in given} == {200, 404}
    assert "Namespace not found" in "".join(one.text for one in given)
    assert not any(map(is_starting, given))


@pytest.mark.parametrize("reason", LEDGERS)
def test_a_job_is_tried_again_where_the_broker_does_not_get_at_its_ledgers(reason: str) -> None:
    http = AdminHttp(url="http://broker.example:8080/admin", credentials=Credentials())
    assert isinstance(http._refusal(answer(reason), "GET", "v2/tenants"), StoreUnreachable)
    for other in OTHERS:
        assert isinstance(http._refusal(answer(other), "GET", "v2/tenants"), StoreRefused)


def test_a_page_waits_for_a_broker_that_is_starting() -> None:
    http = AdminHttp(url="http://broker.example:8080/admin", credentials=Credentials())
    assert str(http._refusal(answer(STARTING[0]), "GET", "v2/tenants")) == (
        "The broker at broker.example:8080 is starting. Nothing is lost: it answers in a moment."
    )
    assert str(http._refusal(answer(OTHERS[-2]), "GET", "v2/tenants")).startswith("The broker refuses this (500)")
