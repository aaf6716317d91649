"""Where the time of a forward pass goes, layer by layer, and what a layer could take at best."""

import copy
import statistics
import time
from collections import Counter, defaultdict
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from esr.common.freed_memory import keep_freed_memory
from esr.evaluation.layers_file import LayerTime, LayerTimes
from esr.evaluation.narrowing import Saving, measure_savings
from esr.evaluation.operation_clock import Operation, timed_operations
from esr.inference.torch_threads import on_threads
from esr.timing.ceiling import Ceiling, measure_ceiling
from esr.timing.clock import device_name, milliseconds_of, random_image
from esr.timing.conditions import load
from esr.timing.interval import Interval, median_interval
from esr.timing.session import NOISY
from esr.timing.stopwatch import Stopwatch, stopwatch

FEWEST_PASSES = 7
WARM_PASSES = 3


@dataclass(frozen=True)
class Layer:
    """An operation of the network, with what it costs; calls that are alike in every respect are one layer.

    Attributes:
        operation: what it is; its work and its bytes are of one call.
        calls: in one pass.
        time_ms: of all calls, the median over the passes. Dropping the layer saves it.
        saving: the part of the time that fewer channels save; None where it is no convolution, or was not asked for.
    """

    operation: Operation
    calls: int
    time_ms: float
    saving: Saving | None

    @property
    def kind(self) -> str:
        """Such as ``conv 3x3 48→16``, or PyTorch's name of the operation."""
        return self.operation.convolution.described if self.operation.convolution else self.operation.kind

    @property
    def fewer_out_ms(self) -> float | None:
        """What three quarters of the output channels save; the layers that read them gain as well."""
        return self._saved(self.saving.fewer_out) if self.saving else None

    @property
    def fewer_in_ms(self) -> float | None:
        """What three quarters of the input channels save."""
        return self._saved(self.saving.fewer_in) if self.saving else None

    def _saved(self, part: float | None) -> float | None:
        return None if part is None else part * self.time_ms

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all calls."""
        return self.calls * self.operation.macs

    @property
    def moved(self) -> int:
        """Bytes of all calls: inputs, weights, outputs."""
        return self.calls * self.operation.moved


@dataclass(frozen=True)
class LayerCosts:
    """A network's layers in the order in which they first run.

    Attributes:
        layers: every operation.
        whole: milliseconds of a pass in which nothing was looked at, the median with its 95 % interval.
        ceiling: what the device reached.
        height, width: of the image, in LR px.
        threads: CPU threads that PyTorch used.
        device: the GPU's name, or CPU.
        passes: of either kind, whole and layer by layer, in turn.
        load_before, load_after: processes that ran or waited to run, on average over the last minute.
    """

    layers: tuple[Layer, ...]
    whole: Interval
    ceiling: Ceiling
    height: int
    width: int
    threads: int
    device: str
    passes: int
    load_before: float
    load_after: float

    @property
    def whole_ms(self) -> float:
        """The median of a whole pass."""
        return self.whole.value

    @property
    def doubt(self) -> str:
        """Why the times are not to be believed; empty where there is no reason."""
        between = f"{self.whole.low:,.2f} to {self.whole.high:,.2f} ms"
        return f"the machine was too noisy: a whole pass took {between}" if self.whole.width > NOISY else ""

    @property
    def rest_ms(self) -> float:
        """What lies between the layers: Python, PyTorch's calls, a GPU's waiting. Below 0 where noise hides it."""
        return self.whole_ms - sum(layer.time_ms for layer in self.layers)

    @property
    def times(self) -> LayerTimes:
        """What a benchmark keeps of them."""
        return LayerTimes(
            width=self.width,
            height=self.height,
            device=self.device,
            whole_ms=self.whole_ms,
            doubt=self.doubt,
            layers=[
                LayerTime(
                    module=layer.operation.module,
                    kind=layer.kind,
                    time_ms=layer.time_ms,
                    least_ms=self.least_ms(layer),
                    by_memory=self.ceiling.is_memory_bound(layer.macs, layer.moved),
                )
                for layer in self.layers
            ],
        )

    def share(self, time_ms: float) -> float:
        """A time as a part of the pass."""
        return time_ms / self.whole_ms

    def least_ms(self, layer: Layer) -> float:
        """The time of the layer at the device's ceiling."""
        return self.ceiling.milliseconds(layer.macs, layer.moved)

    def of_ceiling(self, layer: Layer) -> float | None:
        """How near the layer comes to the ceiling: 1 is the ceiling; above it, memory came from a cache."""
        return self.least_ms(layer) / layer.time_ms if layer.time_ms > 0 else None


def measure_layers(
    network: nn.Module,
    size: tuple[int, int],
    device: torch.device,
    threads: int,
    seconds: float,
    with_savings: bool = True,
) -> LayerCosts:
    """Time a network layer by layer on a random image of ``size`` (LR height and width).

    Whole passes and passes that are timed operation by operation take turns, for ``seconds``, and for some passes at
    least. In eval and inference mode, fp32, channels_last. The network given is left as it is. What fewer channels
    would save is timed as well, for a second per kind of convolution, unless that is left out.
    On a CPU the process keeps the memory that it frees.
    """
    keep_freed_memory()
    height, width = size
    image = random_image(height, width, device)
    network = copy.deepcopy(network).eval().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    load_before = load()
    with on_threads(threads), torch.inference_mode():
        ceiling = measure_ceiling(device)
        whole, passes = _passes(network, image, stopwatch(device), seconds)
        layers = _layers(passes, device, with_savings)
    return LayerCosts(
        layers=layers,
        whole=median_interval(whole),
        ceiling=ceiling,
        height=height,
        width=width,
        threads=threads,
        device=device_name(device),
        passes=len(whole),
        load_before=load_before,
        load_after=load(),
    )


def _passes(
    network: nn.Module, image: Tensor, watch: Stopwatch, seconds: float
) -> tuple[list[float], list[list[tuple[Operation, float]]]]:
    """Milliseconds of whole passes, and passes operation by operation."""
    for _ in range(WARM_PASSES):
        milliseconds_of(network, image)
        timed_operations(network, image, watch)
    whole: list[float] = []
    passes: list[list[tuple[Operation, float]]] = []
    start = time.perf_counter()
    while len(whole) < FEWEST_PASSES or time.perf_counter() - start < seconds:
        whole.append(milliseconds_of(network, image))
        passes.append(timed_operations(network, image, watch))
    return whole, passes


def _layers(passes: list[list[tuple[Operation, float]]], device: torch.device, with_savings: bool) -> tuple[Layer, ...]:
    times: defaultdict[Operation, list[float]] = defaultdict(list)
    for each in passes:
        spent: Counter[Operation] = Counter()
        for operation, milliseconds in each:
            spent[operation] += milliseconds  # type: ignore[assignment]
        for operation, milliseconds in spent.items():
            times[operation].append(milliseconds)
    calls = Counter(operation for operation, _ in passes[0])
    narrowed = [each.convolution for each in times if each.convolution and with_savings]
    savings = measure_savings(narrowed, device)
    return tuple(
        Layer(
            operation=operation,
            calls=calls[operation],
            time_ms=statistics.median(milliseconds),
            saving=savings.get(operation.convolution) if operation.convolution else None,
        )
        for operation, milliseconds in times.items()
    )
