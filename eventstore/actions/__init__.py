"""Actions: whatever changes something passes through here, is allowed or refused, and leaves a record."""

from eventstore.actions.perform import Actor, acting, reason_of

__all__ = ["Actor", "acting", "reason_of"]
