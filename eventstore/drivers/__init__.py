"""One package a storage: ``database`` (embedded) and ``pulsar``."""
