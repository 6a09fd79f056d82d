"""The drivers, one package a store: ``database`` (embedded) and ``pulsar``. ``open_storage`` picks one by its URL."""

from eventstore.drivers.opening import open_storage

__all__ = ["open_storage"]
