"""What an installation needs before it serves, and what it reports otherwise."""

import importlib
import os
import sqlite3
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

from dashboard.setup import system_checks
from dashboard.setup.demo_secrets import demo_hash_key, demo_secret_key
from eventstore.config.loading import parse_config

ROOT = Path(__file__).resolve().parents[3]
SECRET = "only-for-tests-" + "x" * 17


def installation(
    settings: Any, *, demo: bool = False, debug: bool = False, secret: str = SECRET, hosts: str = "a.example"
) -> None:
    settings.DEMO = demo
    settings.DEBUG = debug
    settings.SECRET_KEY_GIVEN = secret
    settings.HOSTS_GIVEN = [host for host in hosts.split(",") if host]


def test_a_whole_configuration_may_serve(settings: Any) -> None:
    installation(settings)
    system_checks.require_serving_settings()


def test_demo_mode_may_serve_with_what_it_makes_itself(settings: Any) -> None:
    installation(settings, demo=True, debug=True, secret="", hosts="")
    system_checks.require_serving_settings()


def test_a_worker_alone_needs_the_secret_by_which_it_signs_the_calls_of_hooks(settings: Any) -> None:
    settings.EVENTDESK = parse_config(
        """
        replays.hosts = ["hooks.example.org"]
        [[projection]]
        name = "timeline"
        purpose = "p"
        topics = ["documents"]
        subscription = "timeline"
        hooks = { after = "https://hooks.example.org/" }
        """,
        "desk.toml",
    )
    settings.EVENTDESK_HOOK_SECRET = ""
    with pytest.raises(CommandError, match="EVENTDESK_HOOK_SECRET is missing"):
        call_command("run_jobs", "--until-idle")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"secret": ""}, "EVENTDESK_SECRET_KEY is missing"),
        ({"secret": "only-for-tests-" + "x" * 16}, "too short"),
        ({"secret": "x" * 60}, "can guess"),
        ({"secret": "please-change-me-" + "x" * 40}, "can guess"),
        ({"secret": "django-insecure-0123456789abcdefghij"}, "can guess"),
        ({"hosts": ""}, "EVENTDESK_HOSTS is missing"),
        ({"hosts": "*"}, "must name hosts"),
        ({"hosts": "a.example,.*"}, "must name hosts"),
        ({"hosts": "."}, "must name hosts"),
        ({"hosts": ".com"}, "every domain below 'com'"),
        ({"hosts": "a.example,.com."}, "every domain below 'com'"),
        ({"hosts": "*.example.org"}, r"write \.example\.org"),
        ({"hosts": "a.example,desk*.example.org"}, "not a valid pattern"),
        ({"hosts": "https://desk.example.org"}, "not a host name"),
        ({"hosts": "desk.example.org/x"}, "not a host name"),
        ({"hosts": "a..example.org"}, "not a host name"),
        ({"hosts": "desk.example.org:8000"}, "without a port"),
        ({"hosts": "a.example,.example.org:443"}, "without a port"),
        ({"hosts": "[::1]:8000"}, "without a port"),
        ({"hosts": "::1"}, r"IPv6 addresses as \[::1\]"),
        ({"debug": True}, "DEBUG"),
    ],
)
def test_what_is_unsafe_may_not_serve(settings: Any, wrong: dict[str, Any], said: str) -> None:
    installation(settings, **wrong)
    with pytest.raises(ImproperlyConfigured, match=said):
        system_checks.require_serving_settings()


