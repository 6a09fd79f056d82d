"""A realm in Keycloak, as ``examples/sign-in/keycloak-realm.json`` has it, with people whose groups come and go."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import unescape
from http import HTTPStatus
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode

import httpx

from dashboard.setup.sign_in import Provider
from scripts.local_keycloak import KeycloakAddress
from tests.desk_process import ROOT

EXAMPLE = ROOT / "examples" / "sign-in" / "keycloak-realm.json"
PASSWORD = "a-password-at-the-provider"
CLIENT = "eventdesk"
SECRET = "only-for-tests-client-secret"
PATIENCE = 30.0
"""Seconds for a page of a Keycloak on a machine that is busy."""
CHEAP = "hashAlgorithm(pbkdf2-sha256) and hashIterations(1)"
"""Nobody attacks these passwords."""


@dataclass
class Realm:
    keycloak: KeycloakAddress
    name: str
    client: str
    ids: dict[str, str] = field(default_factory=dict)

    @classmethod
    def imported(cls, keycloak: KeycloakAddress, name: str) -> "Realm":
        content = json.loads(EXAMPLE.read_text(encoding="utf-8"))
        content |= {"realm": name, "passwordPolicy": CHEAP}
        content["clients"][0] |= {"secret": SECRET, "redirectUris": ["http://testserver/sign-in/callback/"]}
        keycloak.import_realm(content)
        client = keycloak.request("GET", f"/{name}/clients?clientId={CLIENT}")[0]["id"]
        return cls(keycloak, name, client)

    @property
    def provider(self) -> Provider:
        return Provider(issuer=self.keycloak.issuer(self.name), client_id=CLIENT, secret=SECRET, name="Keycloak")

    def environment(self) -> dict[str, str]:
        """Of a desk whose people sign in here."""
        by = self.provider
        names = {"ISSUER": by.issuer, "CLIENT_ID": by.client_id, "CLIENT_SECRET": by.secret, "NAME": by.name}
        return {f"EVENTDESK_OIDC_{name}": value for name, value in names.items()}

    def is_of(self, *desk_urls: str) -> None:
        """Lead people back to desks at these addresses too."""
        client = self._request("GET", f"/clients/{self.client}")
        client["redirectUris"] += [f"{url}sign-in/callback/" for url in desk_urls]
        client["attributes"]["post.logout.redirect.uris"] = "##".join(f"{url}login/" for url in desk_urls)
        self._request("PUT", f"/clients/{self.client}", client)

    def change_client(self, **changes: Any) -> None:
        client = self._request("GET", f"/clients/{self.client}")
        self._request("PUT", f"/clients/{self.client}", {**client, **changes})

    def person(self, name: str, *groups: str, mail: str = "") -> str:
        """Somebody with this name and ``PASSWORD``, in place of who had the name before; returns it."""
        made = {
            "username": name,
            "enabled": True,
            "email": mail or f"{name}@example.org",
            "emailVerified": True,
            "firstName": "First",
            "lastName": "Last",
            "credentials": [{"type": "password", "value": PASSWORD, "temporary": False}],
            "groups": [f"/{group}" for group in groups],
        }
        try:
            url = self._request("POST", "/users", made)
        except HTTPError as error:
            if error.code != HTTPStatus.CONFLICT:
                raise
            self._remove(name)  # of a test that failed and is run again
            url = self._request("POST", "/users", made)
        self.ids[name] = str(url).rpartition("/")[2]
        return name

    def leave(self, name: str, group: str) -> None:
        self._request("DELETE", f"/users/{self.ids[name]}/groups/{self._group(group)}")

    def join(self, name: str, group: str) -> None:
        self._request("PUT", f"/users/{self.ids[name]}/groups/{self._group(group)}")

    def change(self, name: str, **changes: Any) -> None:
        """Such as ``enabled=False``."""
        person = self._request("GET", f"/users/{self.ids[name]}")
        self._request("PUT", f"/users/{self.ids[name]}", {**person, **changes})

    def delete(self, name: str) -> None:
        self._request("DELETE", f"/users/{self.ids[name]}")

    def end_sessions(self, name: str) -> None:
        self._request("POST", f"/users/{self.ids[name]}/logout")

    def sessions(self, name: str) -> Sequence[Any]:
        found: Sequence[Any] = self._request("GET", f"/users/{self.ids[name]}/sessions")
        return found

    def sign_in(self, url: str, name: str) -> str:
        """Do at the provider what a person does there: from the address that the desk leads to, to the one that leads back."""
        page = httpx.get(url, timeout=PATIENCE)
        found = re.search(r'<form[^>]+action="([^"]+)"', page.text)
        assert found, page.text[:500]
        # By hand: Keycloak marks its cookies as secure, and browsers know that loopback is.
        cookies = "; ".join(cookie.partition(";")[0] for cookie in page.headers.get_list("set-cookie"))
        form = {"username": name, "password": PASSWORD}
        answer = httpx.post(unescape(found[1]), data=form, headers={"Cookie": cookies}, timeout=PATIENCE)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    def warm(self) -> None:
        """Sign in once as a person does: the first pages of a Keycloak take longer than the desk waits."""
        asked = {
            "client_id": CLIENT,
            "redirect_uri": "http://testserver/sign-in/callback/",
            "response_type": "code",
            "scope": "openid",
            "state": "warm",
            "code_challenge": "c" * 43,
            "code_challenge_method": "S256",
        }
        url = f"{self.provider.issuer}/protocol/openid-connect/auth?{urlencode(asked)}"
        self.sign_in(url, self.person("first-of-all", "desk-viewers"))

    def _remove(self, name: str) -> None:
        for found in self._request("GET", f"/users?username={name}&exact=true"):
            self._request("DELETE", f"/users/{found['id']}")

    def _group(self, name: str) -> str:
        return str(self._request("GET", f"/groups?search={name}&exact=true")[0]["id"])

    def _request(self, method: str, path: str, content: object = None) -> Any:
        return self.keycloak.request(method, f"/{self.name}{path}", content)
