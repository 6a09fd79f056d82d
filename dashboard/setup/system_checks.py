"""What must hold before anything is served, and what operators should know."""

import re
import sqlite3
from collections.abc import Sequence
from itertools import combinations
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Info, Warning, register  # noqa: A004
from django.core.exceptions import ImproperlyConfigured

from dashboard.setup.addresses import host_problems, proxy_count, proxy_problem
from dashboard.setup.alert_settings import alert_problem
from dashboard.setup.database_state import databases_in_use, encoding_of
from eventstore.config import hash_key_problem, hook_secret_problem, mark_key_problem
from eventstore.drivers import open_storage
from eventstore.model import InvalidConfiguration

SAFE_SQLITE = (3, 51, 3)
"""Earlier versions have a rare race: several processes corrupt a write-ahead log while it is reset."""
SHORTEST_SECRET = 32
FEWEST_CHARACTERS = 8
"""Different ones in a secret. A random text of 32 characters has some twenty."""
PLACEHOLDER = re.compile("change.?me|replace.?(me|this)|your.?secret|insecure|example|placeholder", re.IGNORECASE)
"""What documents and templates of installations have in place of a secret."""
OTHER_SECRETS = ("EVENTDESK_HASH_KEY", "EVENTDESK_HANDLE_KEY", "EVENTDESK_HOOK_SECRET")
CHANGED = {
    "EVENTDESK_HOOK_SECRET": "tell those who check signatures",
    "EVENTDESK_SECRET_KEY": "everybody logs in once more",
    "EVENTDESK_HASH_KEY": "searchable values are indexed once more",
}
"""Secrets that can be changed, the cheapest first, and what comes of it."""
GUESSED = "{name} is a text that others can guess: set it to a long random one, and keep it."


def require_serving_settings() -> None:
    """Raise ``ImproperlyConfigured`` if this process must not serve. Called when the web server loads the application."""
    problems = serving_problems()
    if problems:
        raise ImproperlyConfigured(" ".join(problems))


def serving_problems() -> list[str]:
    """Why this process must not serve, one sentence each.

    A server needs a store's address. Outside demo mode it also needs a secret and hosts of its own, and must not use DEBUG.
    """
    problems = []
    if settings.DEBUG and not settings.DEMO:
        problems.append("DEBUG is for demo mode only.")
    if problem := hash_key_problem(settings.EVENTDESK.searchables, settings.EVENTDESK_HASH_KEY):
        problems.append(problem)
    if problem := handle_key_problem():
        problems.append(problem)
    secrets = (
        hook_secret_problem(settings.EVENTDESK.projections, settings.EVENTDESK_HOOK_SECRET),
        mark_key_problem(settings.EVENTDESK.masking, settings.EVENTDESK_HASH_KEY),
        alert_problem(),
    )
    others = (clear_roles_problem(), access_problem(), store_problem(), proxy_problem())
    problems += [problem for problem in (*secrets, *others) if problem]
    if not re.fullmatch("[1-9][0-9]{0,8}", settings.EVENTDESK_SEAL_EVERY):
        problems.append("EVENTDESK_SEAL_EVERY takes a whole number of seconds, 1 or more.")
    if settings.DEMO:
        return problems
    if problem := secret_key_problem(settings.SECRET_KEY_GIVEN):
        problems.append(problem)
    problems += [
        GUESSED.format(name=name) for name in OTHER_SECRETS if (text := getattr(settings, name)) and _can_be_guessed(text)
    ]
    problems += same_secrets_problems()
    if not settings.HOSTS_GIVEN:
        problems.append("EVENTDESK_HOSTS is missing: name the hosts of this installation's address, separated by commas.")
    return problems + host_problems(settings.HOSTS_GIVEN)


def secret_key_problem(secret: str) -> str:
    """Why this cannot sign sessions, or an empty string. Never repeats the secret."""
    if not secret:
        return "EVENTDESK_SECRET_KEY is missing: set it to a long random text, and keep it."
    if len(secret) < SHORTEST_SECRET:
        return f"EVENTDESK_SECRET_KEY is too short: {SHORTEST_SECRET} characters at least."
    return GUESSED.format(name="EVENTDESK_SECRET_KEY") if _can_be_guessed(secret) else ""


