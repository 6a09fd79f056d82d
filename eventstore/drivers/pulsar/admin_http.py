"""HTTP to the broker's admin API: one connection pool, credentials, redirections, and errors in the event store's terms.

A broker's redirection to a sister broker is followed only to the same path.
"""

import os
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlencode, urljoin

import httpx
import msgspec
from msgspec import DecodeError, Struct
from msgspec.json import Decoder

from eventstore.drivers.pulsar.access.answers import is_about_permissions, is_starting, lacks_ledgers, refused
from eventstore.drivers.pulsar.access.credentials import Credentials, Offered
from eventstore.drivers.pulsar.access.needs import need_of
from eventstore.drivers.pulsar.access.tls import tls_problem
from eventstore.drivers.pulsar.connection import closed
from eventstore.drivers.quick_http import QuickHttp
from eventstore.drivers.silence import Silence
from eventstore.model.errors import NotLetIn, NotTrusted, StoreClosed, StoreRefused, StoreUnreachable

Growth = tuple[int, int]
"""Two sizes of a partition of which one changes with each entry: the bytes that it holds (``totalSize`` in its
``internalStats``), and the messages that were published to it since the broker loaded it."""

READ_SECONDS, CONNECT_SECONDS = 5.0, 2.0
TIMEOUT = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
MOST_REDIRECTIONS = 3
PROBE = httpx.Timeout(2.0)
REPLACED_SECONDS = 120.0
"""How long what was made with other files is kept for those who use it: longer than any of their calls takes."""
OUT_OF_ORDER = (502, 503, 504)
"""What a proxy answers in the broker's stead."""


class AdminHttp:
    """Thread-safe. One connection pool per process, created at first use."""

    def __init__(self, *, url: str, credentials: Credentials) -> None:
        self._url, self._auth = _without_user(url.rstrip("/"))
        self._where = httpx.URL(self._url).netloc.decode()
        self._credentials = credentials
        self._secure = self._url.startswith("https")
        self._plain = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        """Where no TLS is spoken, nor a redirection leads to it: it has no authorities, to load which takes 30 ms."""
        self._tls = self._plain
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None
        self._quick: QuickHttp | None = None
        self._replaced: list[tuple[float, httpx.Client | QuickHttp]] = []
        """What was made with other files, and since when (monotonic seconds). It may still be in use."""
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
        self._credentials.check()
        offered = self._credentials.offer()
        headers, own = offered.headers(), None if self._auth else offered.headers()
        try:
            where = f"{self._url}/admin/{api}/{path}"
            request = client.build_request(method, where, json=body, params=query, headers=own, timeout=timeout or TIMEOUT)
            answer = _followed(client, request, body, headers, self._auth)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            if self._closed:
                raise closed() from error
            if isinstance(error, httpx.TimeoutException) and not isinstance(error, httpx.PoolTimeout):
                self._silence.note_timeout()
            raise self._not_reached(error, offered) from error
        if answer.status_code != 401 and answer.status_code not in OUT_OF_ORDER:
            self._credentials.accepted()
        if answer.is_success or answer.status_code in known:
            return answer
        if answer.status_code == 404 and missing is not None:
            raise missing
        raise self._refusal(answer, method, f"{api}/{path}", offered)

    def get_json(self, path: str, *, query: Mapping[str, str], missing: Exception) -> Any:
        """Do as ``send`` and ``parsed`` for what pages ask for often: the usual answer comes in a quarter of the time."""
        found = self._quick_answer(f"/admin/v2/{path}{'?' if query else ''}{urlencode(query)}")
        if found is not None:
            try:
                return msgspec.json.decode(found[1])
            except DecodeError:
                pass  # not JSON, or JSON with NaN, which the other parser reads
        return parsed(self.send("GET", path, query=query, missing=missing))

    def get_bytes(self, path: str, *, query: Mapping[str, str], missing: Exception) -> bytes:
        """Return the body of a success, as quickly, for what is asked many times a second."""
        found = self._quick_answer(f"/admin/v2/{path}?{urlencode(query)}")
        return found[1] if found is not None else self.send("GET", path, query=query, missing=missing).content

    def get_whole(self, path: str, *, known: Sequence[int]) -> tuple[Mapping[str, str], bytes] | None:
        """Return headers (names in small letters) and body of a success, as quickly; ``None`` for the ``known`` refusals."""
        if (found := self._quick_answer(f"/admin/v2/{path}")) is not None:
            return found
        answer = self.send("GET", path, known=known)
        return (answer.headers, answer.content) if answer.is_success else None

    def _quick_answer(self, path: str) -> tuple[Mapping[str, str], bytes] | None:
        """Return a plain success, and ``None`` for anything else: then the usual way says what it is.

        After a refusal the usual way alone tries. It knows each answer, and so which one lets all go on.
        """
        self._open_client()
        quick = self._quick
        if quick is None or self._silence.refuses() or self._credentials.in_doubt:
            return None
        try:
            return quick.get_whole(path)
        except TimeoutError as error:
            if self._closed:
                raise closed() from error
            self._silence.note_timeout()
            raise self._unreachable() from error

    def _open_client(self) -> httpx.Client:
        tls = self._credentials.tls.context() if self._secure else self._plain
        with self._lock:
            if self._closed:
                raise closed()
            if self._client is None or self._process != os.getpid() or tls is not self._tls:
                self._replace(tls)
            assert self._client is not None
            return self._client

    def _replace(self, tls: ssl.SSLContext) -> None:
        """Make what asks: at first, with the files as they are now, and after a fork. Needs the lock."""
        now = time.monotonic()
        self._replaced += [(now, one) for one in (self._client, self._quick) if one is not None]
        if self._process != os.getpid():
            self._process, self._replaced = os.getpid(), []  # those are the parent's, as its sockets are
            self._silence = Silence(self._answers)  # and the thread that asks is in the parent alone
        while self._replaced and self._replaced[0][0] < now - REPLACED_SECONDS:
            self._replaced.pop(0)[1].close()
        self._tls = tls
        self._client = httpx.Client(timeout=TIMEOUT, verify=tls, trust_env=False, follow_redirects=False)
        if self._auth is None:
            headers = self._credentials.headers
            self._quick = QuickHttp(self._url, headers, tls, connect=CONNECT_SECONDS, read=READ_SECONDS)

    def _answers(self) -> bool:
        """Return whether the broker answers a small question, whatever it says.

        Without a free connection it is not asked. Then it counts as answering: the calls that have the connections will tell.
        """
        try:
            headers = None if self._auth else self._credentials.headers()
            version = f"{self._url}/admin/v2/brokers/version"
            self._open_client().get(version, headers=headers, auth=self._auth, timeout=PROBE)
        except (httpx.PoolTimeout, NotLetIn, NotTrusted):
            return True
        except (httpx.TransportError, httpx.InvalidURL, StoreClosed):
            return False
        return True

    def _unreachable(self) -> StoreUnreachable:
        """Return the error in the same words each time: a warning is logged again when its words change."""
        return StoreUnreachable(
            f"The broker's admin API at {self._where} does not answer. Nothing is lost: try again when it is back, "
            "or check PULSAR_ADMIN_URL."
        )

    def _not_reached(self, error: Exception, offered: Offered) -> StoreUnreachable:
        """Return the error for a connection that failed: perhaps one of the two has refused the other's certificate."""
        problem = tls_problem(error) if self._secure else None
        if problem is None:
            return self._unreachable()
        return problem.of_broker(self._where) or self._credentials.refused(self._where, offered)

    def _refusal(self, answer: httpx.Response, method: str, path: str, offered: Offered | None = None) -> Exception:
        if answer.status_code in (401, 403):
            if not is_about_permissions(answer):
                return self._credentials.refused(self._where, offered, with_password=self._auth is not None)
            self._credentials.accepted()
            return need_of(method, path).missing(self._credentials.holder())
        if answer.status_code in OUT_OF_ORDER:
            return self._unreachable()
        if answer.status_code == 500 and is_starting(answer):
            return StoreUnreachable(f"The broker at {self._where} is starting. Nothing is lost: it answers in a moment.")
        if answer.status_code == 500 and lacks_ledgers(answer):
            return StoreUnreachable(
                f"The broker at {self._where} does not get at its ledgers. Nothing is lost: try again in a moment, or look at "
                "its log."
            )
        return refused(answer)

    def close(self) -> None:
        with self._lock:
            client, self._client, self._closed = self._client, None, True
            quick, self._quick = self._quick, None
        if client is not None and self._process == os.getpid():
            for one in (client, quick, *(one for _, one in self._replaced)):
                if one is not None:
                    one.close()


