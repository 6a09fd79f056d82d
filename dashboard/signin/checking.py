"""Whether a login by the provider still holds, and with which rights: the provider is asked again.

What its groups no longer give is taken away before the request that asked is answered.
"""

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import Any

from django.conf import settings

from dashboard.models import Person, ProviderLogin, Role
from dashboard.setup.sign_in import Provider
from dashboard.signin import accounts, kept
from dashboard.signin.groups import groups_in
from dashboard.signin.provider import Asking, Away, Json, Refused, Tokens, Unusable, asking, provider

log = logging.getLogger(__name__)

REFRESHED_BEFORE = 5.0
"""Seconds before its end at which an access token is replaced: it must not end on its way."""


SOCKETS_ASK_EVERY = 5.0


class State(Enum):
    GOOD = auto()
    AWAY = auto()
    """The provider does not answer; the rights of its last answer still hold."""
    SHUT = auto()
    """It has not answered for too long: nothing is shown until it does."""
    ENDED = auto()
    OUTSIDER = auto()
    """None of the person's groups gives a role any more."""


SHOWS = {State.GOOD, State.AWAY}
"""Where what is open may stay open."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """``since`` is when the provider last answered, and ``until`` how long that holds; both for ``AWAY`` and ``SHUT``."""

    state: State
    name: str = ""
    since: datetime | None = None
    until: datetime | None = None


ENDED = Standing(state=State.ENDED)


def standing_of(text: str, person: Person, *, max_age: float | None = None) -> Standing:
    """How the login with this text in its session stands now. Changes the person's role and groups to what the provider says.

    ``max_age``: how old an answer may be, in seconds; as the provider's settings say if not given.
    """
    by, login = provider(), kept.find(text)
    if by is None or login is None or login.issuer != by.issuer or login.person_id != person.pk:
        return ENDED
    oldest = by.max_age if max_age is None else max(max_age, by.max_age)
    if timedelta(0) <= datetime.now(UTC) - login.asked < timedelta(seconds=oldest):  # not of a clock that is ahead
        return Standing(state=State.GOOD, name=by.name)
    tokens = kept.tokens_in(login, text)
    if tokens is None:
        return ENDED
    try:
        claims = _claims(asking(by), login, text, tokens)
    except Refused:
        return ENDED
    except (Away, Unusable) as error:
        if isinstance(error, Unusable):
            log.warning("The answer of %s about a login cannot be used: %s", by.name, error)
        return _without_answer(by, login)
    return _by_claims(by, login, person, claims)


def still_holds(session: Any, person: Person) -> bool:
    """Whether an open socket of this session and person may stay open. Sockets ask again and again, all of a session together
    at most each ``SOCKETS_ASK_EVERY`` seconds. Changes the person as ``standing_of`` does."""
    text = kept.text_of(session)
    if not text:
        return bool(settings.LOCAL_LOGIN) and person.has_usable_password()
    return standing_of(text, person, max_age=SOCKETS_ASK_EVERY).state in SHOWS


def says_provider(session: Any) -> bool:
    """The same for a login by the provider, which is asked now. True for any other login."""
    text = kept.text_of(session)
    if not text:
        return True
    login = kept.find(text)
    if login is None:
        return False
    state = standing_of(text, login.person).state
    if state is State.ENDED:
        kept.forget_answer(login)  # the sockets must not take the one before for new enough
    return state in SHOWS


def _by_claims(by: Provider, login: ProviderLogin, person: Person, claims: Json) -> Standing:
    if claims.get("sub") != login.subject:
        return ENDED
    accounts.settle(person, groups_in(claims, by.groups_claim), accounts.actor_of(by.name))
    kept.note_answer(login, exactly=by.max_age > 0)
    state = State.OUTSIDER if person.role == Role.OUTSIDER else State.GOOD
    return Standing(state=state, name=by.name)


def _without_answer(by: Provider, login: ProviderLogin) -> Standing:
    until = login.asked + timedelta(seconds=by.grace)
    state = State.AWAY if datetime.now(UTC) < until else State.SHUT
    return Standing(state=state, name=by.name, since=login.asked, until=until)


def _claims(ask: Asking, login: ProviderLogin, text: str, tokens: Tokens) -> Json:
    """What the provider says now, with another access token where this one has ended."""
    ask.metadata()  # not while the tokens are being refreshed, which others wait for
    if tokens.refresh and tokens.ends and tokens.ends - REFRESHED_BEFORE < time.time():
        return ask.userinfo(kept.refreshed(login, text, tokens, ask.refreshed).access)
    try:
        return ask.userinfo(tokens.access)
    except Refused:
        if not tokens.refresh:
            raise
    return ask.userinfo(kept.refreshed(login, text, tokens, ask.refreshed).access)