def same_secrets_problems() -> list[str]:
    """Why secrets that are alike are not taken: whoever learns the one then has the other. Never repeats them."""
    given = {"EVENTDESK_SECRET_KEY": settings.SECRET_KEY_GIVEN, **{name: getattr(settings, name) for name in OTHER_SECRETS}}
    pairs = combinations([name for name, text in given.items() if text], 2)
    return [
        f"{one} and {other} are the same text: {_cheapest_change(one, other)}."
        for one, other in pairs
        if given[one] == given[other]
    ]


def _cheapest_change(*names: str) -> str:
    """Which of the two to change, and what comes of it. A new key of handles would make links on the record unreadable."""
    keeps = not settings.EVENTDESK_HANDLE_KEY and bool(settings.EVENTDESK.personal_types)
    left = [name for name in CHANGED if name in names and not (keeps and name == "EVENTDESK_SECRET_KEY")]
    return f"change {left[0]}, and {CHANGED[left[0]]}"


def _can_be_guessed(secret: str) -> bool:
    return PLACEHOLDER.search(secret) is not None or len(set(secret)) < FEWEST_CHARACTERS


def handle_key_problem() -> str:
    """Why handles of personal ids cannot be made, or an empty string.

    A command without a secret of its own would otherwise make one that lasts as long as the command, and put handles on the
    record that nobody can read.
    """
    key = settings.EVENTDESK_HANDLE_KEY
    if not settings.EVENTDESK.personal_types or (not key and settings.SECRET_KEY_GIVEN):
        return ""
    if not key:
        return "EVENTDESK_HANDLE_KEY is missing: personal ids need it. Set it to a long random text, and keep it."
    short = len(key) < SHORTEST_SECRET
    return f"EVENTDESK_HANDLE_KEY is too short: {SHORTEST_SECRET} characters at least." if short else ""


def clear_roles_problem() -> str:
    """Why the roles that see every value are wrong, or an empty string."""
    return _unknown_role("masking.clear_for", settings.EVENTDESK.masking.clear_for or ())


def access_problem() -> str:
    """Why the roles of scopes, those that groups give, or those that need a second factor are wrong, or an empty string."""
    access = settings.EVENTDESK.access
    of_scopes = _unknown_role("access.scope.roles", [role for scope in access.scope for role in scope.roles])
    of_groups = _unknown_role("access.groups", list(access.groups.values()))
    return of_scopes or of_groups or _unknown_role("access.second_factor", access.second_factor)


def _unknown_role(key: str, names: Sequence[str]) -> str:
    unknown = [name for name in names if name not in _roles()]
    if not unknown:
        return ""
    return f"{settings.EVENTDESK.path}: {key}: {unknown[0]!r} is no role; there are {', '.join(_roles())}."


def _roles() -> list[str]:
    return [value for value, _ in get_user_model()._meta.get_field("role").choices or () if value]


def store_problem() -> str:
    """Why the store's address is invalid, or an empty string.

    The store is not contacted, because an unreachable store may come back. An invalid address would only make every process
    end in turn.
    """
    try:
        open_storage(
            settings.EVENTSTORE_URL, admin_url=settings.PULSAR_ADMIN_URL, namespaces=settings.EVENTSTORE_NAMESPACES
        ).close()
    except InvalidConfiguration as error:
        return str(error)
    return ""


