"""Names of topics and subscriptions, and what they must not contain. A name never changes the path or the host of a
request."""

import re
from dataclasses import dataclass
from urllib.parse import quote

from eventstore.model.errors import InvalidName, UnknownSubscription, UnknownTopic

LONGEST = 255
"""The most characters of a new name."""

SCHEME = "persistent://"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PARTITION = re.compile(r"(.+)-partition-(\d{1,9})", re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class TopicName:
    """The three parts of a topic's name. Each of them is checked."""

    tenant: str
    namespace: str
    local: str

    def __post_init__(self) -> None:
        for part in (self.tenant, self.namespace, self.local):
            check_part(part)

    def __str__(self) -> str:
        return f"{self.tenant}/{self.namespace}/{self.local}"

    @property
    def watched_as(self) -> str:
        return f"{self.tenant}/{self.namespace}"

    @property
    def uri(self) -> str:
        """The name in the client's form."""
        return f"{SCHEME}{self}"

    @property
    def path(self) -> str:
        """The name as a part of an admin path: ``tenant/namespace/local``, each part percent-encoded."""
        return "/".join(segment(part) for part in (self.tenant, self.namespace, self.local))

    def partition(self, number: int) -> "TopicName":
        return TopicName(tenant=self.tenant, namespace=self.namespace, local=f"{self.local}-partition-{number}")

    def folded(self) -> tuple["TopicName", int] | None:
        """Return the partitioned topic and the partition number if this name looks like a partition's; otherwise ``None``."""
        match = _PARTITION.fullmatch(self.local)
        if match is None:
            return None
        return TopicName(tenant=self.tenant, namespace=self.namespace, local=match[1]), int(match[2])


def full_name(name: str) -> TopicName | None:
    """Parse ``tenant/namespace/local``, with or without ``persistent://``; ``None`` for a short name.

    Raises ``InvalidName`` for what cannot be a topic's name in any form.
    """
    if name.startswith("non-persistent://"):
        raise InvalidName("Non-persistent topics keep no events: there is nothing to show of them.")
    written_out = name.startswith(SCHEME)
    parts = name.removeprefix(SCHEME).split("/")
    if len(parts) == 1 and not written_out:
        check_part(name)
        return None
    if len(parts) != 3:
        raise InvalidName("A topic's name is short (documents) or has three parts (tenant/namespace/documents).")
    return TopicName(tenant=parts[0], namespace=parts[1], local=parts[2])


def check_part(text: str) -> None:
    """Raise ``InvalidName`` for what cannot be a part of a topic's name."""
    if not text or "/" in text:
        raise InvalidName("A part of the name is empty: write it as tenant/namespace/name, without a slash more.")
    if text in (".", ".."):
        raise InvalidName("A name cannot be . or .. : choose another.")
    check_text(text)


def check_text(text: str) -> None:
    """Raise ``InvalidName`` for control characters and for text that cannot be encoded."""
    if _CONTROL.search(text):
        raise InvalidName("A name cannot hold line breaks, tabs or other control characters: leave them out.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidName("The name holds half a character (a lone surrogate): leave it out.") from error


def check_new(text: str) -> None:
    """Raise ``InvalidName`` for a name that the broker would accept, but that could not be used afterwards."""
    if len(text) > LONGEST:
        raise InvalidName(f"The name is longer than {LONGEST} characters: choose a shorter one.")


def check_new_subscription(name: str) -> None:
    if not name:
        raise InvalidName("A subscription needs a name: give it one.")
    if name in (".", ".."):
        raise InvalidName("A subscription cannot be called . or .. : choose another name.")
    check_text(name)
    check_new(name)


def segment(text: str) -> str:
    """Return one part of a path, percent-encoded so that it stays one part."""
    return quote(text, safe="").replace(".", "%2E")


def subscription_segment(name: str) -> str:
    """Return a subscription's name for a path, encoded twice.

    The broker decodes it twice. With one encoding it would take ``a%2Fb`` for ``a/b``, which may be another
    subscription (verified with Pulsar 4.0.8).
    """
    return segment(segment(name))


def unknown_subscription(log: TopicName) -> UnknownSubscription:
    return UnknownSubscription(f"The topic {log} has no subscription of this name: go back to the list.")


def unknown_topic(topic: TopicName) -> UnknownTopic:
    return UnknownTopic(f"The broker has no topic {topic}: go back to the list of topics.")
