"""What every test may lean on.

A test that touches a database asks for the fixture ``desk_databases`` (directly, or through another fixture). A test of the
real broker asks for ``pulsar_broker``, one of a real PostgreSQL for ``store_on_postgres`` or
``index_on_postgres``.
"""

import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from django.conf import settings
from django.contrib.contenttypes.management import create_contenttypes
from django.db.models.signals import post_migrate
from django.test import TransactionTestCase
from execnet import gateway_io
from pytest_rerunfailures import StatusDB  # type: ignore[import-untyped]

from tests.databases import database_environment, emptied
from tests.desk_template import FILES, RUN_FOLDER, copy_databases
from tests.examples import examples
from tests.lean_client import keep_middleware, record_no_templates
from tests.lean_reports import tell_less
from tests.run_servers import FIND, RunServers, finder
from tests.scheduling import LongestFirst
from tests.worker_server import forking

pytest_plugins = [
    "tests.broker_fixture",
    "tests.keycloak_fixture",
    "tests.postgres_fixture",
    "tests.redis_fixture",
    "tests.secured",
]
OWNED = pytest.StashKey[RunServers]()
SOCKET = "run_servers_socket"
UNUSED_FIXTURES = {
    "_django_clear_site_cache",
    "_django_isolate_apps",
    "_django_set_urlconf",
    "_django_setup_unittest",
    "_live_server_helper",
    "_template_string_if_invalid_marker",
}
"""pytest-django's for what no test here has: Django's test classes, sites, a live server and some marks. To find out so before
each of ten thousand tests took a tenth of the processor time of quick unit tests."""
EVERYTHING = "not soak"
"""The marks of ``make test``. Its tests need every server, and most of them within the first minute."""
NEW_OBJECTS = 10_000
"""So many make Python look for cycles that are garbage, instead of 700. A serving process has 20,000."""


def settle_examples() -> None:
    """A property test takes its settings when it is imported, and a forked worker's are, before anything is configured."""
    same_examples = os.environ.get("CI") == "true"  # a change is judged by what it does, not by chance
    hypothesis.settings.register_profile(
        "desk", deadline=None, derandomize=same_examples, max_examples=examples()
    )  # a busy machine is no failure
    hypothesis.settings.load_profile("desk")


settle_examples()


def pytest_configure(config: pytest.Config) -> None:
    """No test is timed. Passwords of test accounts need no protection, and a strong hash would take most of the time.

    A worker of pytest-xdist finds the run's servers at its controller. Every other process owns them.
    """
    given: Mapping[str, Any] | None = getattr(config, "workerinput", None)
    if given is None:
        os.environ[RUN_FOLDER] = tempfile.mkdtemp(prefix="eventdesk-run-")  # the workers get it with the environment
        config.stash[OWNED] = RunServers(Path(os.environ[RUN_FOLDER]))
        config.stash[FIND] = config.stash[OWNED].find
    else:
        config.stash[FIND] = finder(given[SOCKET])
        tell_less(config)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.CLEAR_FOR = ["support", "approver", "admin"]  # see tests.settings
    settings.SECURE_SSL_REDIRECT = False  # Django's test client speaks plain HTTP; tests/security turns it on


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """The workers are forked, where that can be done, from a process that imports the tests for all of them.

    Meanwhile the servers start that they will ask for: a processor has nothing else to do.
    """
    if config.option.markexpr == EVERYTHING and config.args_source is config.ArgsSource.TESTPATHS:
        config.stash[OWNED].start_all()
    if sys.platform == "linux":
        gateway_io.Popen2IOMaster = forking(config.invocation_params.args, dict(os.environ))  # type: ignore[misc, assignment]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """The controller tells each worker, before it starts, where to find the run's servers."""
    node.workerinput[SOCKET] = node.config.stash[OWNED].socket()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LongestFirst | None:
    return LongestFirst(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_unconfigure(config: pytest.Config) -> None:
    if OWNED in config.stash:
        config.stash[OWNED].end()
        shutil.rmtree(os.environ.pop(RUN_FOLDER), ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """What is imported and collected stays until the end, and Python need not look through it for garbage again and again.

    That took a seventh of the processor time of unit tests, and two thirds of the time to parse the project's modules.
    """
    if hasattr(session.config, "workerinput") and hasattr(session.config, "failures_db"):
        session.config.failures_db = StatusDB()  # where tests are run again, each asked the controller twice, byte by byte
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(NEW_OBJECTS, *gc.get_threshold()[1:])
        gc.enable()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Whoever uses ``desk_databases`` gets all three databases, really committed: other threads and processes must see it."""
    if isinstance(item, pytest.Function):
        item.fixturenames[:] = [name for name in item.fixturenames if name not in UNUSED_FIXTURES]
        if "desk_databases" in item.fixturenames:
            item.add_marker(pytest.mark.django_db(transaction=True, databases="__all__"))


@pytest.fixture(scope="session", autouse=True)
def lean_requests(django_test_environment: None) -> None:
    """See ``tests.lean_client``."""
    keep_middleware()
    record_no_templates()


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """Each process of a run has SQLite files of its own, so that they do not meet: copies of the run's migrated databases.

    Nothing has to outlive a power cut. Waiting for the disk when connections close took 5 ms for each file. Django would run
    the migrations of all apps on each of the copies, which has those of its own: two seconds of a processor.
    """
    folder = Path(tempfile.mkdtemp(prefix="databases-", dir=os.environ[RUN_FOLDER]))
    copy_databases(folder)
    for alias in _sqlite_aliases():
        settings.DATABASES[alias]["TEST"] |= {"NAME": str(folder / FILES[alias]), "MIGRATE": False}
        settings.DATABASES[alias]["OPTIONS"]["init_command"] += "PRAGMA synchronous=OFF;"


def _sqlite_aliases() -> list[str]:
    """All, unless the environment says that a database is elsewhere."""
    return [alias for alias, config in settings.DATABASES.items() if config["ENGINE"] == "django.db.backends.sqlite3"]


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """Take the copies as they are. They go with the folder of the run."""
    return len(_sqlite_aliases()) == len(FILES)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> None:
    """Migrating made content types and permissions, which nothing here uses."""
    post_migrate.disconnect(create_contenttypes)
    post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")
    TransactionTestCase._fixture_teardown = emptied  # type: ignore[attr-defined]


@pytest.fixture
def desk_databases(transactional_db: None) -> Iterator[dict[str, str]]:
    """The three databases, empty, for this test, its threads and its processes; emptied again after it.

    The value is the environment in which another process of this project finds them (``DATABASE_URL`` and so on).
    """
    yield database_environment()
