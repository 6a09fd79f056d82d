"""Whose dead letters a topic holds: by its name, or as the configuration declares. Nothing is read for it."""

from collections.abc import Iterable, Sequence

from eventstore.config.subscriptions import DeclaredSubscription, fits
from eventstore.model.events import TopicKind
from eventstore.subscriptions.letters import declared_topics, is_named_for

Owner = tuple[str, str]
"""A topic and one of its subscriptions."""


def owner_of(dead: str, subscriptions: Iterable[Owner], declared: Sequence[DeclaredSubscription]) -> Owner | None:
    """Return the subscription that gives events up to this dead-letter topic; ``None`` if none does, or several may."""
    kind = TopicKind.DEAD_LETTER
    known = sorted(subscriptions, key=lambda owner: (-len(owner[0]), owner))
    by_name = [owner for owner in known if is_named_for(dead, kind, *owner)]
    own = [one for one in declared if fits(dead, declared_topics(one, kind))]
    by_declaration = [owner for owner in known if any(one.is_of(*owner) for one in own)]
    found = by_declaration or by_name[:1]
    return found[0] if len(found) == 1 else None
