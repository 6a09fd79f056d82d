"""``check_index`` and ``rebuild_index`` as a person at a shell meets them: words, exit status, and a stop on the way."""

import io
import os
import signal
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.test.utils import override_settings
from tqdm import tqdm

from eventstore.config.commands import shell_command
from eventstore.config.loading import parse_config
from eventstore.drivers.database.log import DatabaseLog
from eventstore.drivers.database.models import TopicRow
from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.index.lookup.queries import indexed_topics
from eventstore.index.models import IndexedPartition
from eventstore.index.rebuild import remove_old
from eventstore.index.rebuild import run as rebuilding
from eventstore.management.commands import check_index, rebuild_index
from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import Topic
from tests.index.check.checking import catch_up, publish
from tests.indexing import pointers

pytestmark = pytest.mark.usefixtures("desk_databases")


class StoppingBar(tqdm):  # type: ignore[misc] # tqdm has no types
    """A progress bar at whose first step somebody presses Ctrl-C."""

    def update(self, n: float | None = 1) -> bool | None:
        os.kill(os.getpid(), signal.SIGINT)
        return bool(super().update(n))


def run(*arguments: str) -> tuple[int, str]:
    """Exit status and what was said."""
    out = io.StringIO()
    try:
        call_command(*arguments, stdout=out)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    except CommandError as error:
        return error.returncode, f"{out.getvalue()}{error}"
    return 0, out.getvalue()


@pytest.fixture
def storage() -> DatabaseStorage:
    """Two topics, all of them indexed."""
    storage = DatabaseStorage()
    storage.log.create_topic("documents")
    storage.log.create_topic("patients", partitions=2)
    publish(storage, 300)
    publish(storage, 20, "documents")
    catch_up(storage)
    return storage


def damage(statement: str) -> None:
    with connections["index"].cursor() as cursor:
        cursor.execute(statement)
        assert cursor.rowcount > 0


def test_a_healthy_index_ends_with_0_and_a_line_for_each_partition(storage: DatabaseStorage) -> None:
    status, said = run("check_index")
    assert status == 0
    assert "documents partition 0: 20 events, no difference\n" in said
    assert said.count("patients partition ") == 2
    assert said.endswith("320 events compared; no difference\n")


def test_a_difference_ends_with_1_and_names_topic_partition_and_place(storage: DatabaseStorage) -> None:
    row = IndexedPartition.objects.using("index").get(topic="documents").pk
    damage(f"DELETE FROM index_idkey WHERE partition_id = {row} AND ordinal = 7")
    status, said = run("check_index")
    assert status == 1
    assert "documents partition 0: ordinal 7 (7): it is not found by its event id\n" in said
    assert "1 partition differs" in said
    assert "secret" not in said


def test_what_is_not_indexed_at_all_ends_with_1_and_what_waits_is_said(storage: DatabaseStorage) -> None:
    publish(storage, 1, "documents")
    assert "documents partition 0: 20 events, no difference; 1 event more behind the checkpoint\n" in run("check_index")[1]
    storage.log.create_topic("fresh")
    assert run("check_index")[0] == 0
    publish(storage, 3, "fresh")
    status, said = run("check_index")
    assert status == 1
    assert (
        "fresh partition 0: it is not indexed, and the store has events of it; 3 events more behind the checkpoint\n" in said
    )


def test_one_topic_alone_is_checked_where_it_is_named(storage: DatabaseStorage) -> None:
    damage("UPDATE index_streamrow SET events = events + 1")
    status, said = run("check_index", "--topic", "documents")
    assert status == 1
    assert "patients" not in said


@pytest.mark.parametrize("command", ["check_index", "rebuild_index"])
def test_a_topic_that_is_unknown_or_not_indexed_ends_with_2_and_says_so(command: str, storage: DatabaseStorage) -> None:
    assert run(command, "--topic", "nothing")[0] == 2
    storage.log.create_topic("fresh")
    status, said = run(command, "--topic", "fresh")
    assert status == 2
    assert "fresh is not indexed yet" in said


