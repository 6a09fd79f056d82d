"""Requests that nobody means well by: any route, with names, parameters, headers and forms that fit, nearly fit, or do not.

They are sent to the ASGI application itself, in the shapes in which daphne passes them on: a client of Django's would repair
some of them.
"""

import ast
import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import quote, quote_from_bytes, unquote, urlencode

from asgiref.sync import async_to_sync
from django.core.asgi import get_asgi_application
from hypothesis import strategies as st

from dashboard.models import Role
from dashboard.rendering.url_segments import segment
from dashboard.running.asgi_layers import Application, without_needless_bodies, without_root_path
from tests import hostile
from tests.desk_template import ROOT
from tests.web.walk.pages import PARTS, QUERIES, ROUTES, addresses

NOBODY = "nobody"
WHO = (NOBODY, *(str(role) for role in Role))
METHODS = ("GET",) * 8 + ("POST",) * 8 + ("HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "get", "X" * 40)
TOKEN = "a" * 32
"""A token of forms that fits the cookie: what is behind it must stand firm as well."""
NUMBERS = ("0", "-1", "1", "1.5", "1e9", "9" * 19, "9" * 400, "٣", "0x10", "NaN", "+1", " 1 ", "1_000")
TIMES = (
    *("2024-05-01", "2024-05-01T09:00", "2024-05-01T09:00:00Z", "0000-00-00", "9999-12-31T23:59:60Z", "2024-02-30"),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "-1", "1714554000000", "yesterday", "12:00"),
)
FILTERS = ("type:*", "((", 'text~"(a+)+$"', "data.a>1e999", 'a="', "not not a", "data[0].b:c", "\\", "#", 'data."x".y:1')
WORDS = ("", "1", "all", "on", "true", "null", "[]", "{}", "earliest", "latest", "position", "time", "everything", "aggregate")
BYTES = ("%00", "%FF", "%ED%A0%80", "%C0%AF", "%F4%90%80%80", "%", "%zz", "%E2%80%AE", "%0D%0A", "%7E", "~ED~A0~80", "~7e")
"""Ends of what may be written in an address: NUL, bytes that are no UTF-8, halves of surrogate pairs, broken escapes."""
HEADERS: Mapping[str, Sequence[str]] = {
    "hx-request": ("true", "false"),
    "hx-target": ("nothing-yet", "main", "\xff"),
    "hx-current-url": ("http://testserver/topics/", "http://[", "\xff%ff", "//"),
    "hx-boosted": ("true",),
    "hx-history-restore-request": ("true",),
    "hx-trigger": ("x", "\xe2\x80"),
    "hx-prompt-uri-autoencoded": ("true",),
    "hx-current-url-uri-autoencoded": ("true",),
    "hx-target-uri-autoencoded": ("true",),
    "accept": ("*/*", "text/event-stream", "a/b;q=x", ";;,,/", "\xff"),
    "accept-encoding": ("gzip", "br;q=9", "*;q=\xff"),
    "accept-language": ("en", "xx-" + "a" * 600, ";", "*"),
    "range": ("bytes=0-1", "bytes=-", "bytes=9-1", "bytes=0-" + "9" * 40, "x=1"),
    "if-modified-since": ("Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 99 Oct 99999 07:28:00 GMT", "\xff"),
    "if-none-match": ('"x"', "W/", "*", '"'),
    "if-range": ('"x"', "never"),
    "x-forwarded-for": ("203.0.113.7", "2001:db8::1, 10.0.0.1", "[::1]:80", "', --", "\xff", "a," * 400, ""),
    "x-forwarded-proto": ("https", "http", "wss", "https,http", "\xff"),
    "x-forwarded-host": ("evil.example", "["),
    "x-forwarded-port": ("443", "-1", "x"),
    "forwarded": ("for=1;host=evil.example",),
    "host": ("evil.example", "testserver:99999", "[::1", "a" * 300, "\xff", "", "testserver."),
    "origin": ("null", "https://evil.example", "http://[", "http://testserver", "\xff"),
    "referer": ("https://testserver/", "https://[", "javascript:1", "\xff"),
    "cookie": ("sessionid=../../x", "=", ";;;", 'csrftoken="', "a=\xff", "messages=W10:1", "x=" + "y" * 4000),
    "x-csrftoken": ("", "b" * 32, "\xff" * 64, "a" * 64),
    "authorization": ("Bearer x", "Bearer", "Basic Og==", "Basic \xff", "Bearer " + "x" * 5000),
    "content-length": ("0", "1", "99999999", ""),
    "content-encoding": ("gzip",),
    "expect": ("100-continue", "x"),
    "x-http-method-override": ("DELETE",),
    "upgrade": ("h2c",),
    "te": ("trailers",),
}
PARSED = {"content-length"}
"""Read by Twisted, which refuses what is no number."""
TYPES = (
    *("application/x-www-form-urlencoded",) * 6,
    *("multipart/form-data; boundary=x", "multipart/form-data", "multipart/form-data; boundary=" + "y" * 300),
    *("application/json", "text/plain; charset=utf-16", "application/x-www-form-urlencoded; charset=nonsense", "\xff", ""),
)
PARTS_OF_FORM = (
    b'--x\r\nContent-Disposition: form-data; name="reason"\r\n\r\na\r\n--x--\r\n',
    b'--x\r\nContent-Disposition: form-data; name="digest"; filename="../../a"\r\n\r\n\x00\xff\r\n--x--\r\n',
    b"--x\r\nContent-Disposition: z\r\n",
    b'--x\r\nContent-Disposition: form-data; name="\xff"\r\nContent-Transfer-Encoding: base64\r\n\r\n!\r\n--x--',
)


