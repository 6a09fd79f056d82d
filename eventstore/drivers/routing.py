"""Which partition a key belongs to. The same choice as Pulsar's Java client, so that old and new publishers keep a key in
order."""


def java_string_hash(key: str) -> int:
    """Return Java's ``String.hashCode`` as an unsigned number: over UTF-16 code units, in wrapping 32-bit arithmetic."""
    units = key.encode("utf-16-be", "surrogatepass")
    value = 0
    for place in range(0, len(units), 2):
        value = (31 * value + (units[place] << 8 | units[place + 1])) & 0xFFFFFFFF
    return value


def partition_of(key: str, partitions: int) -> int:
    """Return the partition of ``key`` among ``partitions``, as ``JavaStringHash`` in Pulsar's Java client computes it."""
    return (java_string_hash(key) & 0x7FFFFFFF) % partitions
