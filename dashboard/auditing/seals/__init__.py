"""Seals: signed marks of how many entries the record holds and which, kept in a file elsewhere."""
