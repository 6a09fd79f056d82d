"""The index: pointers to events, never payloads. It can be dropped and rebuilt at any time.

Rooms, from the ground: ``tables``, then ``lookup`` and ``writing``, then ``indexer``, then ``check`` and ``rebuild``. This
package is a Django app, so it must be importable before its models are: it exports nothing itself.
"""
