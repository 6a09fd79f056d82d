"""What every benchmark needs: a scale, a desk's settings in a folder of its own, progress, and one line of JSON at the
end."""

import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("Django", "pulsar-client", "msgspec")
SHORTEST = 1e-9
SEES_ALL = '[masking]\nclear_for = ["support", "approver", "admin"]\n'
"""The part of a configuration by which support sees every value."""


def scale(default: int) -> int:
    """Return how many events to use: ``EVENTS``, or the benchmark's own default."""
    return setting("EVENTS", default)


def setting(name: str, default: int) -> int:
    """Return the whole number above 0 in this environment variable, or the default."""
    text = os.environ.get(name, "")
    if text and not (text.isdigit() and int(text) > 0):
        sys.exit(f"{name} takes a whole number above 0.")
    return int(text) if text else default


@contextmanager
def desk_in_a_folder() -> Iterator[Path]:
    """Set up Django on empty SQLite databases in a temporary folder, which is removed at the end.

    Without a configuration of the benchmark's own, support sees every value, as in the figures of before there were rules.
    """
    with tempfile.TemporaryDirectory(prefix="eventdesk-bench-") as name, desk_that_stays(Path(name)):
        yield Path(name)


@contextmanager
def desk_that_stays(folder: Path) -> Iterator[Path]:
    """Do as ``desk_in_a_folder``, in this folder, which stays with its databases."""
    folder.mkdir(parents=True, exist_ok=True)
    (config := folder / "desk.toml").write_text(SEES_ALL)
    own = os.environ.setdefault("EVENTDESK_CONFIG", str(config)) != str(config)
    os.environ["EVENTDESK_DATA"] = str(folder)
    os.environ["DJANGO_SETTINGS_MODULE"] = "dashboard.settings"
    import django
    from django.core.management import call_command
    from django.db import connections

    django.setup()
    for alias in ("default", "index", "store"):
        call_command("migrate", database=alias, verbosity=0)
    yield folder
    connections.close_all()
    if not own:
        del os.environ["EVENTDESK_CONFIG"]


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def rate(count: int, work: Callable[[], object]) -> float:
    """Return the events per second of this work, by the wall clock."""
    begun = time.perf_counter()
    work()
    return count / max(time.perf_counter() - begun, SHORTEST)


def resident(pid: int) -> int:
    """Return the kilobytes of memory that a process occupies."""
    status = Path(f"/proc/{pid}/status").read_text()
    (kilobytes,) = (int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
    return kilobytes


def processor_seconds(pid: int) -> float:
    """Return the seconds of processor time that a process has taken, in all of its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def report(figures: Mapping[str, float | int], more: Mapping[str, object] | None = None) -> None:
    """Print the last line: figures by name, ``more`` as it is, the versions, the cores of the machine."""
    rounded = {name: round(value, 3) for name, value in figures.items()}
    versions = {name: version(name) for name in PACKAGES} | {"python": platform.python_version()}
    print(json.dumps({**rounded, **(more or {}), "versions": versions, "cores": os.cpu_count()}), flush=True)


def masking_rules() -> str:
    """So many masking rules as ``RULES`` says, by which everybody sees what the events hold; without it, support sees all."""
    count = int(os.environ.get("RULES") or 0)
    others = "".join(
        f'[[masking.rule]]\ntype = "Other{number}*"\npath = "data.field{number}"\nshow = "plain"\n'
        for number in range(count - 1)
    )
    last = '[[masking.rule]]\npath = "data.*"\nshow = "plain"\n'
    return f'[masking]\nclear_for = ["admin"]\n{others}{last}' if count else SEES_ALL
