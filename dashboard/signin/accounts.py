"""Whose account it is who comes from the provider, and what their groups make of it.

An account belongs to an issuer and a subject, and to nothing else: neither a name nor a mail address at the provider opens an
account that was there before.
"""

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Set
from typing import Any

from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from dashboard.access.actors import page_actor
from dashboard.access.command_actions import MANAGE_PEOPLE, account
from dashboard.auditing import noted
from dashboard.hints import changes
from dashboard.models import Person, Role
from dashboard.signin import groups as of_claims
from dashboard.signin.action_rules import ROLE_BY_GROUPS
from eventstore.actions import Actor

TRIES = 5
LONGEST_NAME = 140
"""Characters of a name, with place for a number behind it."""
LONGEST_MAIL = 254
"""Characters, as Django keeps an address. Its check takes longer ones."""


def provider_id(issuer: str) -> str:
    """How accounts of this issuer are marked."""
    return f"oidc-{hashlib.sha256(issuer.rstrip('/').encode()).hexdigest()[:40]}"


def find(issuer: str, subject: str) -> Person | None:
    found = SocialAccount.objects.select_related("user").filter(provider=provider_id(issuer), uid=subject).first()
    return found.user if found is not None else None


def find_or_make(issuer: str, subject: str, claims: Mapping[str, Any], by: Actor) -> Person:
    """The account of this subject, made and recorded if there is none. Its role is that of an outsider until ``settle``."""
    for left in reversed(range(TRIES)):
        found = find(issuer, subject)
        if found is not None:
            return found
        try:
            made = _make(issuer, subject, claims)
        except IntegrityError:  # the same person came twice at once, or somebody of the same name
            if not left:
                raise
            continue
        noted(by, MANAGE_PEOPLE.name, account(made.username), {"made": "at the first login by the provider"})
        return made
    raise AssertionError("unreachable")


def settle(person: Person, groups: Set[str], by: Actor) -> None:
    """Give the person the role and the groups that the provider's groups mean here. A change is recorded."""
    role, kept = of_claims.role_of(groups), of_claims.known(groups)
    if (person.role, _groups_of(person)) == (role, kept):
        return
    with transaction.atomic():  # of several requests, the first changes it, and tells of it
        locked = Person.objects.select_for_update().get(pk=person.pk)
        before, were = locked.role, _groups_of(locked)
        if kept != were:
            locked.groups.set([Group.objects.get_or_create(name=name)[0] for name in sorted(kept)])
        Person.objects.filter(pk=person.pk).update(role=role)
        changes.tell()
    person.role = role
    if (before, were) == (role, kept):
        return
    details = {
        "role_before": _shown(before),
        "role_after": _shown(role),
        "groups_before": sorted(were),
        "groups_after": sorted(kept),
    }
    noted(by, ROLE_BY_GROUPS.name, account(person.username), details)


def _groups_of(person: Person) -> frozenset[str]:
    return frozenset(person.groups.values_list("name", flat=True))


def _shown(role: str) -> str:
    return str(Role(role).label)


def _make(issuer: str, subject: str, claims: Mapping[str, Any]) -> Person:
    with transaction.atomic():
        made = Person.objects.create_user(username=_free_name(claims, subject), email=_mail_in(claims), password=None)
        SocialAccount.objects.create(user=made, provider=provider_id(issuer), uid=subject)
    return made


def _free_name(claims: Mapping[str, Any], subject: str) -> str:
    """The name at the provider, as an account may be called, with a number if another account has it in any spelling."""
    wanted = name_in(claims) or f"person-{hashlib.sha256(subject.encode()).hexdigest()[:8]}"
    name, number = wanted, 1
    while Person.objects.filter(username__iexact=name).exists():
        number += 1
        name = f"{wanted}-{number}"
    return name


def name_in(claims: Mapping[str, Any]) -> str:
    """``preferred_username`` with the characters that an account's name may have; empty where none is left."""
    given = claims.get("preferred_username")
    plain = unicodedata.normalize("NFKC", given) if isinstance(given, str) else ""
    return re.sub(r"[^\w.@+-]+", "-", plain)[:LONGEST_NAME].strip("-")


def _mail_in(claims: Mapping[str, Any]) -> str:
    """The mail address, if the provider has verified it."""
    mail = claims.get("email")
    if claims.get("email_verified") is not True or not isinstance(mail, str) or len(mail) > LONGEST_MAIL:
        return ""
    try:
        validate_email(mail)
    except ValidationError:
        return ""
    return mail


def actor_of(name: str) -> Actor:
    """The provider as an actor on the record; no account's name holds a space."""
    return page_actor(f"{name} (sign-in)")
