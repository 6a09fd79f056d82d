"""The drivers, one package per store: ``database`` (embedded) and ``pulsar``. ``open_storage`` chooses one by its URL."""

from eventstore.drivers.opening import open_storage

__all__ = ["open_storage"]
