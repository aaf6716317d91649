"""The ways in which one network can be run, side by side: layouts, compilers, precisions, runtimes."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from esr.common.errors import on_one_line
from esr.common.freed_memory import keep_freed_memory
from esr.recipes.scale import Measuring
from esr.timing.clock import flush_l2, milliseconds_by, nothing, on_every_core, random_image
from esr.timing.conditions import processor_flags
from esr.timing.onnx_mode import why_no_onnxruntime, with_onnxruntime
from esr.timing.session import CONTROL, Session, hold_session

Runner = Callable[[], Tensor]
"""Runs a network once on an image that it was prepared with, and gives what comes out; called in inference mode."""

BF16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}
"""As /proc/cpuinfo names processors that compute in bf16: of Intel's and AMD's, and ARM's."""
LONGEST_REASON = 160
CAPTURE_WARM_UP = 3


@dataclass(frozen=True)
class Mode:
    """A way to run a network.

    Attributes:
        name: as tables have it.
        prepare: makes the runner of a network, which it may change, and an image in the network's range.
        lacks: why a device cannot run it; empty where nothing is known to be in the way.
    """

    name: str
    prepare: Callable[[nn.Module, Tensor], Runner]
    lacks: Callable[[torch.device], str]


@dataclass(frozen=True)
class ModeSession:
    """A network's modes in one session.

    Attributes:
        session: the modes by their names; what they are held against, and its copy, are the first of ``MODES``.
        differences: by other mode, the largest difference of its output to the first's, in levels of 255.
        missing: by mode that did not run here, why.
    """

    session: Session
    differences: dict[str, float]
    missing: dict[str, str]


def compare_modes(
    network: nn.Module,
    data_range: float,
    size: tuple[int, int],
    device: torch.device,
    rule: Measuring,
    flush: bool = False,
) -> ModeSession:
    """Time ``network`` in every mode that ``device`` has, in turn, on a random image of ``size`` (LR height and width).

    ``data_range`` is the network's. The network given is left as it is. On a GPU, ``flush`` empties the L2 cache before
    every pass. On a CPU the process keeps the memory that it frees.
    """
    keep_freed_memory()
    image = random_image(*size, device).contiguous() * data_range
    torch.compiler.reset()  # else a network of a class that was compiled often would run uncompiled
    plain, *others = MODES
    runners: dict[str, Runner] = {}
    differences: dict[str, float] = {}
    missing: dict[str, str] = {}
    with on_every_core():
        baseline, control = (_prepared(plain, network, image) for _ in range(2))
        right = _output(baseline)
        for mode in others:
            if reason := mode.lacks(device):
                missing[mode.name] = reason
                continue
            try:
                runner = _prepared(mode, network, image)
                differences[mode.name] = float((_output(runner) - right).abs().max()) * 255 / data_range
                runners[mode.name] = runner
            except Exception as error:  # whatever a compiler, an exporter or a driver raises
                missing[mode.name] = on_one_line(error)[:LONGEST_REASON]
    before = flush_l2(device) if flush else nothing
    runners |= {plain.name: baseline, CONTROL: control}
    passes = {name: _timed(runner, device, before) for name, runner in runners.items()}
    return ModeSession(hold_session(passes, size, device, rule, flush), differences, missing)


def _prepared(mode: Mode, network: nn.Module, image: Tensor) -> Runner:
    return mode.prepare(copy.deepcopy(network).eval().to(image.device), image)


def _output(runner: Runner) -> Tensor:
    """What comes out, in fp32, in memory of its own: a graph writes to the same place again."""
    with torch.inference_mode():
        return runner().float().clone()


def _timed(runner: Runner, device: torch.device, before: Callable[[], object]) -> Callable[[], float]:
    return lambda: milliseconds_by(device, runner, before)


def _contiguous(network: nn.Module, image: Tensor) -> Runner:
    return lambda: network(image)


def _channels_last(network: nn.Module, image: Tensor) -> Runner:
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return _contiguous(network, image.contiguous(memory_format=torch.channels_last))


def _compiled(prepare: Callable[[nn.Module, Tensor], Runner]) -> Callable[[nn.Module, Tensor], Runner]:
    def prepare_compiled(network: nn.Module, image: Tensor) -> Runner:
        network.compile(dynamic=False)
        return prepare(network, image)

    return prepare_compiled


def _in(precision: torch.dtype) -> Callable[[nn.Module, Tensor], Runner]:
    """In channels_last; the image is rounded, too, as it would come from a program that works in this precision."""
    return lambda network, image: _channels_last(network.to(precision), image.to(precision))


def _cuda_graph(prepare: Callable[[nn.Module, Tensor], Runner]) -> Callable[[nn.Module, Tensor], Runner]:
    """The pass recorded once and replayed by one call: no launch waits for Python."""

    def prepare_graph(network: nn.Module, image: Tensor) -> Runner:
        run = prepare(network, image)
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream())
        with torch.inference_mode(), torch.cuda.stream(aside):  # libraries choose their kernels before the recording
            for _ in range(CAPTURE_WARM_UP):
                run()
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.inference_mode(), torch.cuda.graph(graph):
            output = run()

        def replay() -> Tensor:
            graph.replay()
            return output

        return replay

    return prepare_graph


def _nothing(_: torch.device) -> str:
    return ""


def _no_gpu(device: torch.device) -> str:
    return "" if device.type == "cuda" else "needs a GPU"


def _no_bf16(device: torch.device) -> str:
    if device.type == "cuda":
        return "" if torch.cuda.is_bf16_supported() else "this GPU does not compute in bf16"
    return "" if BF16_FLAGS & processor_flags() else "this processor does not compute in bf16"


MODES = (
    Mode("eager contiguous", _contiguous, _nothing),
    Mode("eager channels_last", _channels_last, _nothing),
    Mode("compiled contiguous", _compiled(_contiguous), _nothing),
    Mode("compiled channels_last", _compiled(_channels_last), _nothing),
    Mode("bf16", _in(torch.bfloat16), _no_bf16),
    Mode("bf16 compiled", _compiled(_in(torch.bfloat16)), _no_bf16),
    Mode("fp16", _in(torch.float16), _no_gpu),
    Mode("fp16 compiled", _compiled(_in(torch.float16)), _no_gpu),
    Mode("CUDA graph", _cuda_graph(_channels_last), _no_gpu),
    Mode("CUDA graph fp16", _cuda_graph(_in(torch.float16)), _no_gpu),
    Mode("onnxruntime", with_onnxruntime, why_no_onnxruntime),
)
"""All modes; the others are held against the first. fp32 where nothing else is said, half precision channels_last."""
