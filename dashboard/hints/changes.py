"""What decides about access has changed, in this process or another: sockets and pages that are open have to look again.

Changes that go by a model's ``save`` or ``delete`` tell of themselves; whoever uses ``update`` calls ``tell``.
"""

from typing import Any

from django.db import transaction
from django.db.models.signals import m2m_changed, post_delete, post_save
from django.dispatch import Signal

from dashboard.hints import of_process

LOOK_AGAIN = Signal()
"""Sent once what has changed is committed. In whatever thread."""
NO_RIGHTS = frozenset({"last_login"})
"""Fields of a person that decide nothing."""


def tell(**_: Any) -> None:
    """Say that an account, a right, a session, a token, a case or a reveal has changed, as soon as it is committed."""
    connection = transaction.get_connection()
    here = set(connection.savepoint_ids)
    if not any(asked is _tell_now and within <= here for within, asked, *_ in connection.run_on_commit):  # once is enough
        transaction.on_commit(_tell_now)


def listen() -> None:
    """Have this process hear what others tell."""
    of_process.listen(_look_again)


def _tell_now() -> None:
    _look_again()
    of_process.send()


def _look_again() -> None:
    LOOK_AGAIN.send_robust(None)


def _person_saved(update_fields: frozenset[str] | None = None, **_: Any) -> None:
    if update_fields is None or set(update_fields) - NO_RIGHTS:
        tell()


post_save.connect(_person_saved, sender="dashboard.Person")
m2m_changed.connect(tell, sender="dashboard.Person_groups")
for _gone in ("dashboard.Person", "dashboard.LoginSession", "dashboard.ApiToken"):
    post_delete.connect(tell, sender=_gone)
