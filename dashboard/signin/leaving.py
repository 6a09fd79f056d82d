"""How a login by the provider ends here: by a logout, or since it holds no longer. Importing this module registers it."""

from typing import Any

from django.contrib import auth
from django.contrib.auth.signals import user_logged_out
from django.db.models.signals import post_delete
from django.dispatch import receiver
from django.http import HttpRequest

from dashboard.access.actors import page_actor
from dashboard.access.command_actions import LOG_OUT, account
from dashboard.auditing import noted
from dashboard.models import LoginSession, Person
from dashboard.signin import kept

LEFT = "left_login_by_provider"


@receiver(post_delete, sender=LoginSession, dispatch_uid="dashboard.signin.session_ended")
def _session_ended(instance: LoginSession, **_: Any) -> None:
    """However it ended: by a list of sessions, a command, or since it ran out. A session gets its last key before its mark."""
    if text := kept.text_of(instance.get_decoded()):
        kept.forget(text)


@receiver(user_logged_out, dispatch_uid="dashboard.signin.logged_out")
def _logged_out(request: Any = None, **_: Any) -> None:
    """The session is still there: Django forgets it after this."""
    session = getattr(request, "session", None)
    text = kept.text_of(session) if session is not None else ""
    if text:
        kept.forget(text)
        setattr(request, LEFT, True)


def left(request: HttpRequest) -> bool:
    """Whether this request has ended a login by the provider."""
    return getattr(request, LEFT, False)


def end(request: HttpRequest, person: Person, why: str) -> None:
    """End the login of this request; recorded with the reason, by the first of its requests that are under way."""
    first = LoginSession.objects.filter(session_key=request.session.session_key).delete()[0]
    auth.logout(request)
    if first:
        noted(page_actor(person.username), LOG_OUT.name, account(person.username), {"reason": why})
