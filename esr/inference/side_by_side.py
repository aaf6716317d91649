"""Images side by side: each on a core of its own, from reading its file to writing the enlarged one."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TypeVar

from torch import nn

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


def stoppable(network: nn.Module, stop: Event) -> nn.Module:
    """The network, whose forward pass ends in Stopped at its next layer once ``stop`` is set."""

    def look(module: nn.Module, args: object) -> None:
        if stop.is_set():
            raise Stopped

    for module in network.modules():
        module.register_forward_pre_hook(look)
    return network
