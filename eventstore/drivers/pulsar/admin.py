"""The only client of Pulsar's admin REST API: every path and body that this project sends to it is in this module.

Paths consist of encoded parts only (``names``). A broker's redirection to a sister broker is followed only to the same
path.
"""

import os
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urljoin

import httpx

from eventstore.drivers.pulsar.connection import NO_PERMISSION, closed
from eventstore.drivers.pulsar.names import TopicName, segment, subscription_segment
from eventstore.model.errors import InvalidName, StoreRefused, StoreUnreachable, UnknownSubscription, UnknownTopic
from eventstore.model.storage import Schema

TIMEOUT = httpx.Timeout(5.0, connect=2.0)
RESET_TIMEOUT = httpx.Timeout(30.0, connect=2.0)
"""A reset waits until the subscription's consumers are gone. One that is abandoned halfway may still move the cursor."""

MOST_REDIRECTIONS = 3
LONGEST_VERSION = 18
"""Digits of a schema's version, a number of 64 bits."""
FENCED_SECONDS = 5.0
"""How long to wait for a cursor that someone else is moving."""

Json = Mapping[str, Any]


class Admin:
    """Thread-safe. One connection pool per process, created at first use. Errors are the event store's own."""

    def __init__(self, *, url: str, token: str, trust_certs: str, certificate: str, key: str) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._tls = (trust_certs, certificate, key)
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None
        self._process = 0
        self._closed = False

    # -- the broker and its namespaces

    def version(self) -> str:
        return self._get("brokers/version").text.strip().strip('"')

    def tenants(self) -> Sequence[str]:
        return [str(tenant) for tenant in _parsed(self._get("tenants"))]

    def namespaces(self, tenant: str) -> Sequence[str]:
        """Return ``tenant/namespace`` for each; none if the tenant does not exist."""
        return self._names(f"namespaces/{segment(tenant)}")

    # -- topics

    def topics(self, namespace: str) -> Sequence[str]:
        """Return the logs of a namespace as ``persistent://…``, each partition by itself; none if it does not exist."""
        return self._names(f"persistent/{_namespace(namespace)}")

    def partitioned_topics(self, namespace: str) -> Sequence[str]:
        return self._names(f"persistent/{_namespace(namespace)}/partitioned")

    def partitions(self, topic: TopicName) -> int | None:
        """Return how many partitions the topic has: 0 if it is unpartitioned, ``None`` if it does not exist."""
        answer = self._send("GET", f"persistent/{topic.path}/partitions", known=(404,))
        return None if answer.status_code == 404 else int(_parsed(answer)["partitions"])

    def create_topic(self, topic: TopicName, partitions: int) -> None:
        """Create the topic, unless it exists. Raises ``InvalidName`` if the broker refuses the name."""
        if partitions == 1:
            answer = self._send("PUT", f"persistent/{topic.path}", known=(404, 409, 412))
        else:
            answer = self._send("PUT", f"persistent/{topic.path}/partitions", body=partitions, known=(404, 409, 412))
        if answer.status_code == 404:
            raise StoreRefused(f"The broker has no namespace {topic.watched_as}: create it, or check EVENTSTORE_NAMESPACES.")
        if answer.status_code == 412:
            raise InvalidName(f"The broker refuses this topic's name: {_reason(answer)}")

    def statistics(self, topic: TopicName, partitions: int) -> Sequence[Json]:
        """Return the ``stats`` of each partition, in order of number. ``partitions`` is 0 for an unpartitioned topic."""
        query = {"getPreciseBacklog": "true", "excludePublishers": "true"}
        if not partitions:
            return [self._json_of(topic, "stats", query)]
        whole = self._json_of(topic, "partitioned-stats", {**query, "perPartition": "true"})
        return _each_partition(topic, partitions, whole)

    def internals(self, topic: TopicName, partitions: int) -> Sequence[Json]:
        """Return the ``internalStats`` (ledgers and cursors) of each partition, in the form of ``statistics``."""
        if not partitions:
            return [self._json_of(topic, "internalStats")]
        whole = self._json_of(topic, "partitioned-internalStats")
        if "partitions" in whole:
            return _each_partition(topic, partitions, whole)
        # A broker that has just started returns 200 with its own exception until each partition was asked for (seen on 4.0).
        return [self._internals_or_none(topic.partition(number)) for number in range(partitions)]

    def _internals_or_none(self, log: TopicName) -> Json:
        try:
            return self._json_of(log, "internalStats")
        except UnknownTopic:
            return {}  # nothing was written to this partition yet

    # The broker refuses the calls below on a partitioned topic. They take a partition, or an unpartitioned topic.

    def log_internals(self, log: TopicName) -> Json:
        return self._json_of(log, "internalStats")

    def last_message_id(self, log: TopicName) -> tuple[int, int, int]:
        """Return ledger, entry and place in the batch (-1: not in a batch). The entry is -1 if the log is empty."""
        found = self._json_of(log, "lastMessageId")
        return found["ledgerId"], found["entryId"], found["batchIndex"]

    def headers_of(self, log: TopicName, ledger: int, entry: int) -> Mapping[str, str] | None:
        """Return what the broker tells of an entry besides its payload.

        Returns ``None`` if it cannot, as with about 8 kB of properties.
        """
        answer = self._send("GET", f"persistent/{log.path}/ledger/{ledger}/entry/{entry}", known=(404, 500))
        return answer.headers if answer.is_success else None

    def entry_since(self, log: TopicName, milliseconds: int) -> tuple[int, int]:
        """Return ledger and entry of the first entry published at or after the time (verified); after the last entry if
        there is none."""
        found = self._json_of(log, f"messageid/{milliseconds}")
        return found["ledgerId"], found["entryId"]

    # -- schemas

    def schema(self, topic: TopicName, version: str) -> Schema | None:
        """Return this version of the topic's schema, or ``None``. The partitions of a topic have no schemas of their own."""
        if not (version.isascii() and version.isdigit() and len(version) <= LONGEST_VERSION):
            return None
        answer = self._send("GET", f"schemas/{topic.path}/schema/{version}", known=(404,))
        if answer.status_code == 404:
            return None
        found: Json = _parsed(answer)
        return Schema(
            kind=str(found["type"]),
            name=topic.local,
            definition=str(found.get("data", "")).encode(),
            properties={str(name): str(value) for name, value in (found.get("properties") or {}).items()},
        )

    # -- subscriptions

    def create_subscription(self, topic: TopicName, name: str, start: str) -> None:
        """Create the subscription, unless it exists. ``start`` is ``earliest`` or ``latest``."""
        self._send("PUT", _subscription(topic, name), body=start, known=(409,), missing=_unknown_topic(topic))

    def reset_cursor(self, log: TopicName, name: str, target: tuple[int, int] | str) -> None:
        """Move the cursor to ledger and entry, or to ``earliest`` or ``latest``.

        The broker's cursor stands between entries: a batch is delivered again as a whole. For a cursor that someone is
        moving at this moment, the broker returns 412. The reset is then repeated for ``FENCED_SECONDS``, and finally
        raises ``StoreRefused``.
        """
        body: Any = target
        if not isinstance(target, str):
            ledger, entry = target
            body = {"ledgerId": ledger, "entryId": entry, "partitionIndex": -1, "batchIndex": -1, "excluded": False}
        unknown = UnknownSubscription(f"The topic {log} has no subscription of this name: go back to the list.")
        deadline = time.monotonic() + FENCED_SECONDS
        while True:
            answer = self._send(
                "POST",
                f"{_subscription(log, name)}/resetcursor",
                body=body,
                known=(412,),
                missing=unknown,
                timeout=RESET_TIMEOUT,
            )
            if answer.status_code != 412:
                return
            if time.monotonic() > deadline:
                raise StoreRefused(f"The broker does not move the cursor now: {_reason(answer)} Try again in a moment.")
            time.sleep(0.2)

    def close(self) -> None:
        with self._lock:
            client, self._client, self._closed = self._client, None, True
        if client is not None and self._process == os.getpid():
            client.close()

    # -- how

    def _names(self, path: str) -> Sequence[str]:
        answer = self._send("GET", path, known=(404,))
        return [] if answer.status_code == 404 else [str(name) for name in _parsed(answer)]

    def _get(self, path: str) -> httpx.Response:
        return self._send("GET", path)

    def _json_of(self, topic: TopicName, what: str, query: Mapping[str, str] | None = None) -> Json:
        answer = self._send("GET", f"persistent/{topic.path}/{what}", query=query, missing=_unknown_topic(topic))
        found: Json = _parsed(answer)
        return found

    def _send(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Mapping[str, str] | None = None,
        known: Sequence[int] = (),
        missing: Exception | None = None,
        timeout: httpx.Timeout | None = None,
    ) -> httpx.Response:
        """Return the response if it is a success or one of the ``known`` refusals. ``missing`` is the error for a 404."""
        client = self._http()
        try:
            where = f"{self._url}/admin/v2/{path}"
            request = client.build_request(method, where, json=body, params=query, timeout=timeout or TIMEOUT)
            answer = _followed(client, request, body)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            if self._closed:
                raise closed() from error
            raise self._unreachable() from error
        if answer.is_success or answer.status_code in known:
            return answer
        if answer.status_code == 404 and missing is not None:
            raise missing
        raise self._refusal(answer)

    def _http(self) -> httpx.Client:
        with self._lock:
            if self._closed:
                raise closed()
            if self._client is None or self._process != os.getpid():
                self._process = os.getpid()
                self._client = httpx.Client(
                    headers=self._headers, timeout=TIMEOUT, verify=self._verify(), trust_env=False, follow_redirects=False
                )
            return self._client

    def _verify(self) -> ssl.SSLContext | bool:
        trust_certs, certificate, key = self._tls
        if not self._url.startswith("https"):
            return True
        try:
            context = ssl.create_default_context(cafile=trust_certs or None)
            if certificate:
                context.load_cert_chain(certificate, key or None)
        except (OSError, ssl.SSLError) as error:
            raise StoreRefused(
                "The TLS files for the broker cannot be used: check PULSAR_TLS_TRUST_CERTS and the others."
            ) from error
        return context

    def _unreachable(self) -> StoreUnreachable:
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
        return StoreRefused(f"The broker refuses this ({answer.status_code}): {_reason(answer)}")


