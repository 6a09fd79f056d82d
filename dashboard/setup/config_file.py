"""Chooses the configuration: the named file or, in demo mode without one, the demo's.

The demo's file is for the demo's own store. A broker has real users and other events. There the defaults apply, as the demo's
mappings, stories and searchable values would be wrong, and the banner shows the broker's address, so that nobody takes it for
a demo and resets the wrong cursor.

Knows nothing of Django, because the settings module imports it.
"""

from eventstore.config import Config, Installation, Kind, load_config

LONGEST_NAME = 60


def is_embedded(store_url: str) -> bool:
    """Whether this is the embedded store, which belongs to this installation alone."""
    return store_url.partition(":")[0].lower() == "database"


def configuration(path: str, *, demo_path: str, store_url: str) -> Config:
    """The configuration of this process. ``demo_path`` is the demo's file, or empty outside of demo mode."""
    if path or not demo_path:
        return load_config(path)
    if is_embedded(store_url):
        return load_config(demo_path)
    return Config(installation=Installation(name=_banner_name(store_url), kind=Kind.BROKER))


def _banner_name(store_url: str) -> str:
    """The broker's address for the banner, without the credentials that may stand before an ``@``."""
    name = store_url.partition("://")[2].partition("/")[0].rpartition("@")[2] or store_url
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
