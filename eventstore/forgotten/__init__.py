"""Which aggregates are forgotten: the index keeps no searchable value of theirs, whatever is indexed again.

This memory lies in ``default``, since the index may be dropped and rebuilt at any time. It holds keyed hashes, and no id.

This package is a Django app, so it must be importable before its models are: what reads the tables is in
``eventstore.forgotten.memory``.
"""
