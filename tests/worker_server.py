"""A process that has imported all tests, and forks the workers of pytest-xdist: ``python -m tests.worker_server``.

Python, pytest, the libraries, the project and its tests take some seconds of a processor to import, and each worker did it for
itself. A fork has them, with assertions rewritten, and goes on as one that was started: it reads its options, and collects.

It also has the constants of the project's modules, of which Hypothesis makes examples. To collect them takes longer than a
first example may.
"""

import gc
import json
import signal
import socket
import sys
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from _pytest.config import _prepareconfig
from _pytest.pathlib import absolutepath

from tests import forked
from tests.fork_server import Run, end_quickly, serve


def forking(arguments: Iterable[str], environment: dict[str, str]) -> Callable[..., Any]:
    """What execnet is to start the processes of workers with, in place of its own; these are pytest's arguments."""
    from execnet.gateway_base import Popen2IO
    from execnet.gateway_io import Popen2IOMaster

    server = forked.started_server(__name__, json.dumps(list(arguments)), environment=environment)

    class ForkedMaster(Popen2IOMaster):
        def __init__(self, command: list[str], execmodel: Any) -> None:
            interpreter, _, *rest = command  # but for the option for streams without a buffer
            pipe = execmodel.subprocess.PIPE
            self.popen = forked.Forked([interpreter, *rest], stdin=pipe, stdout=pipe, server=server)
            Popen2IO.__init__(self, self.popen.stdin, self.popen.stdout, execmodel=execmodel)

    return ForkedMaster


def files_of(config: pytest.Config) -> list[Path]:
    """The test files that these arguments ask for, whole or a test of them, as paths below the root. Others are left out."""
    folder = config.invocation_params.dir
    named = [absolutepath(folder / argument.partition("::")[0]) for argument in config.args]
    files = [file for name in named if name.is_dir() for file in name.rglob("test_*.py")]
    files += [name for name in named if name.is_file()]
    return sorted({file.relative_to(config.rootpath) for file in files if file.is_relative_to(config.rootpath)})


def import_each(files: Iterable[Path]) -> None:
    """Import the modules that can be. What ends another's import, its worker meets again, and reports."""
    for file in files:
        with suppress(Exception, SystemExit, pytest.skip.Exception, pytest.fail.Exception):
            import_module(".".join(file.with_suffix("").parts))


def _import_tests(arguments: list[str]) -> None:
    config = _prepareconfig([*arguments, "--capture=no"])
    from hypothesis.errors import HypothesisSideeffectWarning  # none of these before, or pytest would not rewrite them
    from hypothesis.internal.conjecture.providers import _get_local_constants
    from pytest_django.plugin import blocking_manager_key

    import_each(files_of(config))
    with warnings.catch_warnings():  # it takes this for the preparation of a run, which should be quick
        warnings.simplefilter("ignore", HypothesisSideeffectWarning)
        _get_local_constants()
    config.stash[blocking_manager_key].restore()  # pytest-django keeps tests from databases until they ask for them
    config._ensure_unconfigure()


def _in_a_module_of_its_own(run: Run) -> Run:
    """What a worker's tests start must not take this module for the main one of their process."""
    sys.modules["__main__"] = ModuleType("__main__")
    return run


def main() -> Run | None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for those who wait for this one
    gc.disable()
    _import_tests(json.loads(sys.argv[2]))
    gc.freeze()
    run = serve(socket.socket(fileno=int(sys.argv[1])))
    return _in_a_module_of_its_own(run) if run else None


if __name__ == "__main__" and (run := main()):
    sys.exit(end_quickly(run))