def _followed(client: httpx.Client, request: httpx.Request, body: Any) -> httpx.Response:
    """Return the response of the broker, or of the sister broker to which it redirects."""
    answer = client.send(request)
    for _ in range(MOST_REDIRECTIONS):
        if answer.status_code not in (307, 308):
            return answer
        elsewhere = httpx.URL(urljoin(str(request.url), answer.headers.get("location", "")))
        if (elsewhere.scheme, _path(elsewhere)) != (request.url.scheme, _path(request.url)):
            raise StoreRefused("The broker's admin API redirects to another path: check PULSAR_ADMIN_URL.")
        timeout = request.extensions["timeout"]
        answer = client.send(client.build_request(request.method, elsewhere, json=body, extensions={"timeout": timeout}))
    raise StoreRefused("The broker's admin API redirects in a circle: check PULSAR_ADMIN_URL.")


def _parsed(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError as error:
        raise StoreRefused("What answers is not Pulsar's admin API: check PULSAR_ADMIN_URL.") from error


def _namespace(namespace: str) -> str:
    return "/".join(segment(part) for part in namespace.split("/"))


def _subscription(topic: TopicName, name: str) -> str:
    return f"persistent/{topic.path}/subscription/{subscription_segment(name)}"


def _unknown_topic(topic: TopicName) -> UnknownTopic:
    return UnknownTopic(f"The broker has no topic {topic}: go back to the list of topics.")


def _each_partition(topic: TopicName, partitions: int, whole: Json) -> Sequence[Json]:
    found: Mapping[str, Json] = whole["partitions"]
    return [found.get(topic.partition(number).uri, {}) for number in range(partitions)]


def _path(url: httpx.URL) -> bytes:
    return url.raw_path.partition(b"?")[0]


def _reason(answer: httpx.Response) -> str:
    """Return the first line of the broker's own reason."""
    try:
        text = str(answer.json().get("reason", ""))
    except (ValueError, AttributeError):
        text = ""  # a proxy's error page: its status says more
    words = next((line.strip() for line in text.splitlines() if line.strip(" -")), "")
    return words[:200] if words else f"it answers {answer.status_code} and no reason."