@dataclass(frozen=True, slots=True)
class Request:
    """As it comes over the wire. ``who`` is a role, or nobody; the headers are without that person's cookie."""

    who: str
    method: str
    path: str
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(slots=True)
class Answer:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@cache
def parameters() -> tuple[str, ...]:
    """Every name by which a view asks for a parameter or a field, and every name of a form's field."""
    names = {name for page in (ROOT / "templates").rglob("*.html") for name in _named(page.read_text(encoding="utf-8"))}
    for module in (ROOT / "dashboard").rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("get", "getlist"):
                names |= {one.value for one in node.args[:1] if isinstance(one, ast.Constant) and isinstance(one.value, str)}
            elif isinstance(node, ast.AnnAssign | ast.Assign) and isinstance(node.value, ast.Call):
                target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
                if isinstance(target, ast.Name) and ast.unparse(node.value.func).endswith("Field"):
                    names.add(target.id)
    return tuple(sorted(name for name in names if re.fullmatch("[a-z][a-z_]{0,30}", name)))


def _named(template: str) -> list[str]:
    return re.findall(r'<(?:input|select|textarea|button)\b[^>]*\bname="([a-z_]+)"', template)


@cache
def _known_values() -> tuple[str, ...]:
    queries = [pair.partition("=")[2] for asked in QUERIES.values() for query in asked for pair in query.split("&")]
    parts = [part for known in PARTS.values() for part in known]
    return tuple(sorted({*queries, *parts, *NUMBERS, *TIMES, *FILTERS, *WORDS, *hostile.NAMES}))


@cache
def values() -> st.SearchStrategy[str]:
    """A parameter's value, already encoded for an address."""
    known = st.sampled_from(_known_values()).map(quote)
    written = st.text(max_size=40).map(lambda text: quote(text, errors="surrogatepass"))
    return st.one_of(known, known, known, written, st.sampled_from(BYTES), st.binary(max_size=20).map(quote_from_bytes))


@cache
def pairs() -> st.SearchStrategy[str]:
    """A query, or a form of that type."""
    name = st.one_of(st.sampled_from(parameters()), st.sampled_from(parameters()), st.sampled_from(BYTES))
    pair = st.tuples(name, values()).map("=".join)
    return st.lists(st.one_of(pair, pair, pair, values()), max_size=8).map("&".join)


@cache
def queries() -> st.SearchStrategy[str]:
    known = [query for asked in QUERIES.values() for query in asked]
    return st.one_of(st.just(""), pairs(), pairs(), st.tuples(st.sampled_from(known), pairs()).map("&".join))


