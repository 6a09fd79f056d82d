"""What ends reveals before their time: a logout, and an account that was changed. Importing this module registers both."""

from typing import Any

from django.contrib.auth.signals import user_logged_out
from django.db.models.signals import post_save
from django.dispatch import receiver

from dashboard.models import Person
from dashboard.privacy.by_reason.reveals import end_of_login, end_of_role


@receiver(user_logged_out, dispatch_uid="dashboard.reveals.logged_out")
def _logged_out(request: Any = None, **_: Any) -> None:
    """The session's key is still there: Django forgets it after this."""
    session = getattr(request, "session", None)
    if session is not None:
        end_of_login(session.session_key)


@receiver(post_save, sender=Person, dispatch_uid="dashboard.reveals.person_saved")
def _saved(instance: Person, created: bool, update_fields: Any = None, **_: Any) -> None:
    """A role that was taken away ends what it covered. What another program changes is found when it is next looked at."""
    if not created and (update_fields is None or {"role", "is_active"} & set(update_fields)):
        end_of_role(instance)
