"""A database that no longer answers, or whose connection or file is another by now, holds up no question about open sockets
for ever."""

import asyncio
import threading
from pathlib import Path

import pytest
from django.db import OperationalError, connection

from dashboard.models import Person
from dashboard.setup.databases import database
from dashboard.sockets import open_sockets
from dashboard.sockets.open_sockets import OpenSockets, State, Watched
from dashboard.sockets.tail import consumer
from dashboard.sockets.tail.closing import STORE_UNREACHABLE
from dashboard.sockets.tail.consumer import TailSocket
from tests import people
from tests.unit.sockets.test_open_sockets import NEVER, session, woken

pytestmark = pytest.mark.usefixtures("desk_databases")


def test_a_question_without_an_answer_is_left_and_the_next_one_is_asked_in_another_thread(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(open_sockets, "ANSWER_WITHIN", 0.05)
    monkeypatch.setattr(open_sockets, "ASK_EVERY", 0.001)
    silent, asked = threading.Event(), list[threading.Thread]()

    def state(watched: object) -> State:
        asked.append(threading.current_thread())
        if len(asked) <= open_sockets.MOST_LEFT:
            silent.wait(NEVER)
        return {("token", 1): "changed"}

    monkeypatch.setattr(open_sockets, "state_of", state)

    async def work() -> None:
        everybody, woken = OpenSockets(), asyncio.Event()
        everybody._open |= {(lambda: None): Watched(("token", number)) for number in range(1_000)}
        everybody.add(Watched(("token", 1)), woken.set, {})
        await woken.wait()
        assert len(asked) == open_sockets.MOST_LEFT, "with so many left, nothing more is asked"
        assert everybody._failures >= open_sockets.MOST_FAILURES
        assert everybody.ask_again_after(10.0) <= 10.0
        with pytest.raises(OperationalError):
            everybody.insist_on_answers()
        silent.set()
        while everybody._failures:
            await asyncio.sleep(0.001)
        everybody.insist_on_answers()
        assert everybody.ask_again_after(10.0) > 100.0

    try:
        asyncio.run(asyncio.wait_for(work(), NEVER))
    finally:
        silent.set()
    assert len(set(asked[: open_sockets.MOST_LEFT])) == open_sockets.MOST_LEFT, "each in a thread of its own"
    assert caplog.text.count("TimeoutError") == 1


def test_an_answer_that_comes_too_late_for_its_question_is_the_next_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_sockets, "ANSWER_WITHIN", 0.01)
    monkeypatch.setattr(open_sockets, "ASK_EVERY", 0.001)
    late = threading.Event()

    def state(watched: object) -> State:
        late.wait(NEVER)
        return {("token", 1): "changed"}

    monkeypatch.setattr(open_sockets, "state_of", state)

    async def work() -> None:
        everybody, woken = OpenSockets(), asyncio.Event()
        everybody.add(Watched(("token", 1)), woken.set, {})
        while len(everybody._left) < open_sockets.MOST_LEFT:
            await asyncio.sleep(0.001)
        woken.clear()
        late.set()
        await woken.wait()

    try:
        asyncio.run(asyncio.wait_for(work(), NEVER))
    finally:
        late.set()


def test_after_too_many_questions_without_an_answer_a_tail_closes_and_asks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each would wait for a connection of its own, one after another: a thousand for an hour and a half."""
    tail, codes = TailSocket(), list[int]()
    tail.all_open, tail.rights_changed = OpenSockets(), asyncio.Event()
    tail.all_open._failures = open_sockets.MOST_FAILURES

    async def end(code: int, problem: str = "") -> None:
        codes.append(code)

    async def work() -> None:
        tail.rights_changed.set()
        await tail._keep_checking_rights()

    monkeypatch.setattr(tail, "_end", end)
    monkeypatch.setattr(consumer, "current_account", pytest.fail)
    asyncio.run(asyncio.wait_for(work(), NEVER))
    assert codes == [STORE_UNREACHABLE]


@pytest.mark.parametrize("cut", ["closed", "replaced"])
def test_after_the_kept_connection_was_cut_or_its_file_replaced_the_next_change_is_told(
    monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    """A replaced file of SQLite would go on being read by who has it open."""
    monkeypatch.setattr(open_sockets, "ASK_EVERY", 0.01)
    watched = {"anna": Watched(("person", people.person("support", "anna").pk), session())}
    files = [(1, 1)]
    monkeypatch.setattr(open_sockets, "_sqlite_file", lambda: files[-1])
    usual = open_sockets.state_of
    cutting, seen = threading.Event(), list[object]()

    def state(watched: set[Watched]) -> State:
        seen.append(connection.connection)
        if cutting.is_set() and cut == "closed":
            cutting.clear()
            connection.connection.close()
        return usual(watched)

    def change() -> None:
        if cut == "closed":
            cutting.set()
        else:
            files.append((1, 2))
        Person.objects.filter(username="anna").update(is_active=False)

    monkeypatch.setattr(open_sockets, "state_of", state)
    assert woken(watched, change) == {"anna"}
    assert None in seen[1:], "it was opened again"


def test_the_system_gives_up_a_connection_to_a_postgresql_that_went_silent(tmp_path: Path) -> None:
    options = database("postgres://desk@db/desk", tmp_path / "unused")["OPTIONS"]
    seconds = options["keepalives_idle"] + options["keepalives_interval"] * options["keepalives_count"]
    assert options["connect_timeout"] == 5 and seconds == options["tcp_user_timeout"] / 1000 == 30
    others = database("postgres://desk@db/desk?tcp_user_timeout=9", tmp_path / "unused")["OPTIONS"]
    assert others == {**options, "tcp_user_timeout": others["tcp_user_timeout"]} != options


def test_a_file_that_was_replaced_is_another_and_one_that_is_gone_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, other = tmp_path / "a", tmp_path / "b"
    monkeypatch.setitem(connection.settings_dict, "NAME", str(file))
    assert open_sockets._sqlite_file() is None
    file.touch()
    other.touch()
    before = open_sockets._sqlite_file()
    assert before == open_sockets._sqlite_file() is not None
    other.replace(file)
    assert open_sockets._sqlite_file() not in (None, before)
