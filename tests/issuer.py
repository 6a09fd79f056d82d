"""An OAuth2 issuer on loopback, which gives tokens to a client that proves who it is by its secret."""

import json
import ssl
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl

ID, SECRET = "desk", "marker-of-a-client-secret"
Form = dict[str, str]


class Issuer(ThreadingHTTPServer):
    """``token``: makes a token for a client's form. ``lasts``: the seconds that it says a token lasts."""

    daemon_threads = True

    def __init__(self, token: Callable[[Form], str], *, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.token, self.lasts, self.secret = token, 300.0, SECRET
        self.basic = self.away = False
        self.asked: list[Form] = []
        self.pause = threading.Event()
        self.pause.set()
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server_port}/realms/one"
        self.token_url = f"{self.url}/token"
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)

    def handle_error(self, request: object, client_address: object) -> None:
        """Silent: a client that does not trust it hangs up."""


class _Handler(BaseHTTPRequestHandler):
    server: Issuer

    def do_GET(self) -> None:
        methods = ["client_secret_basic"] if self.server.basic else ["client_secret_basic", "client_secret_post"]
        told = {"token_endpoint": self.server.token_url, "token_endpoint_auth_methods_supported": methods}
        self._answer(*((404, {}) if "/.well-known/openid-configuration" not in self.path else (200, told)))

    def do_POST(self) -> None:
        form = dict(parse_qsl(self.rfile.read(int(self.headers["content-length"])).decode()))
        kind, _, given = self.headers.get("authorization", "").partition(" ")
        if kind == "Basic":
            form["client_id"], _, form["client_secret"] = b64decode(given).decode().partition(":")
        self.server.asked.append(form)
        self.server.pause.wait(30)
        if (form.get("client_id"), form.get("client_secret")) != (ID, self.server.secret):
            self._answer(401, {"error": "invalid_client", "error_description": f"not {form.get('client_secret')}"})
            return
        self._answer(200, {"access_token": self.server.token(form), "expires_in": self.server.lasts, "token_type": "Bearer"})

    def _answer(self, status: int, told: object) -> None:
        body = b"<html>busy</html>" if self.server.away else json.dumps(told).encode()
        self.send_response(503 if self.server.away else status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@contextmanager
def issuing(token: Callable[[Form], str] | None = None, *, tls: ssl.SSLContext | None = None) -> Iterator[Issuer]:
    """Run one; its tokens are ``token-1``, ``token-2`` … unless ``token`` makes them."""
    with Issuer(token or (lambda form: f"token-{len(issuer.asked)}-{time.monotonic_ns()}"), tls=tls) as issuer:
        threading.Thread(target=issuer.serve_forever, args=(0.01,), daemon=True).start()
        yield issuer
        issuer.pause.set()
        issuer.shutdown()


def key_file(folder: Path, secret: str = SECRET) -> Path:
    """Write the key file of the client, as Pulsar's own clients take it."""
    path = folder / "oauth2.json"
    fresh = folder / "oauth2.json.new"
    fresh.write_text(json.dumps({"type": "client_credentials", "client_id": ID, "client_secret": secret}))
    fresh.replace(path)
    return path
