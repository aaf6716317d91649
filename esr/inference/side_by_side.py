"""Images side by side: each on a core of its own, from reading its file to writing the enlarged one."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from ctypes import CDLL
from threading import Event
from typing import TypeVar

from torch import nn

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
_KEPT, _LARGE = 2**28, 2**25  # bytes

Item = TypeVar("Item")
Result = TypeVar("Result")


class Stopped(Exception):
    """The others have been given up, and so is this one."""


def side_by_side(work: Callable[[Item], Result], items: Sequence[Item], workers: int, stop: Event) -> Iterator[Result]:
    """``work`` of every item, in the order of ``items``, done by ``workers`` threads.

    An item is begun when a thread is free for it, so that no more than ``workers`` are held in memory. In the end
    ``stop`` is set: when one has failed, or the caller leaves early (Ctrl-C), no other is begun, and what has
    begun sees it.
    """
    with ThreadPoolExecutor(workers) as pool:
        try:
            yield from pool.map(work, items)
        finally:
            stop.set()


def keep_some_freed_memory() -> None:
    """Let the process keep up to 256 MiB of what a layer has freed, for the next layer.

    Else glibc gives it back, the system fills it with zeros for the next one, and a twentieth of the time is gone.
    Where the C library has no ``mallopt`` nothing happens.
    """
    mallopt = getattr(CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE)
        mallopt(_M_TRIM_THRESHOLD, _KEPT)


def stoppable(network: nn.Module, stop: Event) -> nn.Module:
    """The network, whose forward pass ends in Stopped at its next layer once ``stop`` is set."""

    def look(module: nn.Module, args: object) -> None:
        if stop.is_set():
            raise Stopped

    for module in network.modules():
        module.register_forward_pre_hook(look)
    return network
