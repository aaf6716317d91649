"""Freed memory that a process keeps for what it allocates next, instead of giving it back to the system at once.

glibc gives back what is large or lies at the end of its heap, and the system fills it with zeros for the next tensor.
What that costs a pass of a network depends on all that the process has allocated before, so that run times differ from
process to process (docs/measuring-time.md). Where the C library has no ``mallopt`` nothing happens.
"""

from ctypes import CDLL

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX = -1, -3, -4  # of glibc's malloc.h
SOME, LARGE = 2**28, 2**25  # bytes


def keep_freed_memory() -> None:
    """Let the process keep all: it grows to its peak and stays there."""
    _set_malloc(M_MMAP_MAX, 0)
    _set_malloc(M_TRIM_THRESHOLD, -1)


def keep_some_freed_memory() -> None:
    """Let the process keep up to 256 MiB, but no block above 32 MiB."""
    _set_malloc(M_MMAP_THRESHOLD, LARGE)
    _set_malloc(M_TRIM_THRESHOLD, SOME)


def _set_malloc(parameter: int, value: int) -> None:
    mallopt = getattr(CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(parameter, value)
