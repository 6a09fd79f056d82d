"""Hooks: a projection's service is told before a replay begins and after it has ended.

Each call is signed, so that the service can tell that it comes from this installation and was made lately. The header
``Eventdesk-Signature`` is ``t=<seconds since 1970>,v1=<hex>``. The hex digits are the HMAC-SHA256 of ``<t>.<body>`` under
``EVENTDESK_HOOK_SECRET``.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from enum import StrEnum
from urllib.parse import urlsplit

from eventstore.config.projections import Projection, hook_secret_problem
from eventstore.model.errors import EventStoreError
from eventstore.projections.calling import Answer, AnswerProblem, call

HOOK_SECONDS = 10.0
"""Seconds that one call may take in all."""
SIGNATURE = "Eventdesk-Signature"


class HookFailed(EventStoreError):
    """A hook could not be called, or its service did not agree."""


class When(StrEnum):
    BEFORE = "before"
    AFTER = "after"


def call_hook(projection: Projection, when: When, told: Mapping[str, object], secret: str) -> Answer | None:
    """Call the projection's hook and return its answer (a status from 200 to 299); ``None`` if there is no such hook.

    ``told`` is sent as a JSON object, with ``hook`` and ``projection`` added. It must hold no payload. A job that goes on
    after a crash may make the same call again. Raises ``HookFailed`` for any other answer, or for none, and
    where the secret is too short to sign with.
    """
    address = projection.hooks.before if when is When.BEFORE else projection.hooks.after
    if not address:
        return None
    if unsafe := hook_secret_problem([projection], secret):
        raise HookFailed(unsafe)
    try:
        return call_signed(address, {"hook": when.value, "projection": projection.name, **told}, secret)
    except AnswerProblem as problem:
        raise HookFailed(_failed(projection, when, address, str(problem))) from problem


def call_signed(address: str, told: Mapping[str, object], secret: str) -> Answer:
    """Send this as a JSON object, signed, and return the answer. Raises ``AnswerProblem`` unless its status is 200 to 299."""
    body = json.dumps(told, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json", SIGNATURE: signature(body, secret, int(time.time()))}
    answer = call("POST", address, seconds=HOOK_SECONDS, body=body, headers=headers)
    if not 200 <= answer.status < 300:
        raise AnswerProblem(f"answered {answer.status}")
    return answer


def signature(body: bytes, secret: str, at: int) -> str:
    """The value of the header ``Eventdesk-Signature``, for a call at this second."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256)
    return f"t={at},v1={digest.hexdigest()}"


def _failed(projection: Projection, when: When, address: str, why: str) -> str:
    host = urlsplit(address).netloc
    return (
        f"The hook that {projection.name} wants called {when} a replay {why} ({host}). "
        "Ask the owner of the projection, or take the hook out of the configuration."
    )
