"""API tokens: what a script shows in place of a login. Each has a role and an end; of its text only a hash is kept."""

import hashlib
import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import DatabaseError
from django.db.models import Q
from django.http import HttpRequest

from dashboard.access.scopes import Scope, scope_of
from dashboard.hints import changes
from dashboard.models import ApiToken, Purpose, Role

log = logging.getLogger(__name__)

BEGINS = "edk_"
"""By which people, and programs that look for leaked secrets, know one."""
LONGEST = 200
"""Characters of what is taken for a token at all."""
MOST_DAYS = 3_650
MOST_GLOBS, LONGEST_GLOB = 50, 300
USE_NOTED_EVERY = timedelta(minutes=1)

_check_name = RegexValidator(
    r"\A[\w.@+-]{1,150}\Z", "A token's name holds letters, digits and @ . + - _ and at most 150 of them."
)


def check_name(name: str) -> None:
    """``ValidationError`` where no token can be called so, or another is: revoked and ended ones keep their names."""
    _check_name(name)
    if ApiToken.objects.filter(name=name).exists():
        raise ValidationError(f"There is a token {name!r} already. Nothing was changed.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Narrowed:
    """What a token is limited to beside its role: what it opens, and globs of topics and of aggregate types; none for all
    those of its role."""

    purpose: Purpose = Purpose.TAIL
    topics: Sequence[str] = ()
    aggregate_types: Sequence[str] = ()

    def details(self) -> dict[str, object]:
        """For the record."""
        said = {"purpose": self.purpose.label, "topics": list(self.topics), "aggregate_types": list(self.aggregate_types)}
        return {name: value for name, value in said.items() if value}


def glob_problem(globs: Sequence[str]) -> str:
    """Why these globs are none, or an empty string."""
    if len(globs) > MOST_GLOBS:
        return f"At most {MOST_GLOBS} patterns."
    if any(not glob.strip() or len(glob) > LONGEST_GLOB or not glob.isprintable() for glob in globs):
        return f"Each pattern has 1 to {LONGEST_GLOB} characters, on one line."
    return ""


def why_not_by(maker: Scope, role: Role, narrowed: Narrowed) -> str:
    """Why somebody with this scope may not make such a token, which would see what they do not; or an empty string."""
    limits = {"topics": list(narrowed.topics), "aggregate_types": list(narrowed.aggregate_types)}
    if scope_of(ApiToken(role=role, **limits)).is_within(maker):
        return ""
    own = f"Topics: {', '.join(maker.topics) or 'none'}. Aggregate types: {', '.join(maker.aggregate_types) or 'none'}."
    return f"The token would see more than you do. Limit it to what is in your scope, by its names or patterns. {own}"


def make(name: str, role: Role, days: int, narrowed: Narrowed | None = None) -> tuple[ApiToken, str]:
    """A new token and its text, which cannot be had again. ``IntegrityError`` where another is called so."""
    limits = narrowed or Narrowed()
    text = BEGINS + secrets.token_urlsafe(32)
    now = datetime.now(UTC)
    token = ApiToken(
        name=name,
        hash=hash_of(text),
        role=role,
        purpose=limits.purpose,
        topics=list(limits.topics),
        aggregate_types=list(limits.aggregate_types),
        made=now,
        ends=now + timedelta(days=days),
    )
    token.save(force_insert=True)
    return token, text


def revoke(name: str) -> bool:
    """End a token now. Returns whether there was one to end."""
    now = datetime.now(UTC)
    ended = ApiToken.objects.filter(name=name, revoked=None, ends__gt=now).update(revoked=now) > 0
    if ended:
        changes.tell()
    return ended


def in_force() -> Sequence[ApiToken]:
    return [token for token in every() if token.in_force(datetime.now(UTC))]


def every() -> Sequence[ApiToken]:
    """All that were ever made, by name."""
    return list(ApiToken.objects.order_by("name"))


def hash_of(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def token_of(request: HttpRequest) -> ApiToken | None:
    """The token that this request shows as ``Authorization: Bearer <token>``, if it is in force now; that it is used is noted.

    What it may do, ``dashboard.access.policy.allows`` says, for instance ``allows(token, "read_metrics")``.
    """
    text = bearer_token(request.headers.get("Authorization", ""))
    return in_use(hash_of(text)) if text else None


def bearer_token(authorization: str) -> str:
    """The token in a header's text; empty for anything else."""
    scheme, _, text = authorization.partition(" ")
    text = text.strip()
    return text if scheme.lower() == "bearer" and len(text) <= LONGEST else ""


def in_use(hash: str) -> ApiToken | None:
    """The token of this hash, if it is in force now; that it is used is noted."""
    token = ApiToken.objects.filter(hash=hash).first()
    now = datetime.now(UTC)
    if token is None or not token.in_force(now):
        return None
    if token.last_used is None or now - token.last_used > USE_NOTED_EVERY:
        _note_use(token, now)
    return token


def _note_use(token: ApiToken, now: datetime) -> None:
    """Where this cannot be written, for instance since another writer is long about it, the token holds all the same."""
    long_ago = Q(last_used=None) | Q(last_used__lt=now - USE_NOTED_EVERY)
    try:
        ApiToken.objects.filter(long_ago, pk=token.pk).update(last_used=now)
    except DatabaseError as error:
        log.warning("the use of token %s could not be noted: %s", token.name, type(error).__name__)
