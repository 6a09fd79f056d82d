"""Sends the messages that wait. One that cannot be sent is tried again, ever more seldom, for a day."""

import json
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import F

from dashboard.models import AlertMessage
from dashboard.observing.alerts.channels import MAIL, WEBHOOK
from dashboard.observing.alerts.messages import mail_of
from eventstore.projections import AnswerProblem, call_signed

log = logging.getLogger(__name__)

AT_ONCE = 5
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=15), timedelta(minutes=10)
TRIED_FOR = timedelta(days=1)
KEPT_FOR = timedelta(days=7)


class NotSent(Exception):
    """Why a message was not sent, as a sentence without an address or a secret."""


def send_due(now: datetime, renew: Callable[[], object]) -> None:
    """Send what is due, the oldest first. ``renew`` is called before each and raises once another process sends.

    That a message is tried is kept before it is: a process that is killed meanwhile may send it twice, and never more often
    than it is killed.
    """
    for message in AlertMessage.objects.filter(ended=None, next_try__lte=now).order_by("pk")[:AT_ONCE]:
        renew()
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(message.tries, 10))
        mine = AlertMessage.objects.filter(pk=message.pk, ended=None, tries=message.tries)
        if not mine.update(tries=F("tries") + 1, next_try=now + pause):
            continue
        try:
            _SENDERS[message.channel](message)
        except NotSent as problem:
            _failed(message, str(problem), now)
        else:
            AlertMessage.objects.filter(pk=message.pk).update(ended=now, problem="")
    AlertMessage.objects.filter(ended__lt=now - KEPT_FOR).delete()


def _failed(message: AlertMessage, problem: str, now: datetime) -> None:
    given_up = now - message.made > TRIED_FOR
    AlertMessage.objects.filter(pk=message.pk).update(problem=problem, ended=now if given_up else None)
    if message.tries == 0 or given_up:
        what = "is given up" if given_up else "could not be sent and is tried again"
        log.error("alert message %d by %s %s: %s", message.pk, message.channel, what, problem)


def _by_mail(message: AlertMessage) -> None:
    subject, text = mail_of(json.loads(message.body))
    try:
        EmailMessage(subject, text, None, list(settings.EVENTDESK.alerts.mail)).send()
    except (SMTPException, OSError, ValueError) as error:
        raise NotSent(f"the mail server did not take it ({type(error).__name__})") from error


def _by_webhook(message: AlertMessage) -> None:
    body = {"id": message.pk, **json.loads(message.body)}
    try:
        call_signed(settings.EVENTDESK_ALERT_WEBHOOK, body, settings.EVENTDESK_HOOK_SECRET)
    except AnswerProblem as problem:
        raise NotSent(f"the service {problem}") from problem


_SENDERS = {MAIL: _by_mail, WEBHOOK: _by_webhook}
