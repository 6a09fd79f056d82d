"""Where Django keeps sessions (``SESSION_ENGINE``): in ``LoginSession``, with whose each is, and until when.

A session ends when it was not used for a while, and after some hours however much it is used: by its row, which pages, open
sockets and reveals ask alike.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db
from django.db.models import CharField, DateTimeField

from dashboard.models import LoginSession
from eventstore.prepared import Prepared

BEGUN = "begun"
"""When it was logged in, as ISO 8601. It stays when the session gets another key."""
HALF = "half"
"""Set while the login still has to give a code, or enrol a device."""
HALF_LASTS = timedelta(minutes=15)
USE_NOTED_EVERY = timedelta(minutes=1)


class SessionStore(db.SessionStore):
    """Django's in a database, with columns of its own. ``last_used`` is that of the row that was loaded."""

    last_used: datetime | None = None

    @classmethod
    def get_model_class(cls) -> type[LoginSession]:
        return LoginSession

    def _get_session_from_db(self) -> Any:
        """As Django's, which puts the same statement together at each request."""
        found = _ALIVE(key=self.session_key, now=datetime.now(UTC))
        if not found:
            self._session_key = None
        return self._seen(found[0] if found else None)

    async def _aget_session_from_db(self) -> Any:
        return self._seen(await super()._aget_session_from_db())  # type: ignore[misc]

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        return _filled(super().create_model_instance(data), data)

    async def acreate_model_instance(self, data: dict[str, Any]) -> Any:
        return _filled(await super().acreate_model_instance(data), data)

    def note_use(self) -> None:
        """Keep it alive: somebody has used it. At most one write a minute. Raises ``DatabaseError``."""
        now = datetime.now(UTC)
        if self.session_key is None or self.last_used is None or now - self.last_used < USE_NOTED_EVERY:
            return
        rows = LoginSession.objects.filter(session_key=self.session_key, last_used__lte=now - USE_NOTED_EVERY)
        rows.update(last_used=now, expire_date=ends(dict(self.items()), now))
        self.last_used = now

    def _seen(self, row: Any) -> Any:
        self.last_used = row.last_used if row is not None else None
        return row


_ALIVE = Prepared(
    lambda key, now: LoginSession.objects.filter(session_key=key, expire_date__gt=now), key=CharField(), now=DateTimeField()
)


def _filled(row: Any, data: Mapping[str, Any]) -> Any:
    now = datetime.now(UTC)
    row.person_id = int(data[SESSION_KEY]) if SESSION_KEY in data else None
    row.last_used, row.expire_date = now, ends(data, now)
    return row


def ends(data: Mapping[str, Any], now: datetime) -> datetime:
    """When a session with this content ends if it is not used again."""
    access = settings.EVENTDESK.access
    idle = now + timedelta(minutes=access.idle_minutes)
    if BEGUN not in data:
        return idle
    most = HALF_LASTS if data.get(HALF) else timedelta(hours=access.session_hours)
    return min(idle, datetime.fromisoformat(data[BEGUN]) + most)
