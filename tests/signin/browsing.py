"""Somebody at a desk of this process, whose people sign in by a provider."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.test import Client

from dashboard.models import Person
from eventstore.config.loading import parse_config
from tests.signin.realm import Realm

GROUPS = """
[access.groups]
desk-viewers = "viewer"
desk-support = "support"
desk-approvers = "approver"
desk-auditors = "auditor"
desk-admins = "admin"
"""


def use(changed: Any, realm: Realm, **changes: Any) -> None:
    """Let people sign in by this realm; ``changed`` is pytest-django's ``settings``."""
    changed.SIGN_IN = realm.provider if not changes else _with(realm, changes)
    changed.EVENTDESK = parse_config(GROUPS, "groups.toml")


def _with(realm: Realm, changes: Mapping[str, Any]) -> Any:
    from dataclasses import replace

    return replace(realm.provider, **changes)


def way_there(client: Client, wanted: str = "") -> str:
    """Press the button; returns the address at the provider."""
    answer = client.post("/sign-in/", {"next": wanted})
    assert answer.status_code == 200, answer.content
    return str(answer.headers["Refresh"].removeprefix("0; url="))


def signed_in(realm: Realm, name: str, wanted: str = "") -> Client:
    client = Client()
    answer = come_back(client, realm.sign_in(way_there(client, wanted), name))
    assert answer.status_code == 302, answer.content.decode()
    return client


def come_back(client: Client, url: str) -> Any:
    parts = urlsplit(url)
    return client.get(f"{parts.path}?{parts.query}")


def query_of(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def account(name: str) -> Person:
    return Person.objects.get(username=name)


def session_data(client: Client) -> Mapping[str, Any]:
    assert settings.SESSION_COOKIE_NAME in client.cookies
    return dict(client.session.items())
