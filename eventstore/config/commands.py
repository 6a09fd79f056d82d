"""Commands as they can be pasted into a shell, in the project's folder, and work there."""

import os
import shlex
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEMO = "EVENTDESK_DEMO"
OF_THE_STORE = ("EVENTDESK_DATA", "EVENTDESK_CONFIG", "EVENTSTORE_URL", "EVENTSTORE_NAMESPACES", "PULSAR_ADMIN_URL")
"""Variables that say which store a command works on. None of them holds a secret."""


def shell_command(name: str, *arguments: str, environment: tuple[str, ...] = ()) -> str:
    """Return the command line of a management command: ``.venv/bin/python manage.py migrate --database index``.

    It begins with ``EVENTDESK_DEMO=1`` if this process runs in demo mode, and with those variables of ``environment`` that
    this process has. The shell reads every argument as it is given here.
    """
    demo = [f"{DEMO}=1"] if os.environ.get(DEMO) == "1" else []
    given = [f"{variable}={shlex.quote(os.environ[variable])}" for variable in environment if os.environ.get(variable)]
    return " ".join([*demo, *given, _interpreter(), "manage.py", name, *map(shlex.quote, arguments)])


def _interpreter() -> str:
    """Return the interpreter of this process: by its short name if it is the project's own."""
    own = ROOT / ".venv"
    if Path(sys.prefix).resolve() == own.resolve():
        return ".venv/bin/python"
    return shlex.quote(sys.executable or "python")