@pytest.mark.parametrize("command", ["check_index", "rebuild_index"])
def test_without_the_key_of_hashed_values_nothing_is_compared_or_built_with_another(
    command: str, storage: DatabaseStorage
) -> None:
    config = parse_config('[[searchable]]\ntopics = ["patients"]\nname = "email"\npath = "email"\n', "desk.toml")
    with override_settings(EVENTDESK=config, EVENTDESK_HASH_KEY=""):
        status, said = run(command)
    assert status == 2
    assert "EVENTDESK_HASH_KEY is missing" in said


@pytest.mark.parametrize("command", ["check_index", "rebuild_index"])
def test_an_index_without_topics_is_no_error(command: str) -> None:
    assert run(command)[0] == 0


def test_a_check_that_is_stopped_ends_with_130_and_says_how_far_it_came(
    storage: DatabaseStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_index, "tqdm", StoppingBar)
    before = signal.getsignal(signal.SIGINT)
    status, said = run("check_index", "--topic", "patients")
    assert status == 130
    assert "stopped after" in said
    assert "no difference so far" in said
    assert signal.getsignal(signal.SIGINT) is before


def test_a_rebuild_says_how_many_events_and_checks_clean(storage: DatabaseStorage) -> None:
    damage("UPDATE index_streamrow SET events = events + 1")
    status, said = run("rebuild_index")
    assert status == 0
    assert "patients: 300 events rebuilt\n" in said
    assert "documents: 20 events rebuilt\n" in said
    assert run("check_index")[0] == 0
    assert not IndexedPartition.objects.using("index").filter(live=False).exclude(kind="removed").exists()


def test_a_rebuild_that_is_stopped_ends_with_130_goes_on_the_next_time_or_is_thrown_away(
    storage: DatabaseStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*options: str) -> str:
        with monkeypatch.context() as patch:
            patch.setattr(rebuild_index, "tqdm", StoppingBar)
            status, said = run("rebuild_index", "--topic", "patients", *options)
        assert status == 130
        assert "Pages read what they did before." in said
        assert run("check_index")[0] == 0
        return said

    stopped()
    assert "continuing after" in stopped() + stopped("--restart") + run("rebuild_index", "--topic", "patients")[1]
    publish(storage, 1)
    stopped()
    status, said = run("rebuild_index", "--topic", "patients", "--discard")
    assert (status, said) == (0, "patients: the unfinished rebuild is thrown away\n")
    assert run("rebuild_index", "--discard") == (0, "")
    assert run("check_index")[0] == 0


def drop(topic: str) -> None:
    """Take the topic out of the store, as its administrator would."""
    TopicRow.objects.using("store").get(name=topic).delete()


def test_a_topic_that_the_store_no_longer_has_is_forgotten_and_comes_back_whole(storage: DatabaseStorage) -> None:
    drop("documents")
    status, said = run("check_index")
    assert status == 0
    assert "documents: the store no longer has this topic; its 20 events stay findable" in said
    assert run("rebuild_index", "--topic", "documents", "--forget") == (0, "documents: 20 events forgotten\n")
    assert [topic.topic for topic in indexed_topics()] == ["patients"]
    with connections["index"].cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM index_blockrow b JOIN index_indexedpartition p ON p.id = b.partition_id "
            "WHERE p.topic = 'documents'"
        )
        assert cursor.fetchone() == (0,)
    storage.log.create_topic("documents")
    publish(storage, 30, "documents")
    catch_up(storage)
    assert {topic.topic: topic.events for topic in indexed_topics()} == {"documents": 30, "patients": 300}
    assert run("check_index")[0] == 0


def test_forgetting_refuses_what_is_there_what_is_unknown_and_what_has_no_name(storage: DatabaseStorage) -> None:
    for arguments, words in (
        (("--topic", "documents"), "documents is in the store and watched"),
        (("--topic", "nothing"), "The index has no topic nothing"),
        ((), "--topic NAME"),
    ):
        status, said = run("rebuild_index", "--forget", *arguments)
        assert status == 2
        assert words in said
    assert {topic.topic: topic.events for topic in indexed_topics()} == {"documents": 20, "patients": 300}


