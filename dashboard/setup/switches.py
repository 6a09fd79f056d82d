"""Variables that switch something on or off. Knows nothing of Django, because the settings module imports it."""

from eventstore.model import InvalidConfiguration


def is_on(name: str, text: str, *, otherwise: bool = False) -> bool:
    """Whether ``1`` is given and not ``0``; ``otherwise`` if nothing is. ``InvalidConfiguration`` for anything else, since a
    switch that is mistyped must not be off."""
    if text not in ("", "0", "1"):
        raise InvalidConfiguration(f"{name} is 1 or 0, and this is neither.")
    return text == "1" if text else otherwise
