"""The running indexer: partitions leased and shared with other processes, a few reader threads, one writing thread.

``run`` starts and ends it; ``indexer`` is the writing thread, ``reader_threads`` and ``topic_watch`` are the others.
"""
