"""The second factor: who needs one, what a login still has to do, and codes of devices (TOTP) and of recovery.

No code is accepted twice, whichever process it reaches: a device's row is locked while its code is looked at and remembers the
last one, and a recovery code is accepted by removing it.
"""

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django.db.models import IntegerField
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_otp.util import random_hex

from dashboard.accounts.session_store import HALF
from dashboard.models import Person, RecoveryCode
from dashboard.signin import kept
from eventstore.prepared import Prepared

PASSED = "second_factor"
"""The key of a session under which it says what it has passed."""
DEVICE, RECOVERY = "code", "recovery code"
CODES = 10
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without letters that look like others."""
_GROUPS, _OF = 4, 5


class Step(StrEnum):
    """What a login still has to do before it is one."""

    CODE = "code"
    ENROL = "enrol"


def step_of(person: Person, session: Mapping[str, Any] | SessionBase) -> Step | None:
    """What the login with this session has to do; ``None`` if it is whole. A device is asked for whatever the role is.

    Who signed in by the identity provider has passed its factors, and is asked for none of ours.
    """
    if session.get(PASSED) or kept.text_of(session):
        return None
    if has_device(person):
        return Step.CODE
    return Step.ENROL if is_needed_by(person) else None


def is_needed_by(person: Person) -> bool:
    """Whether the configuration says that a password alone does not let this role in."""
    return person.role in settings.EVENTDESK.access.second_factor


def pass_by(session: SessionBase, how: str) -> None:
    session[PASSED] = how
    session.pop(HALF, None)


def has_device(person: Person) -> bool:
    return bool(_DEVICES(person=person.pk))


_DEVICES = Prepared(
    lambda person: TOTPDevice.objects.filter(user=person, confirmed=True).values_list("pk")[:1], person=IntegerField()
)


def codes_left(person: Person) -> int:
    return RecoveryCode.objects.filter(person=person.pk).count()


def new_secret() -> str:
    """20 random bytes, in hexadecimal."""
    return str(random_hex(20))


def unconfirmed(person: Person, secret: str) -> TOTPDevice:
    """A device with this secret that is not kept."""
    return TOTPDevice(user_id=person.pk, name="app", key=secret, confirmed=True)


def enrol(person: Person, secret: str, code: str) -> Sequence[str] | None:
    """Make this the person's device, if the code proves that they have it. Returns new recovery codes.

    ``None`` if the code is wrong, or the person has a device already.
    """
    with transaction.atomic():
        Person.objects.select_for_update().get(pk=person.pk)
        device = unconfirmed(person, secret)
        if has_device(person) or not re.fullmatch("[0-9]{6}", bare(code)) or not device.verify_token(bare(code)):
            TOTPDevice.objects.filter(pk=device.pk).delete()
            return None
        return new_codes(person)


def remove(person: Person) -> bool:
    """Remove the person's device and recovery codes. Returns whether there was a device."""
    with transaction.atomic():
        RecoveryCode.objects.filter(person=person.pk).delete()
        return bool(TOTPDevice.objects.filter(user=person.pk).delete()[0])


def new_codes(person: Person) -> Sequence[str]:
    """New recovery codes in place of those there are. They cannot be had again."""
    texts = ["-".join("".join(secrets.choice(_ALPHABET) for _ in range(_OF)) for _ in range(_GROUPS)) for _ in range(CODES)]
    with transaction.atomic():
        RecoveryCode.objects.filter(person=person.pk).delete()
        RecoveryCode.objects.bulk_create(RecoveryCode(person_id=person.pk, hash=_hash(text)) for text in texts)
    return texts


def accepted(person: Person, text: str) -> str:
    """Take the code: ``DEVICE`` or ``RECOVERY`` says what it was, and an empty text that it is wrong or was used before."""
    if re.fullmatch("[0-9]{6}", bare(text)):
        return DEVICE if _is_of_device(person, bare(text)) else ""
    return RECOVERY if RecoveryCode.objects.filter(person=person.pk, hash=_hash(text)).delete()[0] else ""


def _is_of_device(person: Person, code: str) -> bool:
    with transaction.atomic():
        devices = TOTPDevice.objects.select_for_update().filter(user=person.pk, confirmed=True)
        return any(device.verify_token(code) for device in devices)


def bare(text: str) -> str:
    return "".join(text.split())


def _hash(text: str) -> str:
    """With a hundred random bits in it, there is nothing to guess. Case, spaces and dashes do not count."""
    return hashlib.sha256(bare(text).replace("-", "").lower().encode("utf-8", "surrogatepass")).hexdigest()
