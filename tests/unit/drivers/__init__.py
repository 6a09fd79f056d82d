"""The drivers, without a broker."""
