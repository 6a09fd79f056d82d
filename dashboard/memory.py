"""How the web server's process keeps memory: frames come and go by the thousand, and what is gone is to be given back.

Left to itself, the C library keeps an arena for each thread and what was freed in it: two hundred viewers of a busy topic cost
hundreds of kilobytes each that nobody used any more.
"""

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
"""glibc's names and numbers (malloc.h)."""
LARGE = 64 * 1024
"""Bytes from which on a text has pages of its own, which are given back the moment it is gone."""


def give_back_freed_memory() -> bool:
    """Whether the C library took it; another one than glibc has its own ways."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = {M_ARENA_MAX: 1, M_MMAP_THRESHOLD: LARGE, M_TRIM_THRESHOLD: LARGE}
    taken = [mallopt(name, value) == 1 for name, value in settings.items()]  # each is told, whatever became of the one before
    return all(taken)