@pytest.mark.slow
def test_the_web_application_itself_refuses_to_load_unsafely(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    installation(settings, secret="")
    monkeypatch.delitem(sys.modules, "dashboard.asgi", raising=False)
    with pytest.raises(ImproperlyConfigured, match="EVENTDESK_SECRET_KEY"):
        importlib.import_module("dashboard.asgi")


@pytest.mark.parametrize("demo", [True, False])
def test_a_store_that_cannot_be_opened_may_not_be_served(settings: Any, demo: bool) -> None:
    installation(settings, demo=demo)
    settings.EVENTSTORE_URL, settings.PULSAR_ADMIN_URL = "pulsar://127.0.0.1:6650", ""
    with pytest.raises(ImproperlyConfigured, match="PULSAR_ADMIN_URL is missing"):
        system_checks.require_serving_settings()
    settings.PULSAR_ADMIN_URL = "http://127.0.0.1:8080"
    system_checks.require_serving_settings()


@pytest.mark.parametrize("name", ["EVENTDESK_HASH_KEY", "EVENTDESK_HANDLE_KEY", "EVENTDESK_HOOK_SECRET"])
@pytest.mark.parametrize("secret", ["change-me-" * 4, "x" * 60])
def test_no_secret_may_be_one_that_others_can_guess(settings: Any, name: str, secret: str) -> None:
    installation(settings)
    setattr(settings, name, secret)
    with pytest.raises(ImproperlyConfigured, match=f"^{name} is a text that others can guess") as raised:
        system_checks.require_serving_settings()
    assert secret not in str(raised.value)


SECRETS = ("SECRET_KEY_GIVEN", "EVENTDESK_HASH_KEY", "EVENTDESK_HANDLE_KEY", "EVENTDESK_HOOK_SECRET")


@pytest.mark.parametrize("pair", [*combinations(SECRETS, 2)])
def test_no_two_secrets_may_be_the_same_text(settings: Any, pair: tuple[str, str]) -> None:
    installation(settings)
    for number, name in enumerate(SECRETS):
        setattr(settings, name, f"only-for-tests-{number}-{'y' * 20}")
    system_checks.require_serving_settings()
    one, other = pair
    setattr(settings, other, getattr(settings, one))
    named = " and ".join(name.replace("SECRET_KEY_GIVEN", "EVENTDESK_SECRET_KEY") for name in pair)
    with pytest.raises(ImproperlyConfigured, match=f"^{named} are the same text: change EVENTDESK_[A-Z_]+, and ") as raised:
        system_checks.require_serving_settings()
    assert "change EVENTDESK_HANDLE_KEY" not in str(raised.value), "links that are on the record need it"
    assert ("change EVENTDESK_HASH_KEY" in str(raised.value)) == (pair == ("EVENTDESK_HASH_KEY", "EVENTDESK_HANDLE_KEY"))


def test_a_secret_key_that_handles_are_made_with_is_not_the_one_to_change(settings: Any) -> None:
    installation(settings)
    settings.EVENTDESK = parse_config(
        '[[mapping]]\ntopics = ["patients"]\nkey = "personal"\npersonal_types = ["patient"]\n', "desk.toml"
    )
    settings.EVENTDESK_HASH_KEY = settings.SECRET_KEY_GIVEN
    settings.EVENTDESK_HANDLE_KEY = ""
    (said,) = system_checks.same_secrets_problems()
    assert "change EVENTDESK_HASH_KEY" in said


HASHED = '[[searchable]]\ntopics = ["patients"]\nname = "email"\npath = "email"\n'


@pytest.mark.parametrize(
    ("key", "said"), [("", "EVENTDESK_HASH_KEY is missing"), ("x" * 31, "EVENTDESK_HASH_KEY is too short")]
)
def test_hashed_searchable_values_without_a_key_are_an_error(settings: Any, key: str, said: str) -> None:
    installation(settings)
    settings.EVENTDESK = parse_config(HASHED, "desk.toml")
    settings.EVENTDESK_HASH_KEY = key
    (error,) = system_checks.check_hash_key(app_configs=None)
    assert (error.id, said in error.msg, key not in error.msg or not key) == ("eventdesk.E002", True, True)
    with pytest.raises(ImproperlyConfigured, match=said):
        system_checks.require_serving_settings()
    with pytest.raises(CommandError, match=said):
        call_command("run_index", "--until-caught-up")


@pytest.mark.parametrize(("text", "key"), [(HASHED, "k" + SECRET), (HASHED + "hashed = false\n", ""), ("", "")])
def test_a_key_is_asked_for_only_where_a_value_is_hashed(settings: Any, text: str, key: str) -> None:
    installation(settings)
    settings.EVENTDESK = parse_config(text, "desk.toml")
    settings.EVENTDESK_HASH_KEY = key
    assert system_checks.check_hash_key(app_configs=None) == []
    system_checks.require_serving_settings()


def test_the_demo_makes_its_own_secrets_and_keeps_them(tmp_path: Path) -> None:
    made = {demo_secret_key(tmp_path), demo_hash_key(tmp_path)}
    assert made == {demo_secret_key(tmp_path), demo_hash_key(tmp_path)}
    assert len(made) == 2
    assert all(len(secret) >= system_checks.SHORTEST_SECRET for secret in made)
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(("demo", "hosts"), [("1", "localhost,127.0.0.1,[::1]"), ("0", "desk.example.org")])
def test_a_demo_answers_to_names_of_the_loopback_alone(tmp_path: Path, demo: str, hosts: str) -> None:
    """This holds however the web server was started, and whatever its address."""
    environment = os.environ | {"EVENTDESK_DATA": str(tmp_path), "EVENTDESK_DEMO": demo, "EVENTDESK_HOSTS": "desk.example.org"}
    command = [sys.executable, "-c", "from dashboard import settings; print(','.join(settings.ALLOWED_HOSTS))"]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == hosts


@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
def test_two_databases_in_one_file_are_an_error(settings: Any) -> None:
    config = {"ENGINE": "django.db.backends.sqlite3", "NAME": "one.sqlite3"}
    settings.DATABASES = {"default": config, "index": config, "store": config | {"NAME": "two.sqlite3"}}
    assert [error.id for error in system_checks.check_separate_databases(app_configs=None)] == ["eventdesk.E001"]


@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
def test_an_old_sqlite_in_production_is_a_warning(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    installation(settings)
    settings.DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "one.sqlite3"}}
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 51, 2))
    assert [warning.id for warning in system_checks.check_sqlite(app_configs=None)] == ["eventdesk.W001"]
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 51, 3))
    assert system_checks.check_sqlite(app_configs=None) == []
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 40, 1))
    settings.DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql"}, "store": settings.DATABASES["default"]}
    settings.EVENTSTORE_URL = "pulsar://broker:6650"
    assert system_checks.check_sqlite(app_configs=None) == [], "the embedded store's own database is not in use"


