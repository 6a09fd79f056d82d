"""Remember which aggregates are forgotten, and ask for many at once: every batch that is indexed with values does.

The hashes are keyed by a secret of their own, which is stored beside them. A key from the environment can be changed, and
then nothing would be known as forgotten any more, without anybody noticing.
"""

import json
import secrets
from collections.abc import Iterable
from datetime import datetime
from hashlib import blake2b

from django.db import DatabaseError, transaction
from django.db.models import Max
from django.utils import timezone

from eventstore.forgotten.models import ForgettingSecret, ForgottenRow
from eventstore.model.errors import EventStoreError

SECRET_BYTES = 32
HASH_BYTES = 16

UNKNOWN = (
    "Which aggregates are forgotten is not known, so no searchable value can be indexed: the database default does not "
    "answer, or lacks its tables ({})."
)

AggregateKey = tuple[str, str]
"""The aggregate's type and id."""


class ForgottenUnknown(EventStoreError):
    """The database does not tell which aggregates are forgotten."""


def remember(type: str, id: str) -> datetime:
    """Note that this aggregate is forgotten; return since when it is. Doing it twice is harmless.

    One at a time, so that numbers become visible in their order: ``Forgotten`` looks at the newest one alone.
    """
    _make_secret()
    with transaction.atomic():
        secret = bytes(ForgettingSecret.objects.select_for_update().get().secret)
        row, _ = ForgottenRow.objects.get_or_create(hash=_hash(secret, (type, id)), defaults={"since": timezone.now()})
    return row.since


def forgotten_since(type: str, id: str) -> datetime | None:
    """Return since when this aggregate is forgotten; ``None`` if it is not."""
    secret = _secret()
    if secret is None:
        return None
    return ForgottenRow.objects.filter(hash=_hash(secret, (type, id))).values_list("since", flat=True).first()


class Forgotten:
    """What one thread remembers of the forgotten aggregates. Each question asks the database only whether there are more."""

    def __init__(self) -> None:
        self._newest, self._hashes = 0, frozenset[str]()
        self._secret: bytes | None = None

    def among(self, keys: Iterable[AggregateKey]) -> set[AggregateKey]:
        """Return those of these aggregates that are forgotten by now.

        Raises ``ForgottenUnknown`` if the database does not tell: nobody may take them for not forgotten then.
        """
        try:
            self._refresh()
        except DatabaseError as error:
            raise ForgottenUnknown(UNKNOWN.format(type(error).__name__)) from error
        secret = self._secret
        if not self._hashes or secret is None:
            return set()
        return {key for key in keys if _hash(secret, key) in self._hashes}

    def _refresh(self) -> None:
        newest = ForgottenRow.objects.aggregate(newest=Max("number"))["newest"] or 0
        if newest != self._newest:
            self._secret = _secret()
            self._hashes = frozenset(ForgottenRow.objects.filter(number__lte=newest).values_list("hash", flat=True))
            self._newest = newest


def _secret() -> bytes | None:
    row = ForgettingSecret.objects.first()
    return bytes(row.secret) if row is not None else None


def _make_secret() -> None:
    """Make the secret if there is none. If two make one at the same time, one is kept."""
    if _secret() is None:
        made = ForgettingSecret(id=1, secret=secrets.token_bytes(SECRET_BYTES))
        ForgettingSecret.objects.bulk_create([made], ignore_conflicts=True)


def _hash(secret: bytes, key: AggregateKey) -> str:
    text = json.dumps(key, separators=(",", ":"))  # ASCII, so that any text has a hash
    return blake2b(text.encode("ascii"), key=secret, digest_size=HASH_BYTES).hexdigest()