_ROUTE, _NUMBER, _FEW = st.sampled_from(ROUTES), st.integers(0, 59), st.integers(0, 2)
_METHOD, _WHO, _TYPE = st.sampled_from(METHODS), st.sampled_from((*WHO, "admin", "admin", "support")), st.sampled_from(TYPES)
_ANYTHING = st.one_of(st.binary(max_size=30).map(quote_from_bytes), st.sampled_from(BYTES))


@st.composite
def paths(draw: st.DrawFn) -> str:
    """A route's address with names that exist, or with others; now and then an address of no route."""
    route = draw(_ROUTE)
    if draw(_FEW):
        known = addresses(route)
        return known[draw(_NUMBER) % len(known)].partition("?")[0]
    if not draw(_NUMBER) % 6:
        return "/" + draw(_ANYTHING)
    return "/" + re.sub("<[^>]+>", lambda found: draw(_names()), str(route.pattern))


@cache
def _names() -> st.SearchStrategy[str]:
    hard = st.one_of(st.sampled_from(hostile.NAMES), st.text(max_size=20), st.sampled_from(_known_values())).map(segment)
    return st.one_of(hard, hard, st.sampled_from(BYTES), values())


@cache
def bodies() -> st.SearchStrategy[bytes]:
    form = pairs().map(str.encode)
    return st.one_of(form, form, form, st.sampled_from(PARTS_OF_FORM), st.binary(max_size=60), st.just(b"{}"))


@cache
def headers() -> st.SearchStrategy[tuple[tuple[str, str], ...]]:
    any_value = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=30)
    one = st.sampled_from(sorted(HEADERS)).flatmap(
        lambda name: st.tuples(st.just(name), st.sampled_from(HEADERS[name]) | (st.nothing() if name in PARSED else any_value))
    )
    return st.lists(one, max_size=4).map(tuple)


_PATHS = paths()


@st.composite
def requests(draw: st.DrawFn) -> Request:
    method = draw(_METHOD)
    given = draw(headers())
    body = b"" if method in ("GET", "HEAD") and draw(_NUMBER) % 10 else draw(bodies())
    if body:
        given = (*given, ("content-type", draw(_TYPE)))
    return Request(draw(_WHO), method, draw(_PATHS), draw(queries()), given, body)


def with_token(request: Request, cookies: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """The headers, with these cookies, and with the token of forms unless the request says otherwise."""
    given = dict(request.headers)
    sent = {"host": "testserver", "x-csrftoken": TOKEN, "content-length": str(len(request.body)), **given}
    sent["cookie"] = "; ".join([*(f"{name}={value}" for name, value in cookies.items()), *filter(None, [given.get("cookie")])])
    if given.get("x-forwarded-proto") == "https":
        sent.setdefault("referer", "https://testserver/")
    return [(name.encode(), value.encode("latin-1")) for name, value in sent.items()]


def answered(request: Request, cookies: Mapping[str, str]) -> Answer:
    """What the application answers, as daphne would send it. Raises what the application raises."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "path": unquote(request.path),
        "raw_path": request.path.encode(),
        "root_path": "",
        "scheme": "http",
        "query_string": request.query.encode(),
        "headers": with_token(request, cookies),
        "client": ["127.0.0.1", 40_000],
        "server": ["127.0.0.1", 8000],
    }
    return async_to_sync(_asked)(scope, request.body)


async def _asked(scope: dict[str, Any], body: bytes) -> Answer:
    answer, waiting = Answer(), [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if waiting:
            return waiting.pop()
        await asyncio.sleep(600)
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in message["headers"]}
        else:
            answer.body += message.get("body", b"")

    await _application()(scope, receive, send)
    return answer


@cache
def _application() -> Application:
    return without_root_path(without_needless_bodies(get_asgi_application()))


def shown(request: Request) -> str:
    """The request on one line, for whoever has to repeat it."""
    return f"{request!r} ({urlencode({'bytes': len(request.body)})})"
