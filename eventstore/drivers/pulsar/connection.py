"""This process's connection to the broker: the client, created at first use, and the translation of its errors.

A client that was created before a fork deadlocks after it, so that every process creates its own. While the broker is
away, every call first tries the port, which fails immediately, instead of waiting for the client's own time limit.
"""

import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pulsar

from eventstore.drivers.pulsar.access.credentials import Credentials
from eventstore.drivers.pulsar.access.needs import UNKNOWN, Need
from eventstore.drivers.pulsar.access.tls import shake_hands
from eventstore.model.errors import (
    EventStoreError,
    InvalidMessage,
    InvalidName,
    NotLetIn,
    NotTrusted,
    StoreClosed,
    StoreRefused,
    StoreUnreachable,
    UnknownSubscription,
    UnknownTopic,
)

RECONNECT_SECONDS = 1.0
"""How long the client may take to reconnect by itself once the broker's port answers. It may pause for a minute."""
OPERATION_SECONDS = 5
CONNECT_MILLISECONDS = 3000
PROBE_SECONDS = 2.0
TRUSTED_SECONDS = 2.0
"""After an answer, the broker's port is not tried again for this long."""

NOT_LET_IN = ("AuthenticationError", "ErrorGettingAuthenticationData")
NOT_PERMITTED = "AuthorizationError"
_OTHER_ERRORS: dict[str, EventStoreError] = {
    "ConsumerBusy": StoreRefused("The subscription is taken by an exclusive consumer: disconnect it first."),
    "ConsumerAssignError": StoreRefused("The subscription is in use in another way: connect with its own type."),
    "ProducerBusy": StoreRefused("A producer of this name is connected already: end that one first."),
    "ProducerFenced": StoreRefused("Another producer has the topic to itself: end that one first."),
    "ProducerBlockedQuotaExceededError": StoreRefused("The topic's backlog quota is full: let its subscriptions catch up."),
    "ProducerBlockedQuotaExceededException": StoreRefused(
        "The topic's backlog quota is full: let its subscriptions catch up."
    ),
    "TopicTerminated": StoreRefused("The topic was terminated: nothing can be appended to it any more."),
    "IncompatibleSchema": StoreRefused("The topic has a schema, which raw bytes do not fit: append to another topic."),
    "NotAllowedError": StoreRefused("The broker does not allow this: see its log for the reason."),
    "OperationNotSupported": StoreRefused("The broker cannot do this: see its log for the reason."),
    "UnsupportedVersionError": StoreRefused("The broker is too old for this: 2.10 or later is needed."),
    "InvalidConfiguration": StoreRefused("The client refuses these settings: check the address and the TLS files."),
    "InvalidUrl": StoreRefused("EVENTSTORE_URL is not an address that the client understands: write pulsar://host:6650."),
    "MessageTooBig": InvalidMessage("The message is larger than the broker takes: keep its key and properties small."),
    "InvalidMessage": InvalidMessage("The client cannot send this message as it is."),
    "InvalidTopicName": InvalidName("The broker refuses this topic's name: choose another."),
    "TopicNotFound": UnknownTopic("The topic is not there any more: go back to the list of topics."),
    "SubscriptionNotFound": UnknownSubscription("The subscription is not there any more: go back to the list."),
}


