"""How a training computes on its device: precision, kernels, and on a GPU the whole step as one CUDA graph."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.util import find_spec
from shutil import which

import torch
from torch import Tensor, nn

from esr.common.errors import EsrError, is_out_of_memory, on_one_line
from esr.common.freed_memory import keep_freed_memory
from esr.recipes.engine_settings import EngineSettings, OnCuda, Precision

Step = Callable[[Tensor, Tensor], Tensor]

WARM_UP = 3  # steps that run as they stand before one is recorded: kernels are chosen and compiled in them


class Engine:
    """The table `engine` of params.yaml on one device. It computes so after ``set_up_process``."""

    def __init__(self, settings: EngineSettings, device: torch.device, ranks: int = 1) -> None:
        self.device = device
        self.ranks = ranks
        self.deterministic = settings.deterministic
        self.own = settings.cuda if device.type == "cuda" else settings.cpu
        # Several GPUs are for heavy networks, whose steps are not made of launches; their exchange is not recorded.
        self.graph = isinstance(self.own, OnCuda) and self.own.graph and ranks == 1
        if self.own.compile:
            _refuse_without_compilers(device)

    def set_up_process(self) -> None:
        """For the whole process: choose the kernels and, on a CPU, keep freed memory and make denormal numbers 0.

        It comes before anything is computed: threads start with the settings of the one that starts them.
        """
        if self.device.type == "cuda":
            self._set_kernels()
        else:
            # Saturated attention makes numbers below 1e-38, with which a processor computes many times as slowly.
            torch.set_flush_denormal(True)
            keep_freed_memory()  # else half the time of a step on large patches goes into fetching it anew

    def __str__(self) -> str:
        """Every choice, for the log."""
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "CPU"
        devices = f"{self.ranks} x {name}" if self.ranks > 1 else name
        chosen = [devices, self.own.precision, f"teacher {self.own.teacher_precision}", "channels_last", "fused Adam"]
        chosen += ["compiled"] * self.own.compile + ["CUDA graph"] * self.graph
        chosen += ["denormals as zeros"] * (self.device.type == "cpu")
        exact = self.deterministic or self.device.type == "cpu"
        return ", ".join([*chosen, "deterministic" if exact else "not deterministic"])

    def placed(self, network: nn.Module) -> nn.Module:
        """The network on the device, in channels_last: the layout whose convolutions are the fastest everywhere."""
        placed: nn.Module = network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return placed

    def compiled(self, network: nn.Module) -> Callable[[Tensor], Tensor]:
        """What to call for a forward pass: the network or its compiled form, on the same weights."""
        return torch.compile(network, dynamic=False) if self.own.compile else network

    def autocast(self) -> AbstractContextManager[None]:
        """The precision of the network's forward pass."""
        return self._at(self.own.precision)

    def teacher_autocast(self) -> AbstractContextManager[None]:
        """The precision of the teacher's forward pass."""
        return self._at(self.own.teacher_precision)

    def recorded(self, step: Step) -> Step:
        """What to call for a step: the step as it stands, or its CUDA graph."""
        return _explained(RecordedStep(step) if self.graph else step)

    def _set_kernels(self) -> None:
        # Products of composed kernels must not be rounded, so tf32 is for convolutions alone, not for matrices.
        torch.backends.cudnn.allow_tf32 = self.own.precision != "fp32"
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.benchmark = not self.deterministic
        torch.use_deterministic_algorithms(self.deterministic)
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # it is never read
        if self.deterministic:
            os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # cuBLAS is deterministic with a workspace of its own

    def _at(self, precision: Precision) -> AbstractContextManager[None]:
        if precision == "bf16":
            return torch.autocast(self.device.type, torch.bfloat16)
        return nullcontext() if self.device.type == "cpu" else _convolutions_in_tf32(precision == "tf32")


class RecordedStep:
    """A training step as one CUDA graph.

    The networks here are so small that launching their thousand kernels takes longer than running them. A graph
    launches all of them at once. It is the same kernels on the same memory in the same order: batches are copied to
    where the first ones lay, and numbers that change from step to step are read from tensors.
    """

    def __init__(self, step: Step) -> None:
        self._step = step
        self._left = WARM_UP
        self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, lr: Tensor, hr: Tensor) -> Tensor:
        """Run the step on a batch; gives the loss, which stands until the next call."""
        if self._left:
            self._left -= 1
            return self._beside(lr, hr)
        if self._graph is None:
            self._lr, self._hr = lr.clone(), hr.clone()
            self._graph, self._loss = self._record()
        self._lr.copy_(lr)
        self._hr.copy_(hr)
        self._graph.replay()
        return self._loss

    def _beside(self, lr: Tensor, hr: Tensor) -> Tensor:
        """Run the step as it stands on another stream, as recording will: what it allocates stays apart."""
        current = torch.cuda.current_stream()
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            loss = self._step(lr, hr)
        current.wait_stream(self._stream)
        return loss

    def _record(self) -> tuple[torch.cuda.CUDAGraph, Tensor]:
        graph = torch.cuda.CUDAGraph()
        try:
            # thread_local: the threads that crop ahead may use the device meanwhile.
            with torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"):
                loss = self._step(self._lr, self._hr)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            why = str(error).splitlines()[0]
            raise EsrError(f"this step cannot be recorded ({why}); set engine.cuda.graph to false") from error
        return graph, loss


def _explained(step: Step) -> Step:
    """The step; where it fails for a reason that a user can mend, one line says which."""

    def run(lr: Tensor, hr: Tensor) -> Tensor:
        try:
            return step(lr, hr)
        except (RuntimeError, MemoryError) as error:
            why = on_one_line(error)
            if is_out_of_memory(error):
                shape = f"a step on {len(hr)} HR patches of {hr.shape[-1]} px"
                raise EsrError(f"memory does not hold {shape}; choose a smaller batch or patch") from error
            if "deterministic implementation" in why:
                raise EsrError(f"{str(error).split('.')[0]}; set engine.deterministic to false") from error
            raise

    return run


def _refuse_without_compilers(device: torch.device) -> None:
    wanted = {"Triton": find_spec("triton"), "cc": which("cc")} if device.type == "cuda" else {"c++": which("c++")}
    lacking = [name for name, found in wanted.items() if not found]
    if lacking:
        key = f"engine.{device.type}.compile"
        raise EsrError(f"torch.compile needs {' and '.join(lacking)}; install what is missing, or set {key} to false")


@contextmanager
def _convolutions_in_tf32(allowed: bool) -> Iterator[None]:
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before
