"""HTTP to the broker's admin API: one connection pool, credentials, redirections, and errors in the event store's terms.

A broker's redirection to a sister broker is followed only to the same path.
"""

import os
import re
import ssl
import threading
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlencode, urljoin

import httpx
import msgspec
from msgspec import DecodeError, Struct
from msgspec.json import Decoder

from eventstore.drivers.pulsar.connection import NO_PERMISSION, closed
from eventstore.drivers.quick_http import QuickHttp
from eventstore.drivers.silence import Silence
from eventstore.model.errors import StoreClosed, StoreRefused, StoreUnreachable

Growth = tuple[int, int]
"""Two sizes of a partition of which one changes with each entry: the bytes that it holds (``totalSize`` in its
``internalStats``), and the messages that were published to it since the broker loaded it."""

READ_SECONDS, CONNECT_SECONDS = 5.0, 2.0
TIMEOUT = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
MOST_REDIRECTIONS = 3
PROBE = httpx.Timeout(2.0)


class AdminHttp:
    """Thread-safe. One connection pool per process, created at first use."""

    def __init__(self, *, url: str, token: str, trust_certs: str, certificate: str, key: str) -> None:
        self._url, self._auth = _without_user(url.rstrip("/"))
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._tls = (trust_certs, certificate, key)
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None
        self._quick: QuickHttp | None = None
        self._process = 0
        self._closed = False
        self._silence = Silence(self._answers)

    def send(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Mapping[str, str] | None = None,
        known: Sequence[int] = (),
        missing: Exception | None = None,
        timeout: httpx.Timeout | None = None,
        api: str = "v2",
    ) -> httpx.Response:
        """Return the response if it is a success or one of the ``known`` refusals. ``missing`` is the error for a 404.

        ``api`` is the version of the admin API that has the path.
        """
        client = self._open_client()
        if self._silence.refuses():
            raise self._unreachable()
        try:
            where = f"{self._url}/admin/{api}/{path}"
            request = client.build_request(method, where, json=body, params=query, timeout=timeout or TIMEOUT)
            answer = _followed(client, request, body, self._auth)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            if self._closed:
                raise closed() from error
            if isinstance(error, httpx.TimeoutException) and not isinstance(error, httpx.PoolTimeout):
                self._silence.note_timeout()
            raise self._unreachable() from error
        if answer.is_success or answer.status_code in known:
            return answer
        if answer.status_code == 404 and missing is not None:
            raise missing
        raise self._refusal(answer)

    def get_json(self, path: str, *, query: Mapping[str, str], missing: Exception) -> Any:
        """Do as ``send`` and ``parsed`` for what pages ask for often: the usual answer comes in a quarter of the time."""
        found = self._quick_answer(f"/admin/v2/{path}{'?' if query else ''}{urlencode(query)}")
        if found is not None:
            try:
                return msgspec.json.decode(found[1])
            except DecodeError:
                pass  # not JSON, or JSON with NaN, which the other parser reads
        return parsed(self.send("GET", path, query=query, missing=missing))

    def get_whole(self, path: str, *, known: Sequence[int]) -> tuple[Mapping[str, str], bytes] | None:
        """Return headers (names in small letters) and body of a success, as quickly; ``None`` for the ``known`` refusals."""
        if (found := self._quick_answer(f"/admin/v2/{path}")) is not None:
            return found
        answer = self.send("GET", path, known=known)
        return (answer.headers, answer.content) if answer.is_success else None

    def _quick_answer(self, path: str) -> tuple[Mapping[str, str], bytes] | None:
        """Return a plain success, and ``None`` for anything else: then the usual way says what it is."""
        self._open_client()
        quick = self._quick
        if quick is None or self._silence.refuses():
            return None
        try:
            return quick.get_whole(path)
        except TimeoutError as error:
            if self._closed:
                raise closed() from error
            self._silence.note_timeout()
            raise self._unreachable() from error

    def _open_client(self) -> httpx.Client:
        with self._lock:
            if self._closed:
                raise closed()
            if self._client is None or self._process != os.getpid():
                self._process = os.getpid()
                self._silence = Silence(self._answers)  # after a fork, the thread that asks is in the parent alone
                tls = self._verify()
                self._client = httpx.Client(
                    headers=self._headers, timeout=TIMEOUT, verify=tls, trust_env=False, follow_redirects=False
                )
                if self._auth is None:
                    self._quick = QuickHttp(self._url, self._headers, tls, connect=CONNECT_SECONDS, read=READ_SECONDS)
            return self._client

    def _verify(self) -> ssl.SSLContext:
        trust_certs, certificate, key = self._tls
        if not self._url.startswith("https"):  # nor does a redirection lead to it: load no authorities, which takes 30 ms
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            context = ssl.create_default_context(cafile=trust_certs or None)
            if certificate:
                context.load_cert_chain(certificate, key or None)
        except (OSError, ssl.SSLError) as error:
            raise StoreRefused(
                "The TLS files for the broker cannot be used: check PULSAR_TLS_TRUST_CERTS and the others."
            ) from error
        return context

    def _answers(self) -> bool:
        """Return whether the broker answers a small question, whatever it says.

        Without a free connection it is not asked. Then it counts as answering: the calls that have the connections will tell.
        """
        try:
            self._open_client().get(f"{self._url}/admin/v2/brokers/version", auth=self._auth, timeout=PROBE)
        except httpx.PoolTimeout:
            return True
        except (httpx.TransportError, httpx.InvalidURL, StoreClosed):
            return False
        return True

    def _unreachable(self) -> StoreUnreachable:
        """Return the error in the same words each time: a warning is logged again when its words change."""
        where = httpx.URL(self._url).netloc.decode()
        return StoreUnreachable(
            f"The broker's admin API at {where} does not answer. Nothing is lost: try again when it is back, "
            "or check PULSAR_ADMIN_URL."
        )

    def _refusal(self, answer: httpx.Response) -> Exception:
        if answer.status_code in (401, 403):
            return StoreRefused(NO_PERMISSION)
        if answer.status_code in (502, 503, 504):
            return self._unreachable()
        if answer.status_code == 500 and is_starting(answer):
            where = httpx.URL(self._url).netloc.decode()
            return StoreUnreachable(f"The broker at {where} is starting. Nothing is lost: it answers in a moment.")
        return refused(answer)

    def close(self) -> None:
        with self._lock:
            client, self._client, self._closed = self._client, None, True
            quick, self._quick = self._quick, None
        if client is not None and self._process == os.getpid():
            client.close()
            if quick is not None:
                quick.close()


