"""The pages of a sign-in that did not come to its end, or has ended. They show nothing of what the provider said."""

import logging
import math
from datetime import timedelta
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from dashboard.access.client_address import client_address
from dashboard.access.command_actions import LOG_IN, account
from dashboard.auditing.refusals import NOBODY, note_refusal
from dashboard.signin.provider import Away, Unusable, provider
from dashboard.web.pages import NOTED

log = logging.getLogger(__name__)


def answer(
    request: HttpRequest,
    *,
    title: str,
    text: str,
    advice: str = "",
    status: int = HTTPStatus.OK,
    again: bool = False,
    end_session: str = "",
) -> HttpResponse:
    """A page without the desk's places. ``again``: it offers to begin anew. ``end_session``: where one leaves the provider."""
    by = provider()
    context = {
        "title": title,
        "text": text,
        "advice": advice,
        "again": again,
        "problem": status >= HTTPStatus.BAD_REQUEST,
        "end_session": end_session,
        "name": by.name if by is not None else "",
    }
    return render(request, "signin/answer.html", context, status=status)


def failed(request: HttpRequest, *, cancelled: bool, cause: object) -> HttpResponse:
    """The sign-in was given up, forged, used before, or the provider's answer is of no use."""
    name = _name()
    if cancelled:
        return answer(request, title="Not signed in", text=f"The sign-in was cancelled at {name}.", again=True)
    if isinstance(cause, Away):
        return away(request)
    if isinstance(cause, Unusable):
        log.error("A sign-in failed, since the answer of %s cannot be used: %s", name, cause)
        note(request, f"the provider's answer cannot be used: {cause}")
        return answer(
            request,
            title="Not signed in",
            text=f"The answer of {name} cannot be used.",
            advice="Tell the people who run this installation: their log says what is wrong with it.",
            status=HTTPStatus.BAD_GATEWAY,
            again=True,
        )
    note(request, "the sign-in was begun elsewhere, used already, or is too old")
    return answer(
        request,
        title="Not signed in",
        text="This sign-in was begun in another browser, was used already, or is older than 10 minutes.",
        status=HTTPStatus.BAD_REQUEST,
        again=True,
    )


def away(request: HttpRequest) -> HttpResponse:
    name = _name()
    response = answer(
        request,
        title=f"{name} does not answer",
        text=f"People sign in here by {name}, which does not answer now.",
        advice="Try again in a minute.",
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        again=True,
    )
    response["Retry-After"] = "5"
    return response


def no_role(request: HttpRequest) -> HttpResponse:
    """The provider knows the person, and none of their groups opens this installation."""
    name = _name()
    return answer(
        request,
        title="Not allowed",
        text=f"You are signed in at {name}, but none of your groups there gives a role here.",
        advice="Ask an admin of this installation to add you to one, then sign in again.",
        status=HTTPStatus.FORBIDDEN,
        again=True,
    )


def disabled(request: HttpRequest) -> HttpResponse:
    return answer(
        request,
        title="Not allowed",
        text="Your account is disabled in this installation.",
        advice="Ask an admin of this installation.",
        status=HTTPStatus.FORBIDDEN,
    )


def too_many(request: HttpRequest, wait: timedelta) -> HttpResponse:
    note(request, "too many attempts")
    minutes = math.ceil(wait / timedelta(minutes=1))
    response = answer(
        request,
        title="Too many attempts",
        text=f"Too many sign-ins were begun from this address. Try again in {minutes} minute{'' if minutes == 1 else 's'}.",
        status=HTTPStatus.TOO_MANY_REQUESTS,
    )
    response["Retry-After"] = str(math.ceil(wait.total_seconds()))
    return response


def note(request: HttpRequest, reason: str, who: str = "") -> None:
    """Put a refused sign-in on the record: whose account it is at the provider, if that is known."""
    setattr(request, NOTED, True)
    subject = account(f"{who or 'somebody'} (at {_name()})")
    note_refusal(NOBODY, subject, LOG_IN.name, reason=reason, address=client_address(request) or None)


def _name() -> str:
    by = provider()
    return by.name if by is not None else "the provider"