@register("eventdesk", deploy=True)
def check_sqlite(*, app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """Warn about old SQLite versions. Shown by ``check --deploy``, and when an installation starts to serve."""
    on_sqlite = [alias for alias in databases_in_use() if _engine(alias) == "django.db.backends.sqlite3"]
    if not on_sqlite or settings.DEMO or sqlite3.sqlite_version_info >= SAFE_SQLITE:
        return []
    return [
        Warning(
            f"SQLite {sqlite3.sqlite_version} serves {', '.join(on_sqlite)}, with a rare corruption race between processes.",
            hint="Use PostgreSQL in production (DATABASE_URL, INDEX_DATABASE_URL, STORE_DATABASE_URL).",
            id="eventdesk.W001",
        )
    ]


def _engine(alias: str) -> str:
    return str(settings.DATABASES.get(alias, {}).get("ENGINE", ""))


@register("eventdesk", deploy=True)
def check_encoding(*, app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """Warn about databases on PostgreSQL that cannot hold every text. One that does not answer is not judged."""
    other = {alias: encoding for alias in databases_in_use() if (encoding := encoding_of(alias)) not in ("", "UTF8")}
    return [
        Warning(
            f"The database {alias!r} has the encoding {encoding}: names and ids with letters that it lacks are refused.",
            hint="Make it anew with the encoding UTF8: createdb --encoding UTF8 --template template0",
            id="eventdesk.W004",
        )
        for alias, encoding in other.items()
    ]


@register("eventdesk", deploy=True)
def check_proxies(*, app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """Warn if clients' addresses are not known: then nothing limits the logins from one of them."""
    if proxy_problem() or proxy_count() is not None:
        return []
    return [
        Warning(
            "Nothing says how many proxies are in front, so failed logins are limited by name and not by address.",
            hint="Set EVENTDESK_PROXIES: 1 if one proxy adds each client's address to X-Forwarded-For.",
            id="eventdesk.W002",
        )
    ]


@register("eventdesk")
def check_hash_key(*, app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """Require the key: without it, nothing could be written to the index or looked up in it."""
    problem = hash_key_problem(settings.EVENTDESK.searchables, settings.EVENTDESK_HASH_KEY)
    return [Error(problem, id="eventdesk.E002")] if problem else []


@register("eventdesk")
def check_handle_key(*, app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """Require the key where ids are personal."""
    problem = handle_key_problem()
    return [Error(problem, id="eventdesk.E003")] if problem else []


@register("eventdesk", deploy=True)
def check_handle_key_is_its_own(*, app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """Warn if handles change with the secret key: links of before, and those on the record, would lead nowhere."""
    if not settings.EVENTDESK.personal_types or settings.EVENTDESK_HANDLE_KEY or settings.DEMO:
        return []
    return [
        Warning(
            "Handles of personal ids are made with EVENTDESK_SECRET_KEY, so a new one makes every link of before unreadable.",
            hint="Set EVENTDESK_HANDLE_KEY to a long random text, and keep it.",
            id="eventdesk.W003",
        )
    ]


@register("eventdesk")
def check_masking(*, app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """Refuse roles that there are not, and rules without the key of their marks."""
    problems = (clear_roles_problem(), mark_key_problem(settings.EVENTDESK.masking, settings.EVENTDESK_HASH_KEY))
    return [Error(problem, id="eventdesk.E004") for problem in problems if problem]


@register("eventdesk")
def check_scopes(*, app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """Refuse roles that there are not: in scopes, of groups, and among those that need a second factor."""
    problem = access_problem()
    return [Error(problem, id="eventdesk.E005")] if problem else []


@register("eventdesk", deploy=True)
def check_roles_in_scopes(*, app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """Say which roles no scope names: those people see nothing but what a scope of their groups has."""
    scopes = settings.EVENTDESK.access.scope
    left = [role for role in _roles() if not any(role in scope.roles for scope in scopes)]
    if not scopes or not left:
        return []
    return [
        Info(
            f"No [[access.scope]] names the roles {', '.join(left)}: people with them see no topic and no aggregate, "
            "unless a scope of one of their groups fits.",
            id="eventdesk.I001",
        )
    ]


@register("eventdesk", deploy=True)
def check_groups_in_scopes(*, app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """Say that scopes name groups, where no provider puts anybody into one."""
    named = sorted({group for scope in settings.EVENTDESK.access.scope for group in scope.groups})
    if settings.SIGN_IN or not named:
        return []
    return [
        Info(
            f"[[access.scope]] names the groups {', '.join(named)}, and no sign-in provider puts anybody into a group: "
            "only who was put into one by set_groups sees what those scopes have.",
            id="eventdesk.I002",
        )
    ]


@register("eventdesk")
def check_separate_databases(*, app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """Refuse two aliases on one SQLite file, which would make a login wait for the indexer."""
    seen: dict[str, str] = {}
    errors: list[CheckMessage] = []
    for alias, config in settings.DATABASES.items():
        if config["ENGINE"] != "django.db.backends.sqlite3":
            continue
        other = seen.setdefault(str(config["NAME"]), alias)
        if other != alias:
            errors.append(Error(f"{other} and {alias} share one SQLite file: give each its own.", id="eventdesk.E001"))
    return errors