def _without_user(url: str) -> tuple[str, httpx.BasicAuth | None]:
    """The address without its user name and password, which httpx would write into its log, and these two by themselves."""
    scheme, mark, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    user, _, host = host.rpartition("@")
    name, _, password = user.partition(":")
    auth = httpx.BasicAuth(unquote(name), unquote(password)) if name or password else None
    return f"{scheme}{mark}{host}{slash}{path}", auth


def _followed(client: httpx.Client, request: httpx.Request, body: Any, auth: httpx.BasicAuth | None) -> httpx.Response:
    """Send the request, and return the response of the broker or of the sister broker to which it redirects.

    The user name and password of the configured address go to that address alone.
    """
    answer = client.send(request, auth=auth)
    for _ in range(MOST_REDIRECTIONS):
        if answer.status_code not in (307, 308):
            return answer
        elsewhere = httpx.URL(urljoin(str(request.url), answer.headers.get("location", "")))
        if (elsewhere.scheme, _path(elsewhere)) != (request.url.scheme, _path(request.url)):
            raise StoreRefused("The broker's admin API redirects to another path: check PULSAR_ADMIN_URL.")
        timeout = request.extensions["timeout"]
        answer = client.send(client.build_request(request.method, elsewhere, json=body, extensions={"timeout": timeout}))
    raise StoreRefused("The broker's admin API redirects in a circle: check PULSAR_ADMIN_URL.")


def parsed(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError as error:
        raise _no_admin_api() from error


def _no_admin_api() -> StoreRefused:
    return StoreRefused("What answers is not Pulsar's admin API: check PULSAR_ADMIN_URL.")


LONGEST_REASON = 20_000
"""Characters of a reason that are looked at: a stack trace may be long."""
_STARTING = re.compile(
    r"not (?:yet )?(?:ready|initiali[sz]ed|started)|still starting"
    r"|because the return value of \"org\.apache\.pulsar\.broker\.PulsarService\.get\w+\(\)\" is null"
    r"|because \"this\.(?:pulsar|brokerService|namespaceService|loadManager)\" is null",
    re.IGNORECASE,
)


BUSY = (
    "The subscription is busy: another person moves its cursor now, or the broker has not ended an earlier move. The cursor "
    "has not been moved for you. Look in a moment where it stands, and try again if that is still needed."
)
_BUSY = re.compile(r"subscription (?:is )?(?:busy|fenced)|fence subscription", re.IGNORECASE)


class _Sizes(Struct):
    storageSize: int  # the broker's own names
    msgInCounter: int


class _PartitionedStats(Struct):
    partitions: dict[str, _Sizes] = {}


_partitioned_stats = Decoder(_PartitionedStats)


def sizes_in(answer: httpx.Response) -> Mapping[str, Growth]:
    """Return the sizes of each partition in ``partitioned-stats``, by name. Of the rest, which may have a megabyte, nothing is
    made."""
    try:
        found = _partitioned_stats.decode(answer.content)
    except (DecodeError, ValueError) as error:
        raise _no_admin_api() from error
    return {name: (one.storageSize, one.msgInCounter) for name, one in found.partitions.items()}


def is_starting(answer: httpx.Response) -> bool:
    """Whether a 500 is that of a broker whose services are not all there yet.

    Such a broker answers with the NullPointerException of the service that it misses (its name is in the reason), or says that
    one is not ready or not initialised. A standalone broker does not: 4.0.8 and 4.2.4 opened their port last in seven starts
    each (``tests/data/starting``), and gave no 500.
    """
    try:
        text = str(answer.json().get("reason", ""))
    except (ValueError, AttributeError):
        text = answer.text[:LONGEST_REASON]  # before its error handlers are there, the broker sends a page of Jetty's
    return _STARTING.search(text[:LONGEST_REASON]) is not None


def refused(answer: httpx.Response) -> StoreRefused:
    """Return the error for a refusal, with the broker's own reason."""
    reason = reason_of(answer)
    if answer.status_code == 412 and _BUSY.search(reason):
        return StoreRefused(f"{BUSY} The broker says: {reason}")
    return StoreRefused(f"The broker refuses this ({answer.status_code}): {reason}")


def reason_of(answer: httpx.Response) -> str:
    """Return the first line of the broker's own reason."""
    try:
        text = str(answer.json().get("reason", ""))
    except (ValueError, AttributeError):
        text = ""  # a proxy's error page: its status says more
    words = next((line.strip() for line in text.splitlines() if line.strip(" -")), "")
    return words[:200] if words else f"it answers {answer.status_code} and no reason."


def _path(url: httpx.URL) -> bytes:
    return url.raw_path.partition(b"?")[0]
