"""What a desk costs while nothing happens: the processor time and the memory of all processes that ``serve`` starts."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.index import apart
from benchmarks.running import say, setting

ROOT = Path(__file__).resolve().parents[1]
READY = "Eventdesk is ready"
TICKS = os.sysconf("SC_CLK_TCK")
FOR_SERVING = {"EVENTDESK_SECRET_KEY": "a-key-for-measuring-that-nobody-else-uses-0123456789", "EVENTDESK_HOSTS": "127.0.0.1"}


def idle_with_topics(topics: int) -> dict[str, float]:
    """As ``idle``, with the embedded store and so many topics of three partitions, each with an event and a subscription."""
    with tempfile.TemporaryDirectory(prefix="eventdesk-bench-") as folder:
        apart(_publish, folder, topics)
        return idle({}, Path(folder))


def _publish(data: str, topics: int) -> None:
    os.environ |= {**FOR_SERVING, "EVENTDESK_DATA": data, "DJANGO_SETTINGS_MODULE": "dashboard.settings"}
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", database="store", verbosity=0)
    from dashboard.gateway import close, desk
    from eventstore.model import Edge, NewMessage, SubscriptionType

    store = desk().store
    assert store.subscriptions is not None
    for number in range(topics):
        name = store.log.create_topic(f"quiet-{number}", partitions=3).name
        store.subscriptions.create(name, "service", type=SubscriptionType.SHARED, start=Edge.EARLIEST)
        store.log.append(name, [NewMessage(payload=b"{}", key="one", properties={"ce_id": str(number), "ce_type": "x"})])
    close()


def idle(environment: Mapping[str, str], data: Path) -> dict[str, float]:
    """Serve from this data directory, and measure while nobody asks for anything."""
    with _served(environment, data) as pid:
        time.sleep(setting("SETTLED", 20))
        processes = family(pid)
        before, begun = {each: _ticks(each) for each in processes}, time.monotonic()
        time.sleep(setting("IDLE", 30))
        seconds = time.monotonic() - begun
        spent = {each: 100 * (_ticks(each) - before[each]) / TICKS / seconds for each in processes}
        memory = {each: _proportional(each) for each in processes}
        for each in processes:
            say(f"  {_name(each)}: {spent[each]:.2f} % of a core, {memory[each]:.1f} MB")
    return {"idle_cpu_percent": sum(spent.values()), "idle_mb": sum(memory.values()), "idle_processes": len(processes)}


@contextmanager
def _served(environment: Mapping[str, str], data: Path) -> Iterator[int]:
    settings = {**os.environ, **environment, **FOR_SERVING, "EVENTDESK_DATA": str(data), "EVENTDESK_TLS": "0"}
    command = [sys.executable, str(ROOT / "manage.py"), "serve"]
    serve = subprocess.Popen(command, env=settings, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert serve.stdout is not None
    try:
        if not any(line.startswith(READY) for line in serve.stdout):
            raise SystemExit("serve has ended before it was ready")
        yield serve.pid
    finally:
        serve.send_signal(signal.SIGTERM)
        serve.wait(20)


def family(pid: int) -> list[int]:
    """The process and all that descend from it."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    found = [pid]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found


def _ticks(pid: int) -> int:
    """The processor time of a process, with that of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15]))


def _proportional(pid: int) -> float:
    """Megabytes: a page that several processes share counts in parts."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1000


def _name(pid: int) -> str:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().replace("\0", " ").split()
    return next((word for word in words[1:] if word.isidentifier()), words[0])
