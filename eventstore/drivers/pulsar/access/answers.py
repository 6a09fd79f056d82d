"""What an answer of the admin API means that is no success."""

import re

import httpx

from eventstore.model.errors import StoreRefused

LONGEST_REASON = 20_000
"""Characters of a reason that are looked at: a stack trace may be long."""
_STARTING = re.compile(
    r"not (?:yet )?(?:ready|initiali[sz]ed|started)|still starting"
    r"|because the return value of \"org\.apache\.pulsar\.broker\.PulsarService\.get\w+\(\)\" is null"
    r"|because \"this\.(?:pulsar|brokerService|namespaceService|loadManager)\" is null",
    re.IGNORECASE,
)
_LEDGERS = re.compile(
    r"\bManagedLedgerException: .*error code: -\d+|Error while recovering ledger|\bbookies? .*available", re.IGNORECASE
)

BUSY = (
    "The subscription is busy: another person moves its cursor now, or the broker has not ended an earlier move. The cursor "
    "has not been moved for you. Look in a moment where it stands, and try again if that is still needed."
)
_BUSY = re.compile(r"subscription (?:is )?(?:busy|fenced)|fence subscription", re.IGNORECASE)


def is_starting(answer: httpx.Response) -> bool:
    """Whether a 500 is that of a broker whose services are not all there yet.

    Such a broker answers with the NullPointerException of the service that it misses (its name is in the reason), or says that
    one is not ready or not initialised. A standalone broker does not: 4.0.8 and 4.2.4 opened their port last in seven starts
    each (``tests/data/starting``), and gave no 500.
    """
    return _STARTING.search(_reason_in(answer)) is not None


def lacks_ledgers(answer: httpx.Response) -> bool:
    """Whether a 500 is that of a broker that does not get at its ledgers, as in a moment after it was killed. Clients are told
    of a persistence error then (``Error while recovering ledger error code: -10``)."""
    return _LEDGERS.search(_reason_in(answer)) is not None


def _reason_in(answer: httpx.Response) -> str:
    try:
        text = str(answer.json().get("reason", ""))
    except (ValueError, AttributeError):
        text = answer.text  # before its error handlers are there, the broker sends a page of Jetty's
    return text[:LONGEST_REASON]


def refused(answer: httpx.Response) -> StoreRefused:
    """Return the error for a refusal, with the broker's own reason."""
    reason = reason_of(answer)
    if answer.status_code == 412 and _BUSY.search(reason):
        return StoreRefused(f"{BUSY} The broker says: {reason}")
    return StoreRefused(f"The broker refuses this ({answer.status_code}): {reason}")


def reason_of(answer: httpx.Response) -> str:
    """Return the first line of the broker's own reason."""
    try:
        text = str(answer.json().get("reason", ""))
    except (ValueError, AttributeError):
        text = ""  # a proxy's error page: its status says more
    words = next((line.strip() for line in text.splitlines() if line.strip(" -")), "")
    return words[:200] if words else f"it answers {answer.status_code} and no reason."


def is_about_permissions(answer: httpx.Response) -> bool:
    """Whether a 401 or 403 says that this role may not do this. Otherwise it is about who asks.

    The broker answers either to a role that may not do it. To a 401 it then gives a reason as JSON, and to somebody whom it
    does not know a page of Jetty's.
    """
    try:
        return answer.status_code == 403 or bool(answer.json().get("reason"))
    except (ValueError, AttributeError):
        return False