def _without_user(url: str) -> tuple[str, httpx.BasicAuth | None]:
    """The address without its user name and password, which httpx would write into its log, and these two by themselves."""
    scheme, mark, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    user, _, host = host.rpartition("@")
    name, _, password = user.partition(":")
    auth = httpx.BasicAuth(unquote(name), unquote(password)) if name or password else None
    return f"{scheme}{mark}{host}{slash}{path}", auth


def _followed(
    client: httpx.Client, request: httpx.Request, body: Any, headers: Mapping[str, str], auth: httpx.BasicAuth | None
) -> httpx.Response:
    """Send the request, and return the response of the broker or of the sister broker to which it redirects.

    The sister is told who asks by the token (``headers``). The user name and password of the configured address go to that
    address alone, and without the token: a request has one Authorization, and a broker takes it as the kind that is named.
    """
    answer = client.send(request, auth=auth)
    for _ in range(MOST_REDIRECTIONS):
        if answer.status_code not in (307, 308):
            return answer
        elsewhere = httpx.URL(urljoin(str(request.url), answer.headers.get("location", "")))
        if (elsewhere.scheme, _path(elsewhere)) != (request.url.scheme, _path(request.url)):
            raise StoreRefused("The broker's admin API redirects to another path: check PULSAR_ADMIN_URL.")
        timeout = {"timeout": request.extensions["timeout"]}
        again = client.build_request(request.method, elsewhere, json=body, headers=headers, extensions=timeout)
        answer = client.send(again)
    raise StoreRefused("The broker's admin API redirects in a circle: check PULSAR_ADMIN_URL.")


def parsed(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError as error:
        raise _no_admin_api() from error


def _no_admin_api() -> StoreRefused:
    return StoreRefused("What answers is not Pulsar's admin API: check PULSAR_ADMIN_URL.")


class _Sizes(Struct):
    storageSize: int  # the broker's own names
    msgInCounter: int


class _PartitionedStats(Struct):
    partitions: dict[str, _Sizes] = {}


_partitioned_stats = Decoder(_PartitionedStats)


def sizes_in(answer: bytes) -> Mapping[str, Growth]:
    """Return the sizes of each partition in ``partitioned-stats``, by name. Of the rest, which may have a megabyte, nothing is
    made."""
    try:
        found = _partitioned_stats.decode(answer)
    except (DecodeError, ValueError) as error:
        raise _no_admin_api() from error
    return {name: (one.storageSize, one.msgInCounter) for name, one in found.partitions.items()}


def _path(url: httpx.URL) -> bytes:
    return url.raw_path.partition(b"?")[0]
