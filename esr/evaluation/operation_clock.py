"""Every operation of a forward pass, timed where it runs: with the module that calls it, its work and its bytes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from esr.evaluation.convolution_shape import ConvolutionShape
from esr.evaluation.flops import RULES
from esr.timing.stopwatch import Stopwatch

aten = torch.ops.aten


@dataclass(frozen=True)
class Operation:
    """What an operation is, in every pass alike.

    Attributes:
        module: the innermost module that calls it, as the network names it; empty for the network itself.
        kind: PyTorch's name of it, such as conv2d or leaky_relu.
        shape: of what it reads: channels, height and width.
        macs: multiply-accumulates, by the challenge's counter.
        moved: bytes of all that it reads and writes, weights included; none where it only gives a view.
        convolution: what it convolves; None where it is no convolution.
    """

    module: str
    kind: str
    shape: tuple[int, ...]
    macs: int
    moved: int
    convolution: ConvolutionShape | None


def timed_operations(network: nn.Module, image: Tensor, stopwatch: Stopwatch) -> list[tuple[Operation, float]]:
    """One pass of ``network`` (in eval mode), operation by operation, with the milliseconds of each.

    To be called in inference mode: there an operation reaches PyTorch's dispatcher as it is called, a convolution
    among them, before it is taken apart.
    """
    callers: list[str] = []
    with _noting_callers(network, callers):
        clock = _OperationClock(callers, stopwatch)
        stopwatch.begin()
        with clock:
            network(image)
    return list(zip(clock.operations, stopwatch.milliseconds(), strict=True))


@contextmanager
def _noting_callers(network: nn.Module, callers: list[str]) -> Iterator[None]:
    """Keep in ``callers`` the names of the modules whose forward is running, the innermost one last."""

    def enter(name: str) -> Callable[..., None]:
        return lambda *_: callers.append(name)

    def leave(*_: object) -> None:
        callers.pop()

    handles = []
    for name, module in network.named_modules():
        handles += [module.register_forward_pre_hook(enter(name)), module.register_forward_hook(leave)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class _OperationClock(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Times what PyTorch dispatches, and notes what it was."""

    def __init__(self, callers: list[str], stopwatch: Stopwatch) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations: list[Operation] = []
        self._callers = callers
        self._stopwatch = stopwatch

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        output = self._stopwatch.run(lambda: func(*args, **(kwargs or {})))
        self.operations.append(_described(func, args, kwargs or {}, output, self._callers[-1] if self._callers else ""))
        return output


def _described(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any, module: str) -> Operation:
    packet = func.overloadpacket
    rule = RULES.get(packet)
    read = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    written = [leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor)]
    return Operation(
        module=module,
        kind=packet.__name__.rstrip("_"),
        shape=tuple(read[0].shape[1:]) if read else (),
        macs=rule(output, *args) if rule else 0,
        moved=0 if _gives_a_view(read, written) else sum(map(_bytes, [*read, *written])),
        convolution=ConvolutionShape.of(*args, **kwargs) if packet is aten.conv2d else None,
    )


def _gives_a_view(read: list[Tensor], written: list[Tensor]) -> bool:
    """Whether what comes out is the memory that went in, under other strides; in place, it is the same tensor."""
    memory = {tensor.untyped_storage().data_ptr() for tensor in read}
    inside = all(tensor.untyped_storage().data_ptr() in memory for tensor in written)
    return inside and not any(out is tensor for out in written for tensor in read)


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
