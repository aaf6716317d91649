"""Execution modes side by side, against a clock that they turn themselves."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from esr.timing import modes
from esr.timing.modes import MODES, Mode, ModeSession, Runner, compare_modes
from tests.timing.turning_clock import RULE, Clock

CPU = torch.device("cpu")


class Doubling(nn.Module):
    """Multiplies by a weight of 2."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1, groups=3, bias=False)
        nn.init.constant_(self.conv.weight, 2.0)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return y


def here(_: torch.device) -> str:
    return ""


def taking(clock: Clock, milliseconds: float, beside: float = 0.0) -> Callable[[nn.Module, Tensor], Runner]:
    """Prepares passes that take so long, and whose output lies beside the network's by so much."""

    def prepare(network: nn.Module, image: Tensor) -> Runner:
        def run() -> Tensor:
            clock.spend(milliseconds)
            output: Tensor = network(image) + beside
            return output

        return run

    return prepare


def compared(monkeypatch: pytest.MonkeyPatch, *given: Mode, data_range: float = 255.0) -> ModeSession:
    monkeypatch.setattr(modes, "MODES", given)
    return compare_modes(Doubling(), data_range, (16, 24), CPU, RULE)


def test_each_mode_has_its_ratio_to_the_first(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    found = compared(
        monkeypatch,
        Mode("plain", taking(clock, 20), here),
        Mode("quick", taking(clock, 5), here),
        Mode("slow", taking(clock, 30), here),
    )
    session = found.session
    assert session.names == ("quick", "slow", "plain", "baseline again")
    assert [session.ratio(name).value for name in ("quick", "slow")] == pytest.approx([0.25, 1.5])
    assert (session.verdict("quick"), session.verdict("slow"), session.control.value) == ("faster", "slower", 1)


def test_a_mode_that_computes_something_else_shows_by_how_much(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    found = compared(
        monkeypatch,
        Mode("plain", taking(clock, 20), here),
        Mode("same", taking(clock, 20), here),
        Mode("other", taking(clock, 20, beside=-3.0), here),
    )
    assert found.differences == {"same": 0, "other": pytest.approx(3, abs=1e-3)}


def test_a_difference_is_in_levels_of_255_whatever_the_network_s_range(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, other = Mode("plain", taking(clock, 20), here), Mode("other", taking(clock, 20, beside=0.1), here)
    found = compared(monkeypatch, plain, other, data_range=1.0)
    assert found.differences["other"] == pytest.approx(25.5, abs=1e-3)


def test_a_mode_that_cannot_run_is_told_with_the_reason_in_one_line(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(network: nn.Module, image: Tensor) -> Runner:
        raise RuntimeError("no compiler\nwas found")

    def fails_when_it_runs(network: nn.Module, image: Tensor) -> Runner:
        return lambda: network(image[:, :2])

    found = compared(
        monkeypatch,
        Mode("plain", taking(clock, 20), here),
        Mode("elsewhere", taking(clock, 5), lambda device: f"needs more than a {device.type}"),
        Mode("broken", fails, here),
        Mode("breaking", fails_when_it_runs, here),
    )
    assert found.session.names == ("plain", "baseline again")
    assert found.missing["elsewhere"] == "needs more than a cpu"
    assert found.missing["broken"] == "RuntimeError: no compiler was found"
    assert found.missing["breaking"].startswith("RuntimeError: ")
    assert not any("\n" in reason for reason in found.missing.values())


def run(name: str, seen: Callable[[nn.Module, Tensor], None]) -> Tensor:
    """The output of the mode of this name on a CPU, whose network tells what it is given."""

    class Telling(Doubling):
        def forward(self, x: Tensor) -> Tensor:
            seen(self, x)
            return super().forward(x)

    (mode,) = (mode for mode in MODES if mode.name == name)
    image = torch.rand(1, 3, 8, 12) * 255
    runner = mode.prepare(Telling().eval(), image)
    with torch.inference_mode():
        return runner()


@pytest.mark.parametrize(
    ("name", "dtype", "channels_last"),
    [
        ("eager contiguous", torch.float32, False),
        ("eager channels_last", torch.float32, True),
        ("bf16", torch.bfloat16, True),
        ("fp16", torch.float16, True),
    ],
)
def test_a_mode_has_its_layout_and_its_precision(name: str, dtype: torch.dtype, channels_last: bool) -> None:
    seen: list[tuple[torch.dtype, torch.dtype, bool]] = []

    def look(network: nn.Module, x: Tensor) -> None:
        (weight,) = network.parameters()
        seen.append((x.dtype, weight.dtype, x.is_contiguous(memory_format=torch.channels_last)))

    assert run(name, look).dtype == dtype
    assert seen == [(dtype, dtype, channels_last)]


@pytest.mark.parametrize(("name", "layout"), [("compiled contiguous", False), ("compiled channels_last", True)])
def test_a_compiled_mode_runs_what_the_compiler_made(name: str, layout: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiler stands aside here: a backend that notes what it is given and gives it back."""
    graphs: list[bool] = []

    def backend(graph: torch.fx.GraphModule, inputs: list[Any]) -> Callable[..., Any]:
        images = [each for each in inputs if isinstance(each, Tensor) and each.ndim == 4 and each.shape[2] == 8]
        graphs.append(images[0].is_contiguous(memory_format=torch.channels_last))
        return graph.forward

    really_compile = torch.compile
    monkeypatch.setattr(torch, "compile", lambda model, **given: really_compile(model, backend=backend, **given))
    (mode,) = (mode for mode in MODES if mode.name == name)
    network, image = Doubling().eval(), torch.rand(1, 3, 8, 12)
    torch.compiler.reset()
    runner = mode.prepare(network, image)
    with torch.inference_mode():
        assert torch.equal(runner(), 2 * image)
        runner()
    assert graphs == [layout]


class Stream:
    """Stands for a CUDA stream."""

    def wait_stream(self, _: "Stream") -> None:
        pass


class Graph:
    """Stands for a CUDA graph: it records what runs inside ``recording`` and, replayed, runs it again."""

    def __init__(self) -> None:
        self.replayed = 0

    def replay(self) -> None:
        self.replayed += 1


class Recording:
    """A context that does nothing, and keeps what it was given."""

    last: Any = None

    def __init__(self, given: Any) -> None:
        Recording.last = given

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


def test_a_cuda_graph_is_recorded_once_after_a_warm_up_and_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    passes: list[int] = []
    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "current_stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", Recording)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", Recording)
    (mode,) = (mode for mode in MODES if mode.name == "CUDA graph")
    network, image = Doubling().eval(), torch.rand(1, 3, 8, 12)
    network.register_forward_hook(lambda *_: passes.append(1))
    runner = mode.prepare(network, image)
    recorded = len(passes)
    with torch.inference_mode():
        outputs = [runner(), runner()]
    assert recorded == 3 + 1 and len(passes) == recorded
    assert Recording.last.replayed == 2
    assert all(torch.equal(output, 2 * image) for output in outputs)


@pytest.mark.parametrize(
    ("flags", "reason"),
    [({"avx512f", "avx512_bf16"}, ""), ({"avx2"}, "this processor does not compute in bf16"), ({"bf16"}, "")],
)
def test_bf16_is_for_processors_that_have_it(flags: set[str], reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modes, "processor_flags", lambda: flags)
    assert {mode.lacks(CPU) for mode in MODES if mode.name.startswith("bf16")} == {reason}


def test_graphs_and_fp16_are_a_gpu_s_and_onnxruntime_is_a_cpu_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    gpu = torch.device("cuda")
    assert {mode.name for mode in MODES if mode.lacks(gpu)} == {"onnxruntime"}
    assert {mode.name for mode in MODES if mode.lacks(CPU) == "needs a GPU"} == {
        *("fp16", "fp16 compiled", "CUDA graph", "CUDA graph fp16")
    }


def test_onnxruntime_that_is_not_installed_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name.startswith("onnx") else name)
    (mode,) = (mode for mode in MODES if mode.name == "onnxruntime")
    assert mode.lacks(CPU) == "onnx, onnxscript, onnxruntime not installed: pip install 'esr[onnx]'"


def test_onnxruntime_computes_what_the_network_does() -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    (mode,) = (mode for mode in MODES if mode.name == "onnxruntime")
    image = torch.rand(1, 3, 8, 12)
    assert torch.allclose(mode.prepare(Doubling().eval(), image)(), 2 * image)
