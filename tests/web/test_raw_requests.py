"""What comes back over a bare connection: no needless bytes, no dropped connection, and no traceback for anybody's request."""

import re
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.desk_process import Desk
from tests.tail_client import refused
from tests.tail_client import socket as tail_socket

LOG_ALL = {"EVENTDESK_LOG": "INFO"}
SLOW = 30.0


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with Desk(tmp_path_factory.mktemp("desk"), LOG_ALL, people=["support"], indexed=False) as opened:
        yield opened


def exchange(desk: Desk, *requests: bytes) -> bytes:
    """Send these requests at once over one connection that is kept alive, and return all that comes until it is closed."""
    with closing(socket.create_connection(("127.0.0.1", desk.port), timeout=SLOW)) as connection:
        connection.sendall(b"".join(requests))
        return b"".join(iter(lambda: connection.recv(65536), b""))


def request(line: str, *headers: str, body: bytes = b"", host: str = "127.0.0.1", close: bool = True) -> bytes:
    end = ["Connection: close"] if close and not any(header.startswith("Connection") for header in headers) else []
    length = [f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join([line, f"Host: {host}", *headers, *end, *length, "", ""]).encode("latin-1") + body


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


# -- bodies


@pytest.mark.parametrize("path", ["/large.txt", "/static/django_htmx/htmx-2.min.js", "/healthz", "/login/", "/no-such-page/"])
def test_behind_the_headers_of_a_head_comes_the_next_answer(desk: Desk, path: str) -> None:
    large = desk.data / "static" / "large.txt"
    large.write_bytes(b"x" * 300_000)
    path = path.replace("/large.txt", "/static/large.txt")
    got = exchange(desk, request(f"HEAD {path} HTTP/1.1", close=False), request("GET /healthz HTTP/1.1"))
    first, _, rest = got.partition(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 ")
    assert rest.startswith(b"HTTP/1.1 200 OK"), rest[:60]


def test_behind_the_headers_of_an_unchanged_file_comes_the_next_answer(desk: Desk) -> None:
    path = "/static/django_htmx/htmx-2.min.js"
    modified = re.search(rb"Last-Modified: ([^\r]+)", exchange(desk, request(f"HEAD {path} HTTP/1.1")))
    assert modified
    unchanged = request(f"GET {path} HTTP/1.1", f"If-Modified-Since: {modified[1].decode()}", close=False)
    first, _, rest = exchange(desk, unchanged, request("GET /healthz HTTP/1.1")).partition(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 304")
    assert rest.startswith(b"HTTP/1.1 200 OK")


# -- too long


@pytest.mark.parametrize("size", [16_385, 40_000, 3_000_000])
def test_an_address_that_is_too_long_gets_a_page(desk: Desk, size: int) -> None:
    answer = exchange(desk, request(f"GET /login/?q={'x' * size} HTTP/1.1"))
    assert status(answer) == 414
    assert b"This address is too long" in answer
    assert b"shorten what you typed" in answer
    assert exchange(desk, request("GET /healthz HTTP/1.1")).endswith(b"ok")


def test_a_header_that_is_too_long_gets_a_page(desk: Desk) -> None:
    answer = exchange(desk, request("GET /login/ HTTP/1.1", f"Cookie: a={'x' * 20_000}"))
    assert status(answer) == 431
    assert b"too long a header" in answer


def test_thousands_of_parameters_get_a_page(desk: Desk) -> None:
    for path in ("login", "topics"):
        answer = exchange(desk, request(f"GET /{path}/?{'&'.join(str(n % 10) for n in range(6_000))} HTTP/1.1"))
        assert status(answer) == 400
        assert b"This request does not work" in answer
    longer = "&".join(f"p{number}={number}" for number in range(6_000))
    assert status(exchange(desk, request(f"GET /topics/?{longer} HTTP/1.1"))) == 414


def test_the_longest_address_that_a_form_makes_works_with_the_headers_that_repeat_it(desk: Desk) -> None:
    path = f"/login/?q={'x' * 8_192}"
    again = [f"{name}: http://127.0.0.1{path}" for name in ("Referer", "HX-Current-URL")]
    assert status(exchange(desk, request(f"GET {path} HTTP/1.1", *again))) == 200


CHUNKED = "Transfer-Encoding: chunked"


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(desk: Desk) -> None:
    expects = ("Content-Length: 2621441", "Expect: 100-continue")
    for headers in (["Content-Length: 2621441"], expects, ["Content-Length: " + "9" * 4_000]):
        answer = exchange(desk, request("POST /login/ HTTP/1.1", *headers, close=False))
        assert status(answer) == 413
        assert b"This form holds too much" in answer
        assert b"100 Continue" not in answer


def test_a_body_of_unknown_length_is_refused_once_it_is_too_large(desk: Desk) -> None:
    chunk = b"10000\r\n" + b"a" * 0x10000 + b"\r\n"
    begun = request("POST /login/ HTTP/1.1", CHUNKED, close=False)
    answer = exchange(desk, begun, chunk * 41)
    assert status(answer) == 413
    assert exchange(desk, request("GET /healthz HTTP/1.1")).endswith(b"ok")


def test_the_largest_body_is_read(desk: Desk) -> None:
    form = b"a=" + b"x" * 2_621_438
    for sent in (
        request("POST /login/ HTTP/1.1", *CSRF, FORM, body=form),
        request("POST /login/ HTTP/1.1", *CSRF, FORM, CHUNKED) + b"27ffff\r\n" + form[:-1] + b"\r\n0\r\n\r\n",
    ):
        assert status(exchange(desk, sent)) == 200


# -- the log

WEBSOCKET = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
FORM = "Content-Type: application/x-www-form-urlencoded"
TOKEN = "a" * 32
CSRF = (f"Cookie: csrftoken={TOKEN}", f"X-CSRFToken: {TOKEN}")
REFUSED = {
    "a wrong host": (400, request("GET /login/ HTTP/1.1", host="evil.example")),
    "a host that is none": (400, request("GET /login/ HTTP/1.1", host='ev"il')),
    "a large body": (413, request("POST /login/ HTTP/1.1", *CSRF, FORM, body=b"a" * 3_000_000)),
    "a large body without a token": (413, request("POST /login/ HTTP/1.1", CSRF[0], FORM, body=b"a" * 3_000_000)),
    "many fields": (400, request("POST /login/ HTTP/1.1", *CSRF, FORM, body=b"a&" * 2_000)),
    "many parameters": (400, request(f"GET /login/?{'a&' * 2_000} HTTP/1.1")),
    "a form that is none": (
        200,
        request(
            "POST /login/ HTTP/1.1",
            *CSRF,
            "Content-Type: multipart/form-data; boundary=x",
            body=b"--x\r\nContent-Disposition: z",
        ),
    ),
    "a form without a boundary": (
        400,
        request("POST /login/ HTTP/1.1", *CSRF, "Content-Type: multipart/form-data", body=b"a"),
    ),
    "a made-up charset": (200, request("POST /login/ HTTP/1.1", *CSRF, f"{FORM}; charset=nonsense", body=b"a=b")),
    "a path that is none": (404, request("GET /log%ffin%0a/ HTTP/1.1")),
    "a header for daphne": (500, request("GET /login/ HTTP/1.1", "Daphne-Root-Path: \xff")),
    "a websocket's subprotocol": (500, request("GET /tail/live/ HTTP/1.1", *WEBSOCKET, "Sec-WebSocket-Protocol: \xff")),
}
"""The status of each answer, and the request. A form that cannot be read is shown again; daphne answers 500 by itself."""


@pytest.mark.parametrize("name", REFUSED)
def test_a_request_that_is_refused_is_a_line_in_the_log_and_no_traceback(desk: Desk, name: str) -> None:
    before = len(desk.log("web"))
    expected, sent = REFUSED[name]
    answer = exchange(desk, sent)
    exchange(desk, request("GET /no-such-page/ HTTP/1.1"))  # its line comes after
    lines = [line for line in desk.log("web")[before:].splitlines() if "/no-such-page/" not in line]
    assert status(answer) == expected
    assert not [line for line in lines if line.startswith(("Traceback", " ", "django.", "UnicodeDecodeError"))], lines
    assert len([line for line in lines if "ERROR" in line or "WARNING" in line]) <= 1


def test_a_client_cannot_say_where_the_desk_lies(desk: Desk) -> None:
    answer = exchange(desk, request("GET /login/ HTTP/1.1", "Daphne-Root-Path: /elsewhere"))
    assert b"/elsewhere" not in answer


@pytest.mark.parametrize("path", ["", "nothing/", "topics/x/tail/", "tail/live", "topics/%ff/tail/live/", "login/"])
@pytest.mark.parametrize("who", ["nobody", "a stranger's page", "this desk's page", "a script"])
def test_an_unknown_websocket_is_refused_without_a_traceback(desk: Desk, path: str, who: str) -> None:
    before = len(desk.log("web"))
    own = f"http://127.0.0.1:{desk.port}"
    headers = {
        "nobody": [],
        "a stranger's page": ["Origin: http://evil.example"],
        "this desk's page": [f"Origin: {own}"],
        "a script": ["Authorization: Bearer made-up", "Sec-WebSocket-Protocol: eventdesk.json"],
    }[who]
    answer = exchange(desk, request(f"GET /{path} HTTP/1.1", *WEBSOCKET, *headers, host=f"127.0.0.1:{desk.port}"))
    assert status(answer) == 403
    assert "Traceback" not in desk.log("web")[before:]
    if who in ("this desk's page", "a script"):
        assert "there is no websocket at" in desk.log("web")[before:]


def test_a_known_websocket_is_still_found(desk: Desk) -> None:
    assert refused(lambda: tail_socket(desk, cookie="sessionid=made-up"))
