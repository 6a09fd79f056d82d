"""Running as processes: the supervisor of ``serve``, input that a signal can end, and giving memory back to the system.

Knows nothing of pages.
"""
