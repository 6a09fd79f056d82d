"""Tells privacy officers of an emergency reveal at once: by a notice on their pages, and by mail where that is set up.

Where no privacy officer has an account, admins and auditors get the notice.
"""

import logging
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMessage

from dashboard.models import Person, Reveal, Role
from dashboard.privacy.by_reason.reveals import has_privacy_officer

log = logging.getLogger(__name__)

SENT, FAILED, NOT_SET_UP, NO_OFFICER = "mailed", "mail failed", "no mail", "no officer"
"""What ``Reveal.told`` says. ``NO_OFFICER``: no privacy officer had an account, and no mail was sent."""
_SAID = {
    SENT: "The privacy officer was told, by a notice on their pages and by mail.",
    FAILED: "The privacy officer gets a notice on their pages. The mail to them could not be sent.",
    NOT_SET_UP: "The privacy officer gets a notice on their pages.",
}
_INSTEAD = "No privacy officer has an account here: admins and auditors get a notice on their pages instead. "
_SAID_WITHOUT_OFFICER = {
    SENT: _INSTEAD + "A mail went to the addresses of the configuration.",
    FAILED: _INSTEAD + "The mail to the addresses of the configuration could not be sent.",
    NO_OFFICER: _INSTEAD + "No mail was sent.",
}
_TEXT = """{name} has revealed masked values in an emergency, without the standing right to do so.

When: {when} (UTC)
What: {what}
Reveal: number {number}

Look at it on the page "Reveals" of {installation}, and note that you have seen it. This mail holds neither ids nor the
reason.
"""


def tell_of(reveal: Reveal) -> str:
    """Tell of it by mail, and return what to say of that. The reveal stands, whatever becomes of the mail."""
    officer = has_privacy_officer()
    sent = _mailed(reveal)
    reveal.told = NO_OFFICER if sent == NOT_SET_UP and not officer else sent
    reveal.save(update_fields=["told"])
    return (_SAID if officer else _SAID_WITHOUT_OFFICER)[reveal.told]


def recipients() -> list[str]:
    """The addresses of the configuration, and those of the privacy officers' accounts."""
    accounts = Person.objects.filter(role=Role.PRIVACY, is_active=True).exclude(email="").values_list("email", flat=True)
    return sorted({*settings.EVENTDESK.reveals.tell, *accounts})


def _mailed(reveal: Reveal) -> str:
    to = recipients()
    if not settings.MAIL_IS_SET_UP or not to:
        return NOT_SET_UP
    installation = settings.EVENTDESK.installation.name
    text = _TEXT.format(
        name=reveal.person.username,
        when=f"{reveal.begun:%Y-%m-%d %H:%M:%S}",
        what=f"one {reveal.kind}",
        number=reveal.pk,
        installation=installation,
    )
    try:
        EmailMessage(f"Emergency reveal in {installation}", text, None, to).send()
    except (SMTPException, OSError, ValueError) as error:
        log.error("the mail about emergency reveal %d could not be sent: %s", reveal.pk, type(error).__name__)
        return FAILED
    return SENT
