"""Which configuration holds: the file that is named; in demo mode, where none is, the demo's.

The demo's name, banner and thresholds are for the demo's own store. A broker is somebody's: there the banner says which one
it is, so that nobody takes it for a demo and resets a cursor in the wrong place, and the ordinary thresholds hold.

Knows nothing of Django: the settings module reads this before anything is ready.
"""

from msgspec.structs import replace

from eventstore.config import Config, Installation, Kind, Limits, load_config

LONGEST_NAME = 60


def is_embedded(store_url: str) -> bool:
    """Whether this is the embedded store, which an installation, or a demo, has to itself."""
    return store_url.partition(":")[0].lower() == "database"


def configuration(path: str, *, demo_path: str, store_url: str) -> Config:
    """The configuration of this process; ``demo_path`` is the demo's file in demo mode, and empty otherwise."""
    if path or not demo_path:
        return load_config(path)
    config = load_config(demo_path)
    if is_embedded(store_url):
        return config
    return replace(config, installation=Installation(name=_where(store_url), kind=Kind.BROKER), limits=Limits())


def _where(store_url: str) -> str:
    """The broker's address as the banner shows it, without what a person may have written before an ``@``."""
    where = store_url.partition("://")[2].partition("/")[0].rpartition("@")[2] or store_url
    return where if len(where) <= LONGEST_NAME else f"{where[: LONGEST_NAME - 1]}…"
