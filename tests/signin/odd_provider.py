"""A provider that misbehaves, as no real one can be told to: away, slow, too much, about somebody else."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from dashboard.setup.sign_in import Provider


@dataclass
class OddProvider:
    """``claims`` is what userinfo says; ``access`` the token that it takes now; ``refresh`` the one that is taken once."""

    url: str = ""
    claims: dict[str, Any] = field(default_factory=lambda: {"sub": "s-1", "groups": ["desk-viewers"]})
    access: str = "access-1"
    refresh: str = "refresh-1"
    metadata: dict[str, Any] = field(default_factory=dict)
    broken: tuple[int, bytes] | None = None
    """Status and content of userinfo, instead of the claims."""
    refreshed: int = 0
    asked: int = 0
    refresh_takes: float = 0.0
    not_there: str = ""
    """A path that is answered with 404, ``missed`` times until now."""
    missed: int = 0

    @property
    def provider(self) -> Provider:
        return Provider(issuer=self.url, client_id="eventdesk", secret="only-for-tests", name="Odd")

    def answer(self, path: str, token: str, form: dict[str, list[str]]) -> tuple[int, bytes]:
        if path == self.not_there:
            self.missed += 1
            return 404, b""
        if path == "/.well-known/openid-configuration":
            ends = {"authorization": "auth", "token": "token", "userinfo": "userinfo"}
            told = {f"{name}_endpoint": f"{self.url}/{end}" for name, end in ends.items()}
            return 200, json.dumps({"issuer": self.url, "jwks_uri": f"{self.url}/keys", **told, **self.metadata}).encode()
        if path == "/token":
            return self._refresh(form["refresh_token"][0])
        self.asked += 1
        if self.broken is not None:
            return self.broken
        return (200, json.dumps(self.claims).encode()) if token == f"Bearer {self.access}" else (401, b"{}")

    def _refresh(self, given: str) -> tuple[int, bytes]:
        """As providers do that rotate their tokens: one that comes twice ends the login."""
        time.sleep(self.refresh_takes)
        if given != self.refresh:
            self.access = self.refresh = "ended"
            return 400, b'{"error": "invalid_grant"}'
        self.refreshed += 1
        self.access, self.refresh = f"access-{self.refreshed + 1}", f"refresh-{self.refreshed + 1}"
        return 200, json.dumps({"access_token": self.access, "refresh_token": self.refresh, "expires_in": 300}).encode()


@contextmanager
def running(odd: OddProvider) -> Iterator[OddProvider]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            status, content = odd.answer(self.path, self.headers.get("Authorization", ""), parse_qs(body))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    odd.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield odd
    finally:
        server.shutdown()
        server.server_close()
