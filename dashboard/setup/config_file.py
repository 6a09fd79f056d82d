"""Chooses the configuration: the named file or, in demo mode without one, the demo's.

The demo's name, banner, and thresholds are for the demo's own store. A broker has real users. There the banner shows the
broker's address, so that nobody takes it for a demo and resets the wrong cursor, and the ordinary thresholds apply.

Knows nothing of Django, because the settings module imports it.
"""

from msgspec.structs import replace

from eventstore.config import Config, Installation, Kind, Limits, load_config

LONGEST_NAME = 60


def is_embedded(store_url: str) -> bool:
    """Whether this is the embedded store, which belongs to this installation alone."""
    return store_url.partition(":")[0].lower() == "database"


def configuration(path: str, *, demo_path: str, store_url: str) -> Config:
    """The configuration of this process. ``demo_path`` is the demo's file, or empty outside of demo mode."""
    if path or not demo_path:
        return load_config(path)
    config = load_config(demo_path)
    if is_embedded(store_url):
        return config
    return replace(config, installation=Installation(name=_banner_name(store_url), kind=Kind.BROKER), limits=Limits())


def _banner_name(store_url: str) -> str:
    """The broker's address for the banner, without the credentials that may stand before an ``@``."""
    name = store_url.partition("://")[2].partition("/")[0].rpartition("@")[2] or store_url
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
