"""Stores, declarations and what the index has of values, for tests of the second pass."""

import json
import threading
from collections.abc import Mapping, Sequence
from typing import Any
from unittest.mock import patch

from eventstore.config.loading import Config, parse_config
from eventstore.config.searchable_values import lookup_forms, values_by
from eventstore.index.check.run import check_topic
from eventstore.index.indexer.run import Following, index_until_caught_up
from eventstore.index.lookup.value_lookup import by_value
from eventstore.index.models import LinkKey
from eventstore.index.second_pass import run
from eventstore.index.second_pass.pieces import Passed, pass_piece
from eventstore.index.second_pass.run import Passing, pass_all
from eventstore.model.events import NewMessage
from eventstore.model.storage import Storage
from tests.indexing import all_pointers

KEY = "k" * 32
TOPIC = "patients"


def declaring(**paths: str) -> Config:
    """A configuration in which these names are searchable, by their paths; a name that begins with ``h_`` is hashed."""
    tables = [
        f'[[searchable]]\ntopics = ["patients*"]\nname = "{name}"\npath = "{path}"\nhashed = {str(name[:2] == "h_").lower()}'
        for name, path in paths.items()
    ]
    return parse_config("\n".join(tables), "desk.toml")


def publish(storage: Storage, numbers: Sequence[int], *, partitions: int = 1, topic: str = TOPIC) -> None:
    """Event n is of person n % 7, in city n % 3, with number n; each key is a person."""
    storage.log.create_topic(topic, partitions=partitions)
    messages = [
        NewMessage(
            payload=json.dumps({"city": f"city {n % 3}", "number": n, "person": f"p{n % 7}"}).encode(),
            key=f"p{n % 7}",
            properties={
                "ce_id": f"e-{n}",
                "ce_type": "patient.moved",
                "ce_source": "/tests",
                "ce_specversion": "1.0",
                "ce_aggregatetype": "patient",
            },
        )
        for n in numbers
    ]
    storage.log.append(topic, messages)


def index(storage: Storage, config: Config, *, key: str = KEY, **more: Any) -> None:
    """Index what there is under these declarations, as a process of ``run_index`` would."""
    index_until_caught_up(
        Following(
            storage=storage,
            config=config,
            stop=threading.Event(),
            on_batch=lambda topic, partition, events: None,
            values_of=values_by(config.searchables, key),
            **more,
        )
    )


def passing_with(storage: Storage, config: Config, *, key: str = KEY, **more: Any) -> Passing:
    values = values_by(config.searchables, key)
    return Passing(storage=storage, config=config, values_of=values, stop=threading.Event(), rest=0.0, **more)


def pass_over(storage: Storage, config: Config, *, key: str = KEY) -> int:
    return pass_all(passing_with(storage, config, key=key), patience=20.0)


def pass_some(storage: Storage, config: Config, pieces: int) -> None:
    """Pass over so many pieces, as a process would that is ended then."""
    work, real, left = passing_with(storage, config), pass_piece, iter(range(pieces - 1, -1, -1))

    def counted(passed: Passed) -> int | None:
        done = real(passed)
        if next(left) == 0:
            work.stop.set()
        return done

    with patch.object(run, "pass_piece", counted):
        pass_all(work)


def values() -> Mapping[str, Mapping[str, str]]:
    """The readable values of each event that has any, by event id and name."""
    return {pointer.event_id: dict(pointer.values) for pointer in all_pointers() if pointer.values}


def found(config: Config, text: str, *, key: str = KEY) -> set[str]:
    """The ids of the events that the search box finds by this value."""
    forms = lookup_forms(text, config.searchables, key)
    return {pointer.event_id for name, form in forms for pointer in by_value(name, [form]).pointers}


def value_keys() -> int:
    """How many keys of values there are: events have no other links here."""
    return LinkKey.objects.count()


def differences(storage: Storage, config: Config, *, key: str = KEY) -> list[str]:
    """What ``check_index`` finds, key by key, in every partition."""
    values = values_by(config.searchables, key)
    stop = threading.Event()
    reports = check_topic(storage, config, storage.log.topic(TOPIC), lambda count: None, stop, values)
    return [report.difference for report in reports if report.difference]
