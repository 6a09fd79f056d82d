"""How consoles of this kind have failed their users: a test for each class, named after it. Those of Chromium and of what is
shown are in the modules beside this one; ``guards`` has what each of them guards."""

from collections.abc import Iterator
from io import StringIO
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings as installed
from django.contrib.auth.models import AnonymousUser
from django.core.management import call_command
from django.test import Client

from dashboard import gateway
from dashboard.access import policy
from dashboard.models import ApiToken, Case, Person, Reveal
from dashboard.setup.system_checks import serving_problems
from dashboard.web.pages import MARK
from eventstore.drivers.database.models import CursorRow, MessageRow, SubscriptionRow
from eventstore.jobs.models import JobRow
from eventstore.search import InvalidFilter, parse_filter
from tests.broker.test_upstream_paths import TOKEN, Recorder, check_one_part, recorder, storage
from tests.people import PASSWORD, admin
from tests.security.test_hostile_sockets import spoken
from tests.web.access_table import OPEN
from tests.web.desk import NAME, TOPIC, Desk, opened_desk, text
from tests.web.test_hostile_filters import CATASTROPHIC, PAGES, REFUSED
from tests.web.walk.pages import ROUTES, addresses

__all__ = ["recorder", "storage"]  # fixtures

CODE = ("__import__('os').system('x')", "data.a == 1 && evil()", "{{7*7}}", "${7*7}", "lambda: 1", "`x`", "System.exit(0)")
FAR = "evil.example"
CHANGES = (
    *("cursor_resets", "cursor_undos", "skips", "burials", "letter_keepers", "redrives", "replay_confirmations", "logout"),
    *("replay_approvals", "generation_promotions", "generation_discards", "job_pauses", "job_cancellations", "forgettings"),
    *("reveal_confirmations", "emergency_reveals", "reveal_ends", "case_openings", "case_closings", "case_notes"),
)
BOOTSTRAP = ("/setup/", "/install/", "/register/", "/signup/", "/admin/", "/accounts/signup/", "/create-superuser/")


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        opened.publish(3)
        opened.subscribe()
        yield opened


def test_a_filter_that_is_code(desk: Desk) -> None:
    """One bounded parser for every way in; nothing is evaluated, and what is too costly is refused before it runs."""
    short = [filter for filter in REFUSED.values() if len(filter) < 10_000]
    for filter in (*short, "text~(a+)+$ and", 'text~"(?=a)"', 'text~"(a)\\\\1"'):
        with pytest.raises(InvalidFilter):
            parse_filter(filter)
        for page in PAGES.values():
            assert desk.get(page + quote(filter)).status_code == 400, filter[:40]
    for filter in CODE:
        for page in PAGES.values():
            answer = desk.get(page + quote(filter))
            assert answer.status_code in (200, 400)
            assert "49" not in text(answer).split(), "nothing is evaluated"
    assert all(parse_filter(filter) for filter in CATASTROPHIC.values()), "linear time, and a budget: test_hostile_filters"


def test_endpoint_set_by_the_user(desk: Desk, recorder: Recorder, storage: Any) -> None:
    """Names stay one part of the path at the configured host; no parameter and no header names another."""
    for trick in ("..", "//evil.example/", "http://evil.example/", "a%2F..%2Fb", "user@evil.example", "nul\x00", "a\nHost: b"):
        recorder.asked.clear()
        check_one_part(recorder, storage, trick)
    there = {
        "X-Forwarded-Host": FAR,
        "Forwarded": f"host={FAR}",
        "X-Original-URL": f"http://{FAR}/",
        "Referer": f"http://{FAR}/",
    }
    asked = "&".join(f"{name}=http://{FAR}/" for name in ("u", "url", "host", "redirect.host", "admin", "broker", "next"))
    for page in ("/", "/topics/", f"/topics/{TOPIC}/", "/subscriptions/", "/readyz"):
        answer = desk.client().get(f"{page}?{asked}", headers=there)
        assert answer.status_code == 200
        assert FAR not in answer.headers.get("Location", "")
        assert f'action="http://{FAR}' not in answer.content.decode()


