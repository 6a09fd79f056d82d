"""Whether somebody has the password or the code that they should have: limited, and on the record if not."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.http import HttpRequest

from dashboard.access import login_limit
from dashboard.access.actors import page_actor
from dashboard.access.client_address import client_address
from dashboard.access.command_actions import LOG_IN, account
from dashboard.access.login_limit import Attempt, Refused
from dashboard.accounts.second_factor import accepted
from dashboard.auditing.refusals import NOBODY, note_refusal
from dashboard.auditing.safeguards import SAFEGUARDS
from dashboard.models import Person
from eventstore.actions import Action, Actor, Ending, Outcome

WRONG_PASSWORD, WRONG_CODE = "This is not your password.", "Wrong code, or it was used before. Wait for the next one."
LONGEST_CODE = 100
LIMITS = {
    "name": "logins for this name are refused",
    "unknown": "logins for this name are refused",
    "code": "codes for this name are refused",
    "address": "logins for this address are refused",
    "nobody": "failures without an account are counted and not recorded one by one",
}
"""What follows once a limit is reached, by the first word of its key."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """``problem`` says why nothing is proven; empty if it is. ``what`` a code was: see ``second_factor.accepted``.

    ``wait`` is set if it was not even looked at, because there were too many.
    """

    problem: str = ""
    what: str = ""
    wait: timedelta | None = None


def of_password(request: HttpRequest, person: Person, action: Action, password: str) -> Proof:
    """Whether this is the person's password. ``action``: what they want to do."""
    begun = login_limit.begin(person.username, client_address(request))
    wrong = (WRONG_PASSWORD, f"{action.title}: wrong password")
    return _proof(request, person, begun, lambda: "password" if person.check_password(password) else "", wrong, by=person)


def of_code(request: HttpRequest, person: Person, code: str, *, by: Person | None = None) -> Proof:
    """Whether this is a code of the person's device, or of recovery. ``by``: who acts, if their login is whole."""
    begun = login_limit.begin_code(person.username, client_address(request))
    wrong = (WRONG_CODE, "the password was right, the code of the second factor was not")
    return _proof(request, person, begun, lambda: accepted(person, code[:LONGEST_CODE]), wrong, by=by)


def refused(request: HttpRequest, person: Person, actor: Actor, begun: Refused) -> Proof:
    """Nothing was looked at. It is counted on the record."""
    address = client_address(request) or None
    note_refusal(actor, account(person.username), LOG_IN.name, reason="too many attempts", address=address)
    return Proof(problem=wait_text(begun.wait), wait=begun.wait)


def wait_text(wait: timedelta) -> str:
    minutes = math.ceil(wait / timedelta(minutes=1))
    return f"Too many attempts. Try again in {minutes} minute{'' if minutes == 1 else 's'}."


def limits_reached(attempt: Attempt) -> dict[str, str]:
    """For the record: what is refused from now on."""
    reached = login_limit.reached(attempt)
    if not reached:
        return {}
    what = " and ".join(LIMITS[key.partition(":")[0]] for key in reached)
    return {"limit_reached": f"more {what} for up to {login_limit.WINDOW // timedelta(minutes=1)} minutes"}


def _proof(
    request: HttpRequest,
    person: Person,
    begun: Attempt | Refused,
    found: Callable[[], str],
    wrong: tuple[str, str],
    *,
    by: Person | None,
) -> Proof:
    """``found`` tells what it was, or an empty text. ``wrong``: what is said then, and what the record says."""
    address = client_address(request) or None
    actor = page_actor(by.username) if by is not None else NOBODY
    if isinstance(begun, Refused):
        return refused(request, person, actor, begun)
    if what := found():
        login_limit.succeeded(begun)
        return Proof(what=what)
    details = {"address": address, **limits_reached(begun)}
    act = SAFEGUARDS.record.intended(actor, LOG_IN.name, account(person.username), details)
    SAFEGUARDS.record.ended(act, Outcome(ending=Ending.FAILED, reason=wrong[1]))
    return Proof(problem=wrong[0])
