"""What a local projection is, and how its class is found by its dotted path."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any, Protocol, cast

from eventstore.model.errors import EventStoreError
from eventstore.model.events import Event

PATH = "Give the dotted path of a class that takes its rows and has apply(event), such as “shop.timeline.Timeline”."


class ProjectionNotFound(EventStoreError):
    """The dotted path names no class that can be a projection."""


class Rows(Protocol):
    """The rows of one build: values by key. Values are whatever JSON has. A key has at most 500 characters."""

    def get(self, key: str) -> Any:
        """Return the value at this key; ``None`` if there is none."""
        ...

    def put(self, key: str, value: Any) -> None:
        """Raises ``ValueError`` for a key that no database holds, and ``TypeError`` for a value that is no JSON."""
        ...

    def delete(self, key: str) -> None: ...

    def items(self, prefix: str = "") -> Iterator[tuple[str, Any]]:
        """Yield keys that begin like this, and their values, in order of key."""
        ...


class LocalProjection(Protocol):
    """Made anew for each build and each run, with the build's rows. Whatever it remembers must be in these."""

    def __init__(self, rows: Rows) -> None: ...

    def apply(self, event: Event) -> None:
        """Change the rows as this event says. Events of a partition come in order, each once."""
        ...


def projection_class(path: str) -> type[LocalProjection]:
    """Import the class at this dotted path. Raises ``ProjectionNotFound``, which says what is wrong with the path."""
    module, _, name = path.rpartition(".")
    if not module or not all(part.isidentifier() for part in path.split(".")):
        raise ProjectionNotFound(f"{path!r} is no dotted path. {PATH}")
    try:
        found = getattr(import_module(module), name, None)
    except ImportError as error:
        raise ProjectionNotFound(f"{module} cannot be imported ({error}). {PATH}") from error
    if not (isinstance(found, type) and callable(getattr(found, "apply", None))):
        raise ProjectionNotFound(f"{path} is no class with apply(event). {PATH}")
    return cast("type[LocalProjection]", found)
