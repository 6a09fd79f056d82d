"""An installation for production as docs/running.md describes it: Django's own checks, cookies and headers."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client, override_settings

from tests import forked, people
from tests.forked import INHERITED, ROOT

pytestmark = pytest.mark.django_db(databases="__all__")

HTTPS = {"X-Forwarded-Proto": "https"}
YEAR = "max-age=31536000; includeSubDomains"
HARDENED = {
    "Strict-Transport-Security": YEAR,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
PRODUCTION = {
    "EVENTDESK_SECRET_KEY": "kT3vQ9-zL1xW7mN5bR2cY8dF4gH6jK0pS_aE-uIoPqXwVtZnMbCrDyGfLhJk",
    "EVENTDESK_HOSTS": "desk.example.org",
    "EVENTDESK_PROXIES": "1",
    "DATABASE_URL": "postgres://desk:desk@127.0.0.1:1/desk",
    "INDEX_DATABASE_URL": "postgres://desk:desk@127.0.0.1:1/index",
    "STORE_DATABASE_URL": "postgres://desk:desk@127.0.0.1:1/store",
}
NAMES = (
    *("SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_HSTS_SECONDS"),
    *("SECURE_SSL_REDIRECT", "SESSION_COOKIE_HTTPONLY", "CSRF_COOKIE_HTTPONLY"),
)
SAY = f"import json; from dashboard import settings; print(json.dumps([getattr(settings, name) for name in {NAMES!r}]))"


@pytest.fixture
def behind_tls() -> Iterator[None]:
    with override_settings(
        SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"),
        SECURE_SSL_REDIRECT=True,
        SECURE_HSTS_SECONDS=31536000,
        SECURE_HSTS_INCLUDE_SUBDOMAINS=True,
    ):
        yield


def run(data: Path, *command: str, **more: str) -> Any:
    inherited = {name: value for name, value in os.environ.items() if name in INHERITED}
    environment = {**inherited, "PYTHONPATH": str(ROOT), "EVENTDESK_DATA": str(data), **more}
    return forked.run([sys.executable, *command], cwd=ROOT, env=environment, text=True, timeout=120)


def test_djangos_checks_have_nothing_to_say_about_a_documented_installation(tmp_path: Path) -> None:
    done = run(tmp_path, "manage.py", "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert done.returncode == 0, done.stderr


def test_they_still_warn_where_somebody_has_turned_hsts_off(tmp_path: Path) -> None:
    done = run(tmp_path, "manage.py", "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION, EVENTDESK_HSTS="0")
    assert "security.W004" in done.stderr


def test_a_time_for_hsts_that_is_none_stops_the_start(tmp_path: Path) -> None:
    done = run(tmp_path, "manage.py", "check", **PRODUCTION, EVENTDESK_HSTS="a year")
    assert done.returncode
    assert "EVENTDESK_HSTS must be a whole number of seconds, not 'a year'." in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("tls", "expected"),
    [
        ("", ["__Host-sessionid", "__Host-csrftoken", True, True, 31536000, True, True, True]),  # as if it were not there
        ("1", ["__Host-sessionid", "__Host-csrftoken", True, True, 31536000, True, True, True]),
        ("0", ["sessionid", "csrftoken", False, False, 0, False, True, True]),
    ],
)
def test_cookies_belong_to_this_host_alone_where_there_is_tls(tmp_path: Path, tls: str, expected: list[Any]) -> None:
    assert json.loads(run(tmp_path, "-c", SAY, **PRODUCTION, EVENTDESK_TLS=tls).stdout) == expected


@pytest.mark.parametrize("name", ["EVENTDESK_TLS", "EVENTDESK_DEMO", "EVENTDESK_READ_ONLY", "EVENTDESK_LOCAL_LOGIN"])
def test_a_mistyped_switch_stops_the_start_with_one_line(tmp_path: Path, name: str) -> None:
    done = run(tmp_path, "-c", SAY, **PRODUCTION, **{name: "true"})
    assert done.returncode
    assert done.stderr.startswith(f"eventdesk: {name} is 1 or 0")
    assert len(done.stderr.splitlines()) == 1


def test_every_cookie_is_secure_and_out_of_reach_for_scripts_and_other_sites(behind_tls: None) -> None:
    person = people.support()
    client = Client(headers=HTTPS)
    answer = client.post("/login/", {"username": person.username, "password": people.PASSWORD})
    assert answer.status_code == 302
    client.get("/cases/new/")
    assert set(client.cookies) == {settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME}
    for name, cookie in client.cookies.items():
        assert name.startswith("__Host-")
        assert (cookie["secure"], cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, True, "Lax", "/")
        assert not cookie["domain"]


@pytest.mark.parametrize("path", ["/", "/login/", "/no-such-page/", "/healthz", "/static/dashboard/style.css", "/topics/"])
def test_every_answer_is_hardened(behind_tls: None, path: str) -> None:
    client = Client(headers=HTTPS)
    client.force_login(people.viewer())
    answer = client.get(path)
    assert {name: answer.headers.get(name) for name in HARDENED} == HARDENED
    policy = answer.headers["Content-Security-Policy"]
    for directive in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "object-src 'none'"):
        assert directive in policy
    assert not {"unsafe-inline", "unsafe-eval", "data:", "*", "http:", "https:"} & set(policy.replace("'", "").split())
    assert "camera=()" in answer.headers["Permissions-Policy"]
    assert "Access-Control-Allow-Origin" not in answer.headers
    if not path.startswith("/static/"):
        assert {"no-store", "private"} <= set(answer.headers["Cache-Control"].split(", "))


def test_no_page_lets_htmx_evaluate_text_or_write_styles() -> None:
    pages = [page for page in (ROOT / "templates").rglob("*.html") if "htmx-2" in page.read_text(encoding="utf-8")]
    assert len(pages) > 1
    for page in pages:
        [config] = [line for line in page.read_text(encoding="utf-8").splitlines() if 'name="htmx-config"' in line]
        said = json.loads(config.partition("content='")[2].rpartition("'")[0])
        assert (said["allowEval"], said["includeIndicatorStyles"], said["selfRequestsOnly"]) == (False, False, True), page


def test_a_request_that_a_proxy_took_without_tls_is_led_to_it(behind_tls: None) -> None:
    answer = Client(headers={"X-Forwarded-Proto": "http"}).get("/topics/?q=1")
    assert (answer.status_code, answer.headers["Location"]) == (301, "https://testserver/topics/?q=1")


def test_a_proxy_that_says_nothing_of_tls_gets_no_redirection_without_end(behind_tls: None) -> None:
    answer = Client().get("/topics/")
    assert answer.status_code == 400
    assert b"X-Forwarded-Proto: https" in answer.content
    over_tls_only = {"Strict-Transport-Security": None}  # a browser takes it from nowhere else
    assert {name: answer.headers.get(name) for name in HARDENED} == HARDENED | over_tls_only
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Cache-Control"] == "no-store, private"
    assert Client().get("/healthz").status_code == 200
