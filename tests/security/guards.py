"""What each test of a class of failures guards, as the change of the code that takes the guard out.

The classes are those of a list collected from advisories, issues and sources of consoles for Kafka, Pulsar, RabbitMQ, NATS and
event stores. ``test_guards`` makes each change in a copy of the project and runs the test: it has to fail.
"""

from collections.abc import Sequence
from dataclasses import dataclass

HERE = "tests/security/test_peer_failures.py"
SHOWN = "tests/security/test_peer_failures_shown.py"
PAGES, LOGIN = "dashboard/web/pages.py", "dashboard/views/login.py"
NO_LOGIN_NEEDED = (PAGES, "            if not request.user.is_authenticated:\n", "            if False:\n")
NO_RIGHT_NEEDED = (PAGES, "            if not policy.allows(request.user, action):\n", "            if False:\n")
BOOTSTRAP = """urls = [
    path("setup/", lambda request: HttpResponse(str(Person.objects.create_superuser("eve", password="eve"))), name="setup"),
"""


@dataclass(frozen=True, slots=True)
class Guard:
    """``changes``: file, text that is there once, and what stands there without the guard."""

    failure: str
    test: str
    changes: Sequence[tuple[str, str, str]]


GUARDS = (
    Guard(
        "A filter that is code",
        f"{HERE}::test_a_filter_that_is_code",
        [("eventstore/search/parsing.py", "if depth >= DEEPEST and token", "if token.term and token")],
    ),
    Guard(
        "Endpoint set by the user",
        f"{HERE}::test_endpoint_set_by_the_user",
        [("eventstore/drivers/pulsar/names.py", 'return quote(text, safe="").replace(".", "%2E")', "return text")],
    ),
    Guard(
        "Broker credentials in the browser",
        f"{HERE}::test_broker_credentials_in_the_browser",
        [
            (
                "eventstore/drivers/pulsar/admin_http.py",
                "        if answer.status_code in (401, 403):\n",
                "        if answer.status_code in (401, 403):\n            raise StoreUnreachable(answer.text)\n",
            )
        ],
    ),
    Guard(
        "Shipped secrets",
        f"{HERE}::test_shipped_secrets",
        [("dashboard/setup/system_checks.py", "return PLACEHOLDER.search(secret) is not None or", "return")],
    ),
    Guard("Open bootstrap", f"{HERE}::test_open_bootstrap", [(LOGIN, "urls = [\n", BOOTSTRAP)]),
    Guard("No login", f"{HERE}::test_no_login", [NO_LOGIN_NEEDED, NO_RIGHT_NEEDED]),
    Guard("Button hidden, endpoint open", f"{HERE}::test_button_hidden_endpoint_open", [NO_RIGHT_NEEDED]),
    Guard(
        "State change by GET",
        f"{HERE}::test_state_change_by_get",
        [(PAGES, "            if request.method not in allowed:\n", "            if False:\n")],
    ),
    Guard(
        "State change without a token of forms",
        f"{HERE}::test_state_change_by_get",
        [("dashboard/settings.py", '    "django.middleware.csrf.CsrfViewMiddleware",\n', "")],
    ),
    Guard(
        "Cross-site websocket",
        f"{HERE}::test_cross_site_websocket",
        [("dashboard/sockets/handshake.py", "if is_trusted(scope):", "if is_browser:")],
    ),
    Guard(
        "Stored XSS from broker data",
        "tests/security/test_stored_xss.py::test_stored_xss_from_broker_data",
        [
            (
                "dashboard/rendering/tags.py",
                'return f"<bdi>{escape(shorten(text, length) if length else text)}</bdi>"',
                'return f"<bdi>{shorten(text, length) if length else text}</bdi>"',
            )
        ],
    ),
    Guard(
        "Metadata spoofing",
        f"{SHOWN}::test_metadata_spoofing",
        [
            (
                "dashboard/rendering/event_line_builder.py",
                "        position=position.encode(),\n",
                '        position=event.message.properties.get("position", position.encode()),\n',
            )
        ],
    ),
    Guard(
        "Cookies, framing",
        f"{SHOWN}::test_cookies_and_framing",
        [
            (
                "dashboard/settings.py",
                "SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BEHIND_TLS",
                "SESSION_COOKIE_SECURE = False",
            )
        ],
    ),
    Guard(
        "Framing",
        f"{SHOWN}::test_cookies_and_framing",
        [("dashboard/settings.py", '        "frame-ancestors": ["\'none\'"],\n', "")],
    ),
    Guard(
        "Big things",
        f"{SHOWN}::test_big_things",
        [
            (
                "dashboard/web/event_detail.py",
                "payload_of_event(event, profile, limit)",
                "payload_of_event(event, profile, 10**9)",
            )
        ],
    ),
    Guard(
        "Wrong counts",
        f"{SHOWN}::test_wrong_counts",
        [("templates/searches/_progress.html", "{% elif progress.complete %}", "{% elif progress.read %}")],
    ),
    Guard(
        "Replay by accident",
        f"{SHOWN}::test_replay_by_accident",
        [("eventstore/replays/planning/plan.py", "if read is None or read[1] != self.fixed:", "if read is None:")],
    ),
    Guard(
        "Tail that lies: more readers",
        f"{SHOWN}::test_a_tail_that_lies",
        [("eventstore/tail/hub.py", "if there is not None and there.topic == topic and not there.stopped:", "if False:")],
    ),
    Guard(
        "Tail that lies: what is left out",
        f"{SHOWN}::test_a_tail_that_lies",
        [("eventstore/tail/subscriber/counts.py", "            self.older += events\n", "            self.shown += events\n")],
    ),
    Guard(
        "Personal data",
        f"{SHOWN}::test_personal_data",
        [("dashboard/privacy/profiles.py", 'sees_values=allows(account, "see_payloads")', "sees_values=True")],
    ),
)
