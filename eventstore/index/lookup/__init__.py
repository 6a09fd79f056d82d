"""Read the index: pointers, aggregates, searchable values, anomalies, counts and progress.

Nothing here writes events. ``progress`` also writes the notes of how far each partition is.
"""