def test_broker_credentials_in_the_browser(
    desk: Desk, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A broker that refuses, and repeats the token that it was sent: no page, header, cookie or log line has it."""
    recorder.answer = (401, {"www-authenticate": f"Bearer {TOKEN}"}, f'{{"reason":"{TOKEN} is not valid"}}'.encode())
    monkeypatch.setenv("PULSAR_TOKEN", TOKEN)
    monkeypatch.setattr(installed, "EVENTSTORE_URL", "pulsar://127.0.0.1:9")
    monkeypatch.setattr(installed, "PULSAR_ADMIN_URL", recorder.url)
    client = desk.client("admin")
    gateway.close()
    try:
        for page in ("/", "/topics/", f"/topics/{TOPIC}/details/", f"/topics/{TOPIC}/subscriptions/{NAME}/", "/readyz"):
            answer = client.get(page)
            said = answer.content.decode() + str(answer.headers) + answer.cookies.output()
            assert TOKEN not in said, page
    finally:
        gateway.close()
    assert recorder.asked, "the broker was asked"
    assert TOKEN not in caplog.text


@pytest.mark.parametrize(
    "unsafe",
    [
        {"SECRET_KEY_GIVEN": ""},
        {"SECRET_KEY_GIVEN": "short"},
        {"SECRET_KEY_GIVEN": "django-insecure-0123456789abcdefghijklmnop"},
        {"SECRET_KEY_GIVEN": "please-change-me-0123456789abcdefghijk"},
        {"DEBUG": True},
        {"HOSTS_GIVEN": []},
        {"HOSTS_GIVEN": ["*"]},
    ],
    ids=str,
)
def test_shipped_secrets(settings: Any, unsafe: dict[str, Any]) -> None:
    """Outside demo mode nothing is served with a default, empty or short secret, DEBUG, or any host."""
    settings.DEMO, settings.SECRET_KEY_GIVEN, settings.HOSTS_GIVEN = (
        False,
        "kT3vQ9-zL1xW7mN5bR2cY8dF4gH6jK0pS",
        ["desk.example.org"],
    )
    assert serving_problems() == []
    for name, value in unsafe.items():
        setattr(settings, name, value)
    assert len(serving_problems()) == 1


def test_open_bootstrap(desk: Desk) -> None:
    """No address makes a person: the first admin is made on the command line only."""
    Person.objects.all().delete()
    given = {
        "username": "eve",
        "password": PASSWORD,
        "password1": PASSWORD,
        "password2": PASSWORD,
        "role": "admin",
        "name": "eve",
    }
    urls = [
        *(addresses(route)[0] for route in ROUTES),
        *(f"/{place}/" for place in ("setup", "install", "register", "signup", "admin", "init")),
    ]
    for url in urls:
        for method in ("get", "post"):
            getattr(Client(), method)(url, given)
            assert not Person.objects.exists(), url
    call_command("create_user", "eve", "--role", "admin", stdout=StringIO())
    assert Person.objects.get().role == "admin"


def test_no_login(desk: Desk) -> None:
    """Every route and websocket refuses an anonymous caller. tests/web/test_access_walk.py tells by which status."""
    for route in ROUTES:
        if route.name not in OPEN | {"logout"}:
            for method in ("get", "post"):
                answer = getattr(Client(), method)(addresses(route)[0])
                assert answer.status_code in (302, 401, 403, 404, 405), (route.name, method)
                assert answer.headers.get("Location", "/login/").startswith("/login/"), route.name
    for path in (f"/topics/{TOPIC}/tail/live/", "/tail/live/", "/reveals/live/"):
        assert not spoken(handshake(path), []), path


def handshake(path: str, *, cookie: str = "", origin: str = "http://testserver") -> dict[str, Any]:
    sent = {"host": "testserver", "origin": origin, "cookie": cookie}
    headers = [(name.encode(), value.encode()) for name, value in sent.items() if value]
    scope: dict[str, Any] = {"type": "websocket", "path": path, "raw_path": path.encode(), "query_string": b"", "scheme": "ws"}
    return {**scope, "headers": headers, "subprotocols": [], "root_path": "", "client": ["127.0.0.1", 1]}


def test_button_hidden_endpoint_open(desk: Desk) -> None:
    """What a page does not offer is refused by its endpoint too. tests/web/test_access_walk.py has every role and route."""
    for role in ("", "viewer"):
        for route in ROUTES:
            action = getattr(route.callback, MARK, None)
            if action is not None and role not in policy.TABLE[action].roles:
                url = addresses(route)[0]
                answers = {desk.client(role).get(url).status_code, desk.client(role).post(url).status_code}
                assert 403 in answers <= {403, 405}, (role, route.name)
    with pytest.raises(KeyError):
        policy.allows(admin(), "an action that nobody has written down")
    assert not policy.allows(AnonymousUser(), "browse")


def test_state_change_by_get(desk: Desk) -> None:
    """No GET changes anything, and no POST does without a token of forms."""
    client = Client(enforce_csrf_checks=True)
    desk.client("admin")
    client.force_login(Person.objects.get(role="admin"))

    def standing() -> list[Any]:
        counted = [model._default_manager.count() for model in (Person, ApiToken, JobRow, Case, Reveal, MessageRow)]
        return [*counted, *CursorRow.objects.values(), *SubscriptionRow.objects.values()]

    before = standing()
    assert set(CHANGES) <= {str(route.name) for route in ROUTES}
    for route in ROUTES:
        if route.name in CHANGES:
            assert 405 in {client.get(url).status_code for url in addresses(route)} <= {404, 405}, route.name
        for url in addresses(route)[:2]:
            assert client.get(url).status_code != 500
            assert client.post(url.partition("?")[0]).status_code in (403, 404, 405), route.name
    assert standing() == before


def test_cross_site_websocket(desk: Desk) -> None:
    """A foreign Origin is refused on websockets, with a login, and on POST, with a token."""
    cookie = f"{installed.SESSION_COOKIE_NAME}={desk.client('support').cookies[installed.SESSION_COOKIE_NAME].value}"
    tail = f"/topics/{TOPIC}/tail/live/"
    assert spoken(handshake(tail, cookie=cookie), [])
    for origin in (f"https://{FAR}", "null", "http://testserver:81", f"http://testserver.{FAR}", ""):
        assert not spoken(handshake(tail, cookie=cookie, origin=origin), []), origin
    client = Client(enforce_csrf_checks=True)
    token = client.get("/login/").cookies[installed.CSRF_COOKIE_NAME].value
    form = {"username": "support", "password": "x", "csrfmiddlewaretoken": token}
    assert client.post("/login/", form, headers={"Origin": f"https://{FAR}"}).status_code == 403
    assert client.post("/login/", form, headers={"Origin": "http://testserver"}).status_code == 200
    assert "Access-Control-Allow-Origin" not in client.get("/login/", headers={"Origin": f"https://{FAR}"}).headers
