"""The Pulsar brokers on which tests that run on every store run.

``pulsar`` is the broker of the version that ``PULSAR_VERSION`` chooses. What has to hold on each supported version runs on the
newer version too, in the same run: its tests have that version in their ids.
"""

from typing import TYPE_CHECKING

import pytest

from scripts.pulsar_distribution import NEWER_VERSION, chosen_version
from tests.namespaces import Broker

if TYPE_CHECKING:
    from _pytest.mark import ParameterSet

CHOSEN, NEWER = "pulsar", f"pulsar-{NEWER_VERSION}"
FIXTURES = {CHOSEN: "pulsar_broker", NEWER: "newer_pulsar_broker"}


def on_each_pulsar(*marks: pytest.MarkDecorator) -> "list[ParameterSet]":
    """The stores as parameters, with these marks: the chosen version, and the newer one if that is another."""
    names = [CHOSEN] if chosen_version() == NEWER_VERSION else [CHOSEN, NEWER]
    return [pytest.param(name, marks=[pytest.mark.broker, *marks]) for name in names]


def broker_of(request: pytest.FixtureRequest) -> Broker | None:
    """The running broker that the request's parameter names; None if that is another store."""
    fixture = FIXTURES.get(request.param)
    return request.getfixturevalue(fixture) if fixture else None
