"""The only client of Pulsar's admin REST API: every path and body that this project sends to it is in this module.

Paths consist of encoded parts only (``names``). ``admin_http`` sends the requests.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from eventstore.drivers.meanwhile import once
from eventstore.drivers.pulsar.access.answers import reason_of, refused
from eventstore.drivers.pulsar.access.credentials import Credentials
from eventstore.drivers.pulsar.admin_http import AdminHttp, Growth, parsed, sizes_in
from eventstore.drivers.pulsar.names import TopicName, segment, subscription_segment, unknown_subscription, unknown_topic
from eventstore.model.errors import InvalidName, NotSupported, StoreRefused, UnknownTopic
from eventstore.model.schema_registry import Schema

RESET_TIMEOUT = httpx.Timeout(30.0, connect=2.0)
"""A reset waits until the subscription's consumers are gone. One that is abandoned halfway may still move the cursor."""

LONGEST_VERSION = 18
"""Digits of a schema's version, a number of 64 bits."""
FENCED_SECONDS = 5.0
"""How long to wait for a cursor that someone else is moving."""

Json = Mapping[str, Any]


class OtherPartitions(StoreRefused):
    """The topic has another number of partitions than the caller knows."""

    def __init__(self) -> None:
        super().__init__("The topic has just been given another number of partitions: reload the page.")


