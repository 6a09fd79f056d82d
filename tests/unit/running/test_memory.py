"""Memory is given back to the system, often enough and not more often."""

import gc
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from dashboard.running import memory


@pytest.fixture(autouse=True)
def never_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_interval", memory.Interval())


def resident() -> int:
    """The memory of this process, in kilobytes."""
    status = Path("/proc/self/status").read_text()
    (kilobytes,) = (int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
    return kilobytes


def test_it_is_due_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    monkeypatch.setattr(memory, "_trim", lambda pad: 1)
    assert memory.is_due()
    assert not memory.is_due()
    now += memory.EVERY
    assert memory.is_due()


def test_where_the_library_cannot_it_is_never_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_trim", None)
    assert not memory.is_due()
    assert not memory.trim_heap()


@pytest.mark.skipif(memory._trim is None, reason="this C library has no malloc_trim")
def test_what_was_freed_is_the_systems_again() -> None:
    # Between the texts that go stay some that do not: what is freed is in the middle, which nobody gives back unasked.
    texts = [b"x" * 60_000 for _ in range(2_000)]
    kept = texts[::50]
    full = resident()
    del texts
    assert memory.trim_heap()
    assert resident() < full - 50_000
    assert len(kept) == 40


@pytest.mark.slow
def test_what_a_serving_process_has_loaded_is_passed_by_and_later_cycles_are_collected_all_the_same() -> None:
    before = gc.get_threshold()
    of_the_tests = gc.get_freeze_count()
    gc.unfreeze()
    try:
        memory.freeze_loaded_objects()
        assert gc.get_freeze_count() > 1_000
        assert gc.get_threshold()[0] > before[0]
        cycle: list[object] = []
        cycle.append(cycle)
        del cycle
        assert gc.collect() >= 1
    finally:
        if not of_the_tests:
            gc.unfreeze()
        gc.set_threshold(*before)


@pytest.mark.skipif(memory._trim is None, reason="this C library has no malloc_trim")
def test_a_process_that_served_large_payloads_gives_their_memory_back_once_it_rests() -> None:
    code = """
import time
from pathlib import Path
from dashboard.running.memory import GivingBack

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4 // 1024

back, before = GivingBack(rest=0.2), resident()
pieces = [b"x" * (60_000 + number) for number in range(2_000)]
kept, full = pieces[::100], resident()
del pieces
held = resident()
back.note()
deadline = time.monotonic() + 20
while not back.times and time.monotonic() < deadline:
    time.sleep(0.05)
print(full - before, held - before, resident() - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    full, held, left = map(int, done.stdout.split())
    assert full > 100
    assert held > 50
    assert left < held / 2


def test_while_nothing_is_done_nothing_is_trimmed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    trimmed = threading.Semaphore(0)
    monkeypatch.setattr(memory, "trim_heap", trimmed.release)
    back = memory.GivingBack(rest=0.0)
    for _ in range(2):
        back.note()
        assert trimmed.acquire(timeout=20)
    assert not trimmed.acquire(timeout=0.05)


@pytest.mark.parametrize(("sockets", "seconds_ago", "collected"), [(0, 1, 1), (1_000, 1, 0), (1_000, 1_000, 1)])
def test_a_rest_of_the_pages_collects_garbage_unless_that_would_hold_up_a_thousand_sockets_again(
    monkeypatch: pytest.MonkeyPatch, sockets: int, seconds_ago: float, collected: int
) -> None:
    runs: list[str] = []
    trimmed = threading.Semaphore(0)
    monkeypatch.setattr(memory, "gc", SimpleNamespace(collect=lambda: runs.append("collected")))
    monkeypatch.setattr(memory, "trim_heap", trimmed.release)
    back = memory.GivingBack(rest=0.0, sockets=lambda: sockets)
    back._collected -= seconds_ago
    back.note()
    assert trimmed.acquire(timeout=20)
    assert len(runs) == collected