@pytest.mark.slow
def test_a_broken_configuration_file_does_not_start_and_says_where(tmp_path: Path) -> None:
    file = tmp_path / "desk.toml"
    file.write_text('[installation]\nname = "x"\nkind = "SOMETHING"\n')
    environment = os.environ | {"EVENTDESK_DATA": str(tmp_path), "EVENTDESK_CONFIG": str(file)}
    command = [sys.executable, "manage.py", "check"]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    assert "desk.toml" in result.stderr
    assert "3" in result.stderr


@pytest.mark.parametrize("host", ["localhost", "desk.example.org", ".example.org", "desk.example.org.", "192.0.2.7", "[::1]"])
def test_hosts_of_an_installations_own_are_taken(settings: Any, host: str) -> None:
    installation(settings, hosts=host)
    assert system_checks.serving_problems() == []


@pytest.mark.parametrize("proxies", ["two", "-1", "10", "1.5", "²"])
def test_a_number_of_proxies_that_is_none_may_not_serve(settings: Any, proxies: str) -> None:
    installation(settings)
    settings.PROXIES = proxies
    assert "EVENTDESK_PROXIES must be a number" in " ".join(system_checks.serving_problems())


def test_it_warns_that_addresses_are_not_limited_while_nobody_says_how_many_proxies_there_are(settings: Any) -> None:
    settings.BEHIND_TLS = True
    for proxies, warnings in (("", ["eventdesk.W002"]), ("0", []), ("1", [])):
        settings.PROXIES = proxies
        assert [warning.id for warning in system_checks.check_proxies(app_configs=None)] == warnings


def test_a_scope_for_a_role_that_there_is_not_stops_the_start(settings: Any) -> None:
    installation(settings)
    settings.EVENTDESK = parse_config(
        '[[access.scope]]\nroles = ["suport"]\ntopics = ["*"]\naggregate_types = ["*"]\n', "desk.toml"
    )
    with pytest.raises(ImproperlyConfigured, match=r"desk\.toml: access\.scope\.roles: 'suport' is no role; there are viewer"):
        system_checks.require_serving_settings()


def test_the_start_names_the_roles_that_no_scope_names(settings: Any) -> None:
    assert system_checks.check_roles_in_scopes(app_configs=None) == []
    settings.EVENTDESK = parse_config(
        '[[access.scope]]\nroles = ["viewer", "support", "approver", "admin"]\ntopics = ["*"]\naggregate_types = ["*"]\n',
        "desk.toml",
    )
    [said] = system_checks.check_roles_in_scopes(app_configs=None)
    assert "the roles privacy, auditor:" in said.msg


def test_the_start_says_where_scopes_name_groups_that_nobody_gives(settings: Any) -> None:
    assert system_checks.check_groups_in_scopes(app_configs=None) == []
    settings.EVENTDESK = parse_config(
        '[[access.scope]]\ngroups = ["clinic", "billing"]\ntopics = ["*"]\naggregate_types = ["*"]\n', "desk.toml"
    )
    [said] = system_checks.check_groups_in_scopes(app_configs=None)
    assert "names the groups billing, clinic," in said.msg
    settings.SIGN_IN = object()
    assert system_checks.check_groups_in_scopes(app_configs=None) == []