def test_forgetting_refuses_while_the_store_is_away_or_an_indexer_follows_the_topic(
    storage: DatabaseStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop("documents")
    rows = IndexedPartition.objects.using("index").filter(topic="documents")
    rows.update(owner="another", leased_until=datetime.now(UTC) + timedelta(minutes=1))
    status, said = run("rebuild_index", "--topic", "documents", "--forget")
    assert (status, "An indexer that runs now watches documents" in said) == (2, True)

    def away(storage: DatabaseStorage, name: str) -> Topic:
        raise StoreUnreachable("The store does not answer.")

    rows.update(owner="", leased_until=None)
    monkeypatch.setattr(DatabaseLog, "topic", away)
    assert run("rebuild_index", "--topic", "documents", "--forget") == (2, "The store does not answer.")
    assert "documents" in [topic.topic for topic in indexed_topics()]


def test_forgetting_that_is_stopped_is_ended_the_next_time(storage: DatabaseStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    drop("documents")
    with monkeypatch.context() as patch:
        patch.setattr(remove_old, "remove", lambda *arguments: False)
        patch.setattr(rebuilding, "remove", lambda *arguments: False)
        status, said = run("rebuild_index", "--topic", "documents", "--forget")
    assert status == 0
    assert "not all of the old index is removed; running this again removes the rest" in said
    assert run("rebuild_index", "--topic", "documents", "--forget") == (0, "documents: 0 events forgotten\n")
    assert run("rebuild_index", "--topic", "documents", "--forget")[0] == 2


def test_a_topic_whose_kind_was_changed_is_indexed_on_as_it_was_until_it_is_rebuilt(
    storage: DatabaseStorage, caplog: pytest.LogCaptureFixture
) -> None:
    config = parse_config('[topics]\ndead_letter = ["documents"]', "desk.toml")
    other = DatabaseStorage(config.topics)
    publish(storage, 5, "documents")
    catch_up(other)
    rebuild = shell_command("rebuild_index", "--topic", "documents")
    assert f"documents is indexed as events, and is dead-letter now. To rebuild it: {rebuild}" in caplog.text
    assert all(pointer.version for pointer in pointers("documents") if not pointer.unreadable)
    with override_settings(EVENTDESK=config):
        status, said = run("check_index", "--topic", "documents")
        assert status == 1
        assert "it is indexed as events, and the topic is dead-letter now: rebuild it" in said
        assert run("rebuild_index", "--topic", "documents") == (0, "documents: 25 events rebuilt\n")
        assert run("check_index")[0] == 0
    assert [pointer.version for pointer in pointers("documents")] == [None] * 25


def test_a_rebuild_that_was_begun_as_another_kind_of_topic_begins_anew(
    storage: DatabaseStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(rebuild_index, "tqdm", StoppingBar)
        assert run("rebuild_index", "--topic", "documents")[0] == 130
    with override_settings(EVENTDESK=parse_config('[topics]\nretry = ["documents"]', "desk.toml")):
        assert run("rebuild_index", "--topic", "documents")[0] == 0
        assert run("check_index")[0] == 0
    assert {pointer.derived for pointer in pointers("documents")} == {True}


def test_beginning_anew_and_throwing_away_exclude_each_other() -> None:
    arguments: tuple[Any, ...] = ("rebuild_index", "--restart", "--discard")
    with pytest.raises(CommandError, match="not allowed with"):
        call_command(*arguments)


@pytest.mark.parametrize("options", [(), ("--progress",)])
def test_indexing_shows_its_bar_elsewhere_than_on_a_terminal_where_it_is_asked_to(
    options: Sequence[str], storage: DatabaseStorage, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(storage, 7, "documents")
    assert run("run_index", "--until-caught-up", *options) == (0, "7 events indexed\n")
    assert ("index:" in capsys.readouterr().err) is bool(options)