class Admin:
    """Thread-safe. One connection pool per process, created at first use. Errors are the event store's own."""

    def __init__(self, *, url: str, credentials: Credentials) -> None:
        self._http = AdminHttp(url=url, credentials=credentials)

    # -- the broker and its namespaces

    def version(self) -> str:
        return self._http.send("GET", "brokers/version").text.strip().strip('"')

    def settings(self) -> Json | None:
        """Return the broker's configuration in use, as texts by name; ``None`` if this role may not see it."""
        answer = self._http.send("GET", "brokers/configuration/runtime", known=(401, 403, 404, 405))
        return parsed(answer) if answer.is_success else None

    def tenants(self) -> Sequence[str]:
        return [str(tenant) for tenant in parsed(self._http.send("GET", "tenants"))]

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
        answer = self._http.send("GET", f"persistent/{topic.path}/partitions", known=(404,))
        return None if answer.status_code == 404 else int(parsed(answer)["partitions"])

    def create_topic(self, topic: TopicName, partitions: int) -> None:
        """Create the topic, unless it exists. Raises ``InvalidName`` if the broker refuses the name."""
        if partitions == 1:
            answer = self._http.send("PUT", f"persistent/{topic.path}", known=(404, 409, 412))
        else:
            answer = self._http.send("PUT", f"persistent/{topic.path}/partitions", body=partitions, known=(404, 409, 412))
        if answer.status_code == 404:
            raise StoreRefused(f"The broker has no namespace {topic.watched_as}: create it, or check EVENTSTORE_NAMESPACES.")
        if answer.status_code == 412:
            raise InvalidName(f"The broker refuses this topic's name: {reason_of(answer)}")

    def statistics(self, topic: TopicName, partitions: int, *, producers: bool = False, exact: bool = True) -> Sequence[Json]:
        """Return the ``stats`` of each partition, in order of number. ``partitions`` is 0 for an unpartitioned topic.

        Unless ``exact``, backlogs may be off. Raises ``OtherPartitions`` if the topic has another number of partitions.
        """
        query = {"getPreciseBacklog": "true"} if exact else {"subscriptionBacklogSize": "false"}
        query["excludePublishers"] = "false" if producers else "true"
        if not partitions:
            return [self._json_of(topic, "stats", query)]
        whole = self._json_of(topic, "partitioned-stats", {**query, "perPartition": "true"})
        if int((whole.get("metadata") or {}).get("partitions", partitions)) != partitions:
            raise OtherPartitions
        return _each_partition(topic, partitions, whole)

    def internals(self, topic: TopicName, partitions: int) -> Sequence[Json]:
        """Return the ``internalStats`` (ledgers and cursors) of each partition, in the form of ``statistics``."""
        what = "partitioned-internalStats" if partitions else "internalStats"
        whole = once((self, topic, what), lambda: self._json_of(topic, what))
        if not partitions or "partitions" in whole:
            return _each_partition(topic, partitions, whole) if partitions else [whole]
        # A broker that has just started returns 200 with its own exception until each partition was asked for (seen on 4.0).
        return [self.partition_internals(topic.partition(number)) for number in range(partitions)]

    def growths(self, topic: TopicName, partitions: int) -> Sequence[Growth | None]:
        """Return the sizes of each partition, ``None`` for one of which the broker tells nothing.

        The broker answers from memory: for 300 partitions within 10 to 40 milliseconds, for ``internals`` within 200 to 800.
        """
        leave_out = {"subscriptionBacklogSize": "false", "excludePublishers": "true", "excludeConsumers": "true"}
        path, query = f"persistent/{topic.path}/partitioned-stats", {"perPartition": "true", **leave_out}
        found = sizes_in(self._http.get_bytes(path, query=query, missing=unknown_topic(topic)))
        return [found.get(topic.partition(number).uri) for number in range(partitions)]

    def partition_internals(self, log: TopicName) -> Json:
        """Return the ``internalStats`` of one partition of a topic that is there; empty if nothing was written to it yet."""
        try:
            return self._json_of(log, "internalStats")
        except UnknownTopic:
            return {}

    # The broker refuses the calls below on a partitioned topic. They take a partition, or an unpartitioned topic.

    def log_internals(self, log: TopicName) -> Json:
        return self._json_of(log, "internalStats")

    def log_info(self, log: TopicName) -> Json | None:
        """Return what the broker's metadata tell of a log: when it was created, and its ledgers. Loads no topic.

        Empty for a log that does not exist; ``None`` if the broker cannot say, as while its metadata store is in trouble. 4.0
        and 4.2 answer both with 500 and the same page, so then the log itself is asked for: 404 if there is none.
        """
        answer = self._http.send("GET", f"persistent/{log.path}/internal-info", known=(404, 500))
        if answer.is_success:
            found: Json = parsed(answer)
            return found
        if answer.status_code == 404:
            return {}
        try:
            self.log_internals(log)
        except UnknownTopic:
            return {}
        except StoreRefused:  # that is in trouble as well
            return None
        return None

    def last_message_id(self, log: TopicName) -> tuple[int, int, int]:
        """Return ledger, entry and place in the batch (-1: not in a batch). The entry is -1 if the log is empty."""
        found = self._json_of(log, "lastMessageId")
        return found["ledgerId"], found["entryId"], found["batchIndex"]

    def headers_of(self, log: TopicName, ledger: int, entry: int) -> Mapping[str, str] | None:
        """Return what the broker tells of an entry besides its payload.

        Returns ``None`` if it cannot, as with about 8 kB of properties.
        """
        found = self.entry(log, ledger, entry)
        return found[0] if found else None

    def entry(self, log: TopicName, ledger: int, entry: int) -> tuple[Mapping[str, str], bytes] | None:
        """Return the headers and the body of the broker's answer for an entry: a batch comes as a whole. ``None`` as above."""
        return self._http.get_whole(f"persistent/{log.path}/ledger/{ledger}/entry/{entry}", known=(404, 500))

    def entry_since(self, log: TopicName, milliseconds: int) -> tuple[int, int]:
        """Return ledger and entry of the first entry published at or after the time (verified); after the last entry if
        there is none."""
        found = self._json_of(log, f"messageid/{milliseconds}")
        return found["ledgerId"], found["entryId"]

    # -- transactions

    def has_transactions(self) -> bool:
        """Return whether this broker may have transactions: it says so unless they are off."""
        answer = self._http.send("GET", "transactions/coordinators", api="v3", known=(401, 403, 404, 405, 500, 503))
        return answer.status_code not in (404, 405, 503)

    def last_delivered(self, log: TopicName) -> tuple[int, int] | None:
        """Return ledger and entry of the last entry that the broker delivers while transactions are open.

        Returns ``None`` if it does not tell, as where it has no transactions.
        """
        path = f"transactions/transactionBufferStats/{log.path}"
        answer = self._http.send("GET", path, api="v3", known=(401, 403, 404, 405, 500, 503))
        if not answer.is_success:
            return None
        ledger, _, entry = str(parsed(answer).get("maxReadPosition", "")).partition(":")
        return (int(ledger), int(entry)) if entry else None

    # -- schemas

    def schema(self, topic: TopicName, version: str) -> Schema | None:
        """Return this version of the topic's schema, or ``None``. The partitions of a topic have no schemas of their own."""
        if not (version.isascii() and version.isdigit() and len(version) <= LONGEST_VERSION):
            return None
        answer = self._http.send("GET", f"schemas/{topic.path}/schema/{version}", known=(404,))
        if answer.status_code == 404:
            return None
        found: Json = parsed(answer)
        return Schema(
            kind=str(found["type"]),
            name=topic.local,
            definition=str(found.get("data", "")).encode(),
            properties={str(name): str(value) for name, value in (found.get("properties") or {}).items()},
        )

    def schema_versions(self, topic: TopicName) -> Sequence[Json]:
        """Return every version of the topic's schema; none if it has no schema."""
        answer = self._http.send("GET", f"schemas/{topic.path}/schemas", known=(404,))
        return [] if answer.status_code == 404 else list(parsed(answer).get("getSchemaResponses") or ())

    # -- policies and functions

    def policy(self, topic: TopicName, name: str) -> Any:
        """Return what is in force for the topic, wherever it was set; ``None`` if nothing is."""
        path, query = f"persistent/{topic.path}/{segment(name)}", {"applied": "true"}
        answer = self._http.send("GET", path, query=query, missing=unknown_topic(topic))
        return parsed(answer) if answer.content.strip() else None

    def functions(self, namespace: str) -> Sequence[str]:
        """Return the names of the namespace's functions. Raises ``NotSupported`` if the broker runs none."""
        answer = self._http.send("GET", f"functions/{_namespace(namespace)}", api="v3", known=(404, 409))
        if answer.status_code == 409:
            raise NotSupported(f"This broker runs no functions: {reason_of(answer)}")
        return [] if answer.status_code == 404 else [str(name) for name in parsed(answer)]

    def function(self, namespace: str, name: str, what: str = "") -> Json:
        """Return a function's configuration, or its ``status``."""
        path = f"functions/{_namespace(namespace)}/{segment(name)}{f'/{what}' if what else ''}"
        found: Json = parsed(self._http.send("GET", path, api="v3"))
        return found

    # -- subscriptions

    def create_subscription(self, topic: TopicName, name: str, start: str) -> None:
        """Create the subscription, unless it exists. ``start`` is ``earliest`` or ``latest``."""
        self._http.send("PUT", _subscription(topic, name), body=start, known=(409,), missing=unknown_topic(topic))

    def describe_subscription(self, topic: TopicName, name: str, properties: Mapping[str, str]) -> None:
        path = f"{_subscription(topic, name)}/properties"
        self._http.send("PUT", path, body=dict(properties), missing=unknown_subscription(topic))

    def delete_subscription(self, topic: TopicName, name: str) -> None:
        """Delete the subscription. The broker refuses while consumers are connected."""
        self._http.send("DELETE", _subscription(topic, name), missing=unknown_subscription(topic))

    def reset_cursor(self, log: TopicName, name: str, target: tuple[int, int] | str) -> None:
        """Move the cursor to ledger and entry, or to ``earliest`` or ``latest``. A batch is delivered again as a whole.

        While someone else moves the cursor, the broker returns 412. The reset is then repeated for ``FENCED_SECONDS``, and
        finally raises ``StoreRefused``: it has moved nothing.
        """
        path, body = f"{_subscription(log, name)}/resetcursor", target if isinstance(target, str) else _entry(*target)
        unknown, deadline = unknown_subscription(log), time.monotonic() + FENCED_SECONDS
        while True:
            answer = self._http.send("POST", path, body=body, known=(412,), missing=unknown, timeout=RESET_TIMEOUT)
            if answer.status_code != 412:
                return
            if time.monotonic() > deadline:
                raise refused(answer)
            time.sleep(0.2)

    def skip_to(self, log: TopicName, name: str, ledger: int, entry: int) -> None:
        """Let everything up to this entry expire. The broker answers before, and does nothing (409) if it is at it already."""
        folded, path = log.folded(), f"{_subscription(log, name)}/expireMessages"
        body = {**_entry(ledger, entry), "partitionIndex": folded[1] if folded else -1}  # else the broker refuses (412)
        self._http.send("POST", path, body=body, known=(409,), missing=unknown_subscription(log))

    def close(self) -> None:
        self._http.close()

    def _names(self, path: str) -> Sequence[str]:
        answer = self._http.send("GET", path, known=(404,))
        return [] if answer.status_code == 404 else [str(name) for name in parsed(answer)]

    def _json_of(self, topic: TopicName, what: str, query: Mapping[str, str] | None = None) -> Json:
        path = f"persistent/{topic.path}/{what}"
        found: Json = self._http.get_json(path, query=query or {}, missing=unknown_topic(topic))
        return found


def _namespace(namespace: str) -> str:
    return "/".join(segment(part) for part in namespace.split("/"))


def _subscription(topic: TopicName, name: str) -> str:
    return f"persistent/{topic.path}/subscription/{subscription_segment(name)}"


def _entry(ledger: int, entry: int) -> Json:
    return {"ledgerId": ledger, "entryId": entry, "partitionIndex": -1, "batchIndex": -1, "excluded": False}


def _each_partition(topic: TopicName, partitions: int, whole: Json) -> Sequence[Json]:
    found: Mapping[str, Json] = whole["partitions"]
    return [found.get(topic.partition(number).uri, {}) for number in range(partitions)]
