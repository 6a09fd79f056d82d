"""Commands as they can be pasted into a shell, in the project's folder, and work there."""

import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEMO = "EVENTDESK_DEMO"
OF_THE_STORE = ("EVENTDESK_DATA", "EVENTDESK_CONFIG", "EVENTSTORE_URL", "EVENTSTORE_NAMESPACES", "PULSAR_ADMIN_URL")
"""Variables that say which store a command works on. An address may hold a password: then it is not printed."""
TAKE_A_VALUE = frozenset(
    {"--address", "--as", "--database", "--days", "--email", "--id", "--name", "--reason", "--role", "--ticket"}
    | {"--topic", "--type"}
)
"""Options that are followed by a value."""
BEGIN_WITH_A_NAME = frozenset({"create_user", "import_events", "set_email"})
"""Commands whose first argument is a name or a file."""


def shell_command(name: str, *arguments: str, environment: tuple[str, ...] = ()) -> str:
    """Return the command line of a management command: ``.venv/bin/python manage.py migrate --database index``.

    It begins with ``EVENTDESK_DEMO=1`` if this process runs in demo mode, and with those variables of ``environment`` that
    this process has, except an address with a user name or password (``@``). The shell reads every argument as it is given
    here. A value that begins with ``-`` is written so that the command does not take it for an option: ``--topic=-x``,
    ``create_user --role support -- -x``.
    """
    demo = [f"{DEMO}=1"] if os.environ.get(DEMO) == "1" else []
    given = [f"{variable}={shlex.quote(os.environ[variable])}" for variable in environment if _is_printable(variable)]
    return " ".join([*demo, *given, _interpreter(), "manage.py", name, *map(shlex.quote, _words(name, arguments))])


def migrate_command(alias: str) -> str:
    """Return the command that makes the tables of this database."""
    return shell_command("migrate", "--database", alias)


def _is_printable(variable: str) -> bool:
    """Whether this process has the variable, and it holds no password. A password may itself have a slash before the ``@``."""
    value = os.environ.get(variable, "")
    return bool(value) and not (variable.endswith("_URL") and "@" in value)


def _words(name: str, arguments: Sequence[str]) -> Iterator[str]:
    """The arguments, so that argparse takes none that begins with ``-`` for an option unless it is one."""
    if name in BEGIN_WITH_A_NAME and arguments and arguments[0].startswith("-") and arguments[0] != "-":
        yield from _words("", arguments[1:])
        yield from ("--", arguments[0])
        return
    rest = iter(arguments)
    for word in rest:
        value = next(rest, None) if word in TAKE_A_VALUE else None
        if value is None:
            yield word
        elif value.startswith("-"):
            yield f"{word}={value}"
        else:
            yield from (word, value)


def _interpreter() -> str:
    """Return the interpreter of this process: by its short name if it is the project's own."""
    own = ROOT / ".venv"
    if Path(sys.prefix).resolve() == own.resolve():
        return ".venv/bin/python"
    return shlex.quote(sys.executable or "python")
