"""A Keycloak on loopback, for tests: ``with LocalKeycloak(folder) as keycloak``. What it knows is in memory, and gone with it.

Realms, and the people in them, come and go by its admin API (``request``).
"""

import json
import os
import secrets
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from scripts.keycloak_distribution import KeycloakProblem, distribution
from scripts.launched import clear_up, launched
from scripts.ports import LOOPBACK, free_port
from scripts.pulsar_launch import SHORT_LIVED

MEMORY = "-Xms256m -Xmx512m"
NOT_VERIFIED = "-XX:+UnlockDiagnosticVMOptions -XX:-BytecodeVerificationRemote"
"""Java need not look whether the distribution's classes are sound: it takes a tenth of the start."""
ADMIN = "admin"
TOKEN_SECONDS = 30.0
"""For so long an admin's token is shown again; it ends after 60. To check the password takes Keycloak, on purpose, longer than
what is asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeycloakAddress:
    """Where a Keycloak is, and how its admin API is used."""

    url: str
    password: str

    def issuer(self, realm: str) -> str:
        return f"{self.url}/realms/{realm}"

    def import_realm(self, realm: Mapping[str, Any]) -> None:
        self.request("POST", "", dict(realm))
        _tokens.pop(self, None)  # it opens the realms that were there when it was made

    def request(self, method: str, path: str, content: object = None) -> Any:
        """Call the admin API below ``/admin/realms``; returns the parsed answer, or the address of what was made."""
        headers = {"Authorization": f"Bearer {self._token()}", "Content-Type": "application/json"}
        body = None if content is None else json.dumps(content).encode()
        asked = urllib.request.Request(f"{self.url}/admin/realms{path}", body, headers, method=method)
        with urllib.request.urlopen(asked, timeout=30) as answer:
            text = answer.read()
            return json.loads(text) if text else answer.headers.get("Location", "")

    def _token(self) -> str:
        token, since = _tokens.get(self, ("", 0.0))
        asked = time.monotonic()
        if not token or asked > since + TOKEN_SECONDS:
            token = self._new_token()
            _tokens[self] = token, asked
        return token

    def _new_token(self) -> str:
        form = {"grant_type": "password", "client_id": "admin-cli", "username": ADMIN, "password": self.password}
        url = f"{self.issuer('master')}/protocol/openid-connect/token"
        with urllib.request.urlopen(url, urlencode(form).encode(), timeout=30) as answer:
            return str(json.load(answer)["access_token"])


_tokens: dict[KeycloakAddress, tuple[str, float]] = {}
"""With the monotonic time of the question."""


class LocalKeycloak:
    """One server. Entering starts it, and returns once it answers; ``KeycloakProblem`` where it does not get there."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "keycloak.log"
        self.port = free_port()
        self.address = KeycloakAddress(url=f"http://{LOOPBACK}:{self.port}", password=secrets.token_urlsafe(16))
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        command = [
            str(distribution() / "bin" / "kc.sh"),
            "start",
            "--optimized",
            "--cache=local",
            "--http-enabled=true",
            f"--http-host={LOOPBACK}",
            f"--http-port={self.port}",
            f"--hostname={self.address.url}",
        ]
        own = {
            "KC_BOOTSTRAP_ADMIN_USERNAME": ADMIN,
            "KC_BOOTSTRAP_ADMIN_PASSWORD": self.address.password,
            "JAVA_OPTS": f"{MEMORY} -XX:MaxMetaspaceSize=256m -Dfile.encoding=UTF-8 {SHORT_LIVED} {NOT_VERIFIED}",
        }
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.process = launched("keycloak", command, self.log, env={**os.environ, **own})
        try:
            self._wait_until_ready(120.0)
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.end()

    def end(self) -> None:
        """End it at once: nobody reads again what it knows."""
        process, self.process = self.process, None
        if process is None:
            return
        clear_up(process)
        process.wait()

    def _wait_until_ready(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            assert self.process is not None
            if self.process.poll() is not None:
                tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
                raise KeycloakProblem(f"Keycloak ended while it started. Its log is {self.log}; the end of it:\n{tail}")
            if self._answers():
                return
            time.sleep(0.2)
        raise KeycloakProblem(f"Keycloak did not answer after {timeout:.0f} seconds. Its log is {self.log}.")

    def _answers(self) -> bool:
        try:
            self.address.request("GET", "/master/users?max=1")
        except (urllib.error.URLError, OSError):
            return False
        return True
