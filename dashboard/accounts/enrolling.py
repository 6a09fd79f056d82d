"""Enrolling a device: the secret is shown until a code proves that the person has it, and never again.

Until then it is in the session alone, and goes with it.
"""

from base64 import b32encode
from binascii import unhexlify
from collections.abc import Sequence
from typing import Any

import segno
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import mark_safe

from dashboard.access import login_limit
from dashboard.access.actors import page_actor
from dashboard.access.client_address import client_address
from dashboard.access.command_actions import account
from dashboard.accounts import sessions
from dashboard.accounts.action_rules import ENROL
from dashboard.accounts.proving import LONGEST_CODE, Proof, limits_reached, refused
from dashboard.accounts.second_factor import enrol, new_secret, unconfirmed
from dashboard.auditing.safeguards import SAFEGUARDS
from dashboard.models import Person
from dashboard.web.pages import render
from eventstore.actions import perform
from eventstore.model import NotAllowed

SECRET = "new_second_factor"  # noqa: S105 - the key of a session
WRONG = "Wrong code. Check that the clock of your device is right, and give the code that it shows now."


class _WrongCode(NotAllowed):
    """Nothing was enrolled."""


def shown(request: HttpRequest, person: Person) -> dict[str, Any]:
    """The context of the form: the secret as a QR code, and in groups of four letters to type."""
    device = unconfirmed(person, _secret(request))
    device.user = Person.objects.get(pk=person.pk)  # a request's person is a lazy object, which no relation takes
    text = b32encode(unhexlify(device.key)).decode().rstrip("=")
    drawn = segno.make(device.config_url, error="m", micro=False).svg_inline(
        scale=4, border=4, dark="#000", light="#fff", svgclass="qr", title="QR code of the secret"
    )
    return {
        "qr": mark_safe(drawn),  # noqa: S308 - drawn from squares; its title is ours
        "secret": " ".join(text[at : at + 4] for at in range(0, len(text), 4)),
    }


def enrolled(request: HttpRequest, person: Person, code: str) -> Sequence[str] | Proof:
    """Enrol the device, end the person's other logins, and return the recovery codes; or say why nothing was enrolled.

    Wrong codes are limited as those of a login are: each is on the record.
    """
    actor = page_actor(person.username)
    begun = login_limit.begin_code(person.username, client_address(request))
    if isinstance(begun, login_limit.Refused):
        return refused(request, person, actor, begun)
    details = {"address": client_address(request) or None}
    try:
        with perform(SAFEGUARDS, actor, ENROL, account(person.username), details) as act:
            codes = enrol(person, _secret(request), code[:LONGEST_CODE])
            if codes is None:
                act.facts |= limits_reached(begun)
                raise _WrongCode("The code was wrong, or there is a device already.")
            act.facts["sessions_ended"] = sessions.end(person, but=request.session.session_key)
    except _WrongCode:
        return Proof(problem=WRONG)
    login_limit.succeeded(begun)
    request.session.pop(SECRET, None)
    return codes


def codes_page(request: HttpRequest, codes: Sequence[str], *, leads_to: str) -> HttpResponse:
    """New recovery codes, which are shown this once."""
    return render(request, "accounts/codes.html", {"codes": codes, "leads_to": leads_to})


def _secret(request: HttpRequest) -> str:
    """The secret that is being enrolled, in hexadecimal."""
    found = request.session.get(SECRET)
    if not isinstance(found, str):
        found = request.session[SECRET] = new_secret()
    return found
