"""``esr layers``: a network whose operations, bytes and times are known by hand."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typer.testing import CliRunner

from esr.cli import app
from esr.common.errors import EsrError
from esr.evaluation import layers, layers_text
from esr.evaluation.convolution_shape import ConvolutionShape
from esr.evaluation.layers import LayerCosts, measure_layers
from esr.evaluation.layers_text import print_layers
from esr.evaluation.narrowing import Saving, measure_savings
from esr.evaluation.operation_clock import Operation, timed_operations
from esr.timing.ceiling import Ceiling
from esr.timing.clock import Pass
from esr.timing.stopwatch import CpuStopwatch, CudaStopwatch
from tests.evaluation.made_networks import nearest_weights

CPU = torch.device("cpu")


class Small(nn.Module):
    """On 3x8x10: a 3x3 to 4 channels, its activation in place twice, a sum, a 1x1 of stride 2 by its function."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, 4, 3, padding=1)
        self.act = nn.LeakyReLU(0.05, inplace=True)
        self.weight = nn.Parameter(torch.rand(8, 4, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.act(self.head(x)))
        return F.conv2d((y + y).view(y.shape), self.weight, stride=2)


IMAGE = torch.rand(1, 3, 8, 10)
HEAD = ConvolutionShape(3, 4, 8, 10, (3, 3), (1, 1), (1, 1), (1, 1), 1, bias=True)
LAST = ConvolutionShape(4, 8, 8, 10, (1, 1), (2, 2), (0, 0), (1, 1), 1, bias=False)


class Dictated:
    """A stopwatch that gives the same times, whatever it runs."""

    def __init__(self, *times: float) -> None:
        self.times = list(times)

    def begin(self) -> None:
        pass

    def run(self, work: Callable[[], Any]) -> Any:
        return work()

    def milliseconds(self) -> list[float]:
        return self.times


def operations(network: nn.Module, image: Tensor) -> list[Operation]:
    with torch.inference_mode():
        return [operation for operation, _ in timed_operations(network, image, CpuStopwatch())]


def test_every_operation_is_told_with_its_module_its_work_and_its_bytes() -> None:
    """Features of 4x8x10 in fp32 are 1280 bytes; weights of the 3x3 are 108 and 4, of the 1x1 32 numbers."""
    features = 4 * 80 * 4
    assert operations(Small().eval(), IMAGE) == [
        Operation("head", "conv2d", (3, 8, 10), 3 * 4 * 9 * 80, 3 * 80 * 4 + 112 * 4 + features, HEAD),
        Operation("act", "leaky_relu", (4, 8, 10), 0, 2 * features, None),
        Operation("act", "leaky_relu", (4, 8, 10), 0, 2 * features, None),
        Operation("", "add", (4, 8, 10), 0, 3 * features, None),
        Operation("", "view", (4, 8, 10), 0, 0, None),
        Operation("", "conv2d", (4, 8, 10), 4 * 8 * 20, features + 32 * 4 + 8 * 20 * 4, LAST),
    ]


def test_a_network_that_fails_keeps_no_hook() -> None:
    network = Small().eval()
    with pytest.raises(RuntimeError):
        operations(network, torch.rand(1, 5, 8, 10))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


def test_a_convolution_is_described_by_kernel_channels_stride_and_groups() -> None:
    assert (HEAD.described, LAST.described) == ("conv 3x3 3→4", "conv 1x1 4→8 /2")
    assert ConvolutionShape(8, 8, 4, 4, (5, 3), groups=8).described == "conv 5x3 8→8, 8 groups"


def test_a_narrower_convolution_has_fewer_channels_on_one_side() -> None:
    wide = ConvolutionShape(48, 16, 8, 8, (3, 3))
    assert wide.with_fewer_out(3 / 4) == ConvolutionShape(48, 12, 8, 8, (3, 3))
    assert wide.with_fewer_in(3 / 4) == ConvolutionShape(36, 16, 8, 8, (3, 3))
    assert ConvolutionShape(1, 1, 8, 8, (3, 3)).with_fewer_in(1 / 4) == ConvolutionShape(1, 1, 8, 8, (3, 3))


def test_a_depthwise_one_is_narrower_on_both_sides_and_other_groups_stay() -> None:
    depthwise = ConvolutionShape(16, 16, 8, 8, (3, 3), groups=16)
    assert depthwise.with_fewer_out(3 / 4) == depthwise.with_fewer_in(3 / 4)
    assert depthwise.with_fewer_in(3 / 4) == ConvolutionShape(12, 12, 8, 8, (3, 3), groups=12)
    grouped = ConvolutionShape(16, 32, 8, 8, (3, 3), groups=4)
    assert grouped.with_fewer_in(3 / 4) is grouped.with_fewer_out(3 / 4) is None


@pytest.mark.parametrize("groups", [1, 4, 8])
def test_a_shape_can_be_run_and_reads_what_it_says(groups: int) -> None:
    shape = ConvolutionShape(8, 8, 6, 9, (3, 3), (2, 2), (1, 1), (1, 1), groups, bias=True)
    seen: list[ConvolutionShape] = []

    class Noting(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            shape.timed(CPU)()
            return x

    with torch.inference_mode():
        seen = [each.convolution for each in operations(Noting(), IMAGE) if each.convolution]
    assert seen == [shape]


def test_a_saving_is_measured_by_the_least_times_once_per_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    """A convolution that takes 1 us for each pair of channels, and is disturbed in every other pass."""
    made: list[ConvolutionShape] = []

    def timed(self: ConvolutionShape, _: torch.device) -> Pass:
        made.append(self)
        passes = iter(range(10**6))
        return lambda: self.channels_in * self.channels_out / 1e3 + (next(passes) % 2) * 50

    monkeypatch.setattr(ConvolutionShape, "timed", timed)
    wide, grouped = ConvolutionShape(8, 16, 4, 4, (3, 3)), ConvolutionShape(8, 16, 4, 4, (3, 3), groups=4)
    found = measure_savings([wide, wide, grouped], CPU)
    assert found[wide].fewer_out == pytest.approx(0.25)
    assert found[wide].fewer_in == pytest.approx(0.25)
    assert found[grouped] == Saving(None, None)
    assert len(made) == 3


def test_the_ceiling_is_the_longer_of_operations_and_bytes() -> None:
    ceiling = Ceiling(macs_per_second=1e9, bytes_per_second=1e10)
    assert ceiling.milliseconds(5_000_000, 10_000_000) == pytest.approx(5)
    assert ceiling.milliseconds(500_000, 10_000_000) == pytest.approx(1)
    assert [ceiling.is_memory_bound(macs, 10_000_000) for macs in (5_000_000, 500_000)] == [False, True]


@pytest.fixture
def costs(monkeypatch: pytest.MonkeyPatch) -> LayerCosts:
    """Of ``Small``: 4, 1, 1, 2, 0 and 3 ms, of a pass of 12.5 ms; fewer channels save a quarter and an eighth."""
    monkeypatch.setattr(layers, "measure_ceiling", lambda _: Ceiling(1e7, 1e7))
    monkeypatch.setattr(layers, "stopwatch", lambda _: Dictated(4, 1, 1, 2, 0, 3))
    monkeypatch.setattr(layers, "milliseconds_of", lambda *_: 12.5)
    monkeypatch.setattr(layers, "measure_savings", lambda shapes, _: dict.fromkeys(shapes, Saving(1 / 4, 1 / 8)))
    return measure_layers(Small(), (8, 10), CPU, 1, 0.0)


def test_layers_and_what_lies_between_them_sum_to_the_pass(costs: LayerCosts) -> None:
    assert [(each.operation.module, each.kind, each.calls, each.time_ms) for each in costs.layers] == [
        ("head", "conv 3x3 3→4", 1, 4),
        ("act", "leaky_relu", 2, 2),
        ("", "add", 1, 2),
        ("", "view", 1, 0),
        ("", "conv 1x1 4→8 /2", 1, 3),
    ]
    assert (costs.whole_ms, costs.rest_ms) == (12.5, 1.5)
    assert costs.doubt == ""


def test_a_layer_is_held_against_the_ceiling(costs: LayerCosts) -> None:
    """At 10 M a second: 8,640 operations are 0.864 ms; two calls that move 2,560 bytes each are 0.512 ms."""
    head, act, _, view, _ = costs.layers
    assert costs.of_ceiling(head) == pytest.approx(0.864 / 4)
    assert costs.of_ceiling(act) == pytest.approx(0.512 / 2)
    assert costs.of_ceiling(view) is None


def test_fewer_channels_save_their_part_of_the_time_in_the_network(costs: LayerCosts) -> None:
    head, act, *_ = costs.layers
    assert (head.fewer_out_ms, head.fewer_in_ms) == (1, 0.5)
    assert act.fewer_out_ms is act.fewer_in_ms is None


def test_a_noisy_machine_is_named(costs: LayerCosts, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([10.0, 20.0, 12.0] * 100)
    monkeypatch.setattr(layers, "milliseconds_of", lambda *_: next(times))
    assert measure_layers(Small(), (8, 10), CPU, 1, 0.0).doubt.startswith(
        "the machine was too noisy: a whole pass took 10"
    )


def test_the_table_has_a_line_per_layer_and_gathers_the_small_ones(
    costs: LayerCosts, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    print_layers("small", costs)
    said = capsys.readouterr().out
    by_name = {line.split("  ")[0].strip(): line.split()[1:] for line in said.split("by kind")[0].splitlines() if line}
    assert by_name["head"] == ["conv", "3x3", "3→4", "4.00", "32.0%", "0.0", "0.0", "22%", "1.00", "0.50", "▇" * 10]
    assert by_name["act"][:4] == ["leaky_relu", "x2", "2.00", "16.0%"]
    assert "0.00" in by_name["1 more, each below 0.5%"]
    assert by_name["between the layers"][-2:] == ["1.50", "12.0%"]
    assert by_name["a whole pass"][2:4] == ["12.50", "100.0%"]
    assert by_name["a whole pass"][-1] == "16%"  # 0.864, 0.512, 0.384 and 0.2048 ms at the ceiling are 1.965
    assert "0 G multiply-accumulates and 0.0 GB a second" in said
    assert "Do not believe" not in said


def test_a_narrow_terminal_keeps_the_times_and_the_savings(costs: LayerCosts) -> None:
    table = layers_text._by_layer("small", costs, wide=False)
    assert [column.header for column in table.columns] == [
        *("layer", "kind", "ms", "share", "ceiling", "3/4 out", "3/4 in"),
    ]
    assert list(table.columns[-1].cells)[:2] == ["0.50", ""]


def test_the_given_network_is_left_as_it_is() -> None:
    network = Small()
    strides = network.head.weight.stride()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(layers, "measure_ceiling", lambda _: Ceiling(1e9, 1e9))
        patched.setattr(layers, "measure_savings", lambda shapes, _: dict.fromkeys(shapes, Saving(None, None)))
        threads = torch.get_num_threads()
        measured = measure_layers(network, (8, 10), CPU, 2, 0.0)
    assert network.training and network.head.weight.stride() == strides
    assert (measured.threads, torch.get_num_threads()) == (2, threads)
    assert all(layer.time_ms > 0 for layer in measured.layers)


class Event:
    """Stands for a CUDA event: the GPU's clock is at as many ms as pieces of work were launched."""

    launched = 0

    def __init__(self, enable_timing: bool) -> None:
        assert enable_timing

    def record(self) -> None:
        self.at = Event.launched

    def elapsed_time(self, end: "Event") -> float:
        return end.at - self.at


def test_on_a_gpu_the_host_runs_ahead_of_the_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second pass finds the GPU busy for half as long again as the first took to launch, at 2 GHz."""
    slept: list[int] = []
    seconds = iter([100.0, 100.5, 200.0, 200.25])
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    monkeypatch.setattr(torch.cuda, "_sleep", slept.append)
    monkeypatch.setattr(time, "perf_counter", lambda: next(seconds))
    watch = CudaStopwatch()

    def work(pieces: int) -> int:
        Event.launched += pieces
        return pieces

    for _ in range(2):
        watch.begin()
        assert [watch.run(lambda number=number: work(number)) for number in (3, 1)] == [3, 1]  # type: ignore[misc]
        assert watch.milliseconds() == [3, 1]
    assert slept == [0, 1_500_000_000]


class TestCommand:
    """The command itself."""

    @pytest.fixture(autouse=True)
    def quick(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(layers, "measure_ceiling", lambda _: Ceiling(1e9, 1e10))

    def answer(self, *arguments: str) -> str:
        result = CliRunner().invoke(
            app, ["layers", *arguments, "--device", "cpu", "--threads", "1"], catch_exceptions=False
        )
        assert result.exit_code == 0
        return result.stdout

    def test_json_holds_every_layer(self, tmp_path: Path) -> None:
        said = json.loads(self.answer(str(nearest_weights(tmp_path)), "--size", "8x12", "--seconds", "0.1", "--json"))
        assert (said["height"], said["width"]) == (8, 12)
        total = sum(layer["time_ms"] for layer in said["layers"]) + said["rest_ms"]
        assert total == pytest.approx(said["whole_ms"]["value"])
        assert sum(layer["share"] for layer in said["layers"]) <= 1.5

    def test_the_plot_names_the_layers(self) -> None:
        arguments = ("esr/networks/slimrlfn.py", "--size", "16x16", "--seconds", "0.1", "--plot", "layers.svg")
        assert "blocks.0.conv1" in self.answer(*arguments)
        drawn = Path("layers.svg").read_text()
        assert "blocks.5.conv1  conv 3x3 30→30" in drawn and "time at the device" in drawn

    @pytest.mark.parametrize(("plot", "complaint"), [("a.png", "ends in .svg"), ("there.svg", "is there already")])
    def test_a_plot_that_cannot_be_written_is_refused_at_once(self, plot: str, complaint: str) -> None:
        Path("there.svg").write_text("kept")
        with pytest.raises(EsrError, match=complaint):
            self.answer("esr/networks/slimrlfn.py", "--plot", plot)
        assert Path("there.svg").read_text() == "kept"

    def test_weights_that_are_missing_are_named(self) -> None:
        with pytest.raises(EsrError, match=r"none\.safetensors is missing"):
            self.answer("none.safetensors")