class BrokerConnection:
    """The client and its health. Thread-safe. No text that it makes contains its credentials."""

    def __init__(self, *, service_url: str, credentials: Credentials, ask: Callable[[], object] | None = None) -> None:
        """``ask`` asks the admin API a small question. It tells at once who is not let in; the client has no word for that."""
        self.service_url = service_url
        self.where = service_url.partition("://")[2].strip("/")
        self._secure = service_url.startswith("pulsar+ssl")
        self._credentials, self._ask = credentials, ask
        self._lock = threading.Lock()
        self._client: Any = None
        self._process = 0
        self._left_behind: list[Any] = []
        self._closed = False
        self._answered = -TRUSTED_SECONDS

    def client(self) -> Any:
        """Return the client of this process. If the broker has not answered recently, its port is tried first."""
        self.try_broker()
        with self._lock:
            if self._closed:
                raise closed()
            if self._process != os.getpid():
                self._left_behind.append(self._client)  # the parent's: releasing it here would wait for its threads
                with self.errors():
                    self._client = self._new_client(self._credentials.authentication())
                self._process = os.getpid()
            return self._client

    def check_open(self) -> None:
        if self._closed:
            raise closed()

    def try_broker(self) -> None:
        """Raise ``StoreUnreachable`` immediately if nothing listens at any of the broker's addresses, or if it has refused the
        credentials lately."""
        self.check_open()
        self._credentials.check()
        if time.monotonic() - self._answered < TRUSTED_SECONDS:
            return
        if not any(_listens(host, port) for host, port in self._addresses()):
            raise self._silent()
        self._answered = time.monotonic()

    def lost(self) -> None:
        """Try the broker after a lost connection. Raises ``StoreUnreachable`` if it does not answer."""
        self._answered = -TRUSTED_SECONDS
        self.try_broker()

    def unreachable(self) -> StoreUnreachable:
        """Return why the client gets nothing from the broker. Mostly that is away."""
        return self._not_let_in() or self._silent()

    def _silent(self) -> StoreUnreachable:
        self._answered = -TRUSTED_SECONDS
        return StoreUnreachable(
            f"The broker at {self.where} does not answer. Nothing is lost: try again when it is back, or check EVENTSTORE_URL."
        )

    def _not_let_in(self) -> NotLetIn | NotTrusted | None:
        """Return the error if one of the two does not accept the other. The client tries such a connection until its time is
        over, and only says that it is."""
        if (ended := self._credentials.ended(self.where)) is not None:
            return ended
        try:
            if self._secure:
                offered, context = self._credentials.offer(), self._credentials.tls.context()
                for host, port in self._addresses():
                    if (problem := shake_hands(host, port, context, PROBE_SECONDS)) is not None:
                        return problem.of_broker(self.where) or self._credentials.refused(self.where, offered)
            if self._ask is not None:
                self._ask()
        except (NotLetIn, NotTrusted) as error:
            return error
        except EventStoreError:
            return None  # it says nothing of who is let in
        return None

    def _addresses(self) -> Iterator[tuple[str, int]]:
        default = 6651 if self._secure else 6650
        for address in self.where.split(","):
            host, mark, port = address.strip().rpartition(":")
            if not mark or not port.isdigit():
                host, port = address.strip(), str(default)
            yield host.strip("[]"), int(port)

    @contextmanager
    def errors(self, need: Need | None = None) -> Iterator[None]:
        """Turn the client's errors into those of the event store. ``need``: what is done, and may lack a permission."""
        try:
            yield
        except pulsar.PulsarException as error:
            raise self.translated(type(error).__name__, need) from error
        self._answered = time.monotonic()
        self._credentials.accepted()

    def translated(self, kind: str, need: Need | None = None) -> EventStoreError:
        """Return the error for the client's error or result of this name. Most of them mean that the broker is away."""
        if self._closed:
            return closed()
        if kind in NOT_LET_IN:
            return self._credentials.unusable() or self._credentials.refused(self.where)
        if kind == NOT_PERMITTED:
            return (need or UNKNOWN).missing(self._credentials.holder())
        known = _OTHER_ERRORS.get(kind)
        return type(known)(str(known)) if known else self.unreachable()

    def close(self, close_all: Callable[[Any], None]) -> None:
        """Close the client, and before it, with ``close_all``, what it has open."""
        with self._lock:
            client, self._client, self._closed = self._client, None, True
        if client is not None and self._process == os.getpid():
            close_all(client)
            try:
                client.close()
            except pulsar.PulsarException:
                client.shutdown()  # the broker is away, and cannot be told

    def separate_client(self, may_connect: Callable[[], bool]) -> Any:
        """Return one more client, which its owner closes. It makes no connection once ``may_connect`` returns false, so that
        it cannot send again what a lost connection had left unanswered.

        It asks for its token before it connects, also where the broker wants none. A client that shows a certificate asks
        nothing.
        """
        self.try_broker()

        with self.errors():
            return self._new_client(self._credentials.authentication(may_connect))

    def _new_client(self, authentication: Any) -> Any:
        tls = self._credentials.tls.files
        if self._secure:
            self._credentials.tls.context()  # the client would only say that it cannot connect
        certificate, key = (tls.certificate, tls.key or tls.certificate) if self._secure else ("", "")
        return pulsar.Client(
            self.service_url,
            authentication=authentication,
            operation_timeout_seconds=OPERATION_SECONDS,
            connection_timeout_ms=CONNECT_MILLISECONDS,
            tls_trust_certs_file_path=(tls.trust_certs or ssl.get_default_verify_paths().cafile) if self._secure else None,
            tls_certificate_file_path=certificate or None,
            tls_private_key_file_path=key or None,
            tls_validate_hostname=True,
            logger=pulsar.FileLogger(pulsar.LoggerLevel.Warn, "/dev/stderr"),
        )


class ConnectionWatch:
    """Watches the connection of one reader or consumer. The client usually reconnects by itself, but not always."""

    def __init__(self, connection: BrokerConnection) -> None:
        self._connection = connection
        self._lost_since: float | None = None

    def gone_for_good(self, connected: bool) -> bool:
        """Return whether to reconnect: the broker answers, and the client had time to reconnect by itself.

        Raises ``StoreUnreachable`` if the broker itself is gone.
        """
        if connected:
            self._lost_since = None
            return False
        try:
            self._connection.lost()
        except StoreUnreachable:
            self._lost_since = None
            raise
        now = time.monotonic()
        self._lost_since = self._lost_since or now
        if now - self._lost_since <= RECONNECT_SECONDS:
            return False
        self._lost_since = None
        return True


def closed() -> StoreClosed:
    return StoreClosed("The connection to the broker was closed by this process: open the storage again.")


def _listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), PROBE_SECONDS).close()
    except OSError:
        return False
    return True
