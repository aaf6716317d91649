"""What the table `engine` makes of a GPU, as far as a machine without one can see it: flags, words, order of work."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor, nn

from esr.common.errors import EsrError
from esr.recipes.engine_settings import EngineSettings
from esr.training import engine as module
from esr.training.engine import Engine, RecordedStep
from esr.training.generators import seed_generators, seed_of_step
from tests.training.small_training import CPU

GPU = torch.device("cuda", 0)


def engine(device: torch.device = GPU, ranks: int = 1, **settings: object) -> Engine:
    return Engine(EngineSettings.model_validate(settings), device, ranks)


@pytest.fixture
def flags(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Puts back what a process is set up with."""
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark, torch.are_deterministic_algorithms_enabled()
    fill = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    yield
    matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark = before[:3]
    torch.use_deterministic_algorithms(before[3])
    torch.utils.deterministic.fill_uninitialized_memory = fill  # type: ignore[attr-defined]
    os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)


@pytest.mark.usefixtures("flags")
@pytest.mark.parametrize(("precision", "rounded"), [("fp32", False), ("tf32", True), ("bf16", True)])
@pytest.mark.parametrize("deterministic", [False, True])
def test_kernels_are_chosen_by_precision_and_determinism(precision: str, rounded: bool, deterministic: bool) -> None:
    """Convolutions alone may round to tf32; determinism needs cuBLAS's own workspace (NVIDIA's cuBLAS guide, 2.1.4)."""
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = not rounded
    engine(deterministic=deterministic, cuda={"precision": precision}).set_up_process()
    assert torch.backends.cudnn.allow_tf32 == rounded
    assert torch.backends.cuda.matmul.allow_tf32 is False
    assert torch.backends.cudnn.benchmark == (not deterministic)
    assert torch.are_deterministic_algorithms_enabled() == deterministic
    assert torch.utils.deterministic.fill_uninitialized_memory is False  # type: ignore[attr-defined]
    assert os.environ.get("CUBLAS_WORKSPACE_CONFIG") == (":4096:8" if deterministic else None)


@pytest.mark.usefixtures("flags")
@pytest.mark.parametrize(("precision", "rounded"), [("fp32", False), ("tf32", True)])
def test_a_forward_pass_has_its_own_precision_and_the_teacher_its_own(precision: str, rounded: bool) -> None:
    torch.backends.cudnn.allow_tf32 = not rounded
    other = "tf32" if precision == "fp32" else "fp32"
    chosen = engine(cuda={"precision": precision, "teacher_precision": other})
    with chosen.autocast():
        assert torch.backends.cudnn.allow_tf32 == rounded
        with chosen.teacher_autocast():
            assert torch.backends.cudnn.allow_tf32 != rounded
        assert torch.backends.cudnn.allow_tf32 == rounded
    assert torch.backends.cudnn.allow_tf32 == (not rounded)


def test_bf16_is_asked_of_the_device_itself() -> None:
    with engine(CPU, cpu={"precision": "bf16"}).autocast():
        assert torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16
    with engine(CPU, cpu={"teacher_precision": "bf16"}).teacher_autocast():
        assert torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16
    with engine(CPU, cuda={"precision": "bf16"}).autocast():
        assert not torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize(
    ("device", "ranks", "settings", "told"),
    [
        (CPU, 1, {}, "CPU, fp32, teacher fp32, channels_last, fused Adam, denormals as zeros, deterministic"),
        (
            CPU,
            2,
            {"cpu": {"compile": True, "precision": "bf16"}, "cuda": {"graph": True}},
            "2 x CPU, bf16, teacher fp32, channels_last, fused Adam, compiled, denormals as zeros, deterministic",
        ),
        (
            GPU,
            1,
            {"cuda": {"graph": True, "teacher_precision": "tf32"}},
            "H0, fp32, teacher tf32, channels_last, fused Adam, CUDA graph, not deterministic",
        ),
        (
            GPU,
            4,
            {"cuda": {"graph": True, "compile": True}, "cpu": {"precision": "bf16"}, "deterministic": True},
            "4 x H0, fp32, teacher fp32, channels_last, fused Adam, compiled, deterministic",
        ),
    ],
)
def test_every_choice_is_told_in_one_line(
    device: torch.device, ranks: int, settings: dict[str, object], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: name)
    monkeypatch.setattr(module, "which", lambda name: name)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"H{device.index}")
    assert str(engine(device, ranks, **settings)) == told


@pytest.mark.parametrize(
    ("device", "there", "told"),
    [
        (CPU, {"triton", "cc"}, "needs c++; install what is missing, or set engine.cpu.compile to false"),
        (CPU, {"c++"}, None),
        (GPU, {"c++"}, "needs Triton and cc; install what is missing, or set engine.cuda.compile to false"),
        (GPU, {"triton"}, "needs cc; install what is missing, or set engine.cuda.compile to false"),
        (GPU, {"cc"}, "needs Triton; install what is missing, or set engine.cuda.compile to false"),
        (GPU, {"triton", "cc"}, None),
    ],
)
def test_compiling_asks_for_what_the_device_s_compiler_needs(
    device: torch.device, there: set[str], told: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("find_spec", "which"):
        monkeypatch.setattr(module, name, lambda tool: tool if tool in there else None)
    compiling = {"cpu": device == CPU, "cuda": device == GPU}
    on, off = ({kind: {"compile": yes == wanted} for kind, yes in compiling.items()} for wanted in (True, False))
    Engine(EngineSettings.model_validate(off), device)
    if told is None:
        Engine(EngineSettings.model_validate(on), device)
        return
    with pytest.raises(EsrError) as refused:
        Engine(EngineSettings.model_validate(on), device)
    assert str(refused.value) == f"torch.compile {told}"


def test_networks_are_compiled_where_the_row_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def compiling(network: nn.Module, dynamic: bool) -> nn.Module:
        asked.append((network, dynamic))
        return nn.Identity()

    monkeypatch.setattr(torch, "compile", compiling)
    monkeypatch.setattr(module, "which", lambda name: name)
    network = nn.Conv2d(3, 3, 1)
    assert engine(CPU).compiled(network) is network and not asked
    assert isinstance(engine(CPU, cpu={"compile": True}).compiled(network), nn.Identity)
    assert asked == [(network, False)]  # every step has the same shape


def test_networks_are_placed_in_the_layout_of_fast_convolutions() -> None:
    placed = engine(CPU).placed(nn.Conv2d(3, 8, 3).double())
    weight = placed.get_parameter("weight")
    assert weight.is_contiguous(memory_format=torch.channels_last) and weight.dtype == torch.float64


def test_a_step_is_recorded_on_one_gpu_alone() -> None:
    assert engine(cuda={"graph": True}).graph
    assert not engine(cuda={"graph": False}).graph
    assert not engine(cuda={"graph": True}, ranks=2).graph
    assert not engine(CPU, cuda={"graph": True}).graph


class Stream:
    """Stands in for a stream: notes who waits for whom."""

    def __init__(self, name: str, notes: list[str]) -> None:
        self.name, self.notes = name, notes

    def wait_stream(self, other: "Stream") -> None:
        self.notes.append(f"{self.name} waits for {other.name}")


class Cuda:
    """Stands in for torch.cuda, as far as a recorded step uses it; a replay does nothing but note itself."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.notes = notes = list[str]()
        self.modes = list[object]()

        class Graph:
            def replay(self) -> None:
                notes.append("replay")

        @contextmanager
        def stream(chosen: Stream) -> Iterator[None]:
            notes.append(f"on {chosen.name}")
            yield

        @contextmanager
        def graph(made: Graph, stream: Stream, capture_error_mode: str) -> Iterator[None]:
            assert isinstance(made, Graph)
            self.modes.append((stream.name, capture_error_mode))
            yield

        for name, stand_in in (
            ("Stream", lambda: Stream("beside", notes)),
            ("current_stream", lambda: Stream("current", notes)),
            ("stream", stream),
            ("CUDAGraph", Graph),
            ("graph", graph),
        ):
            monkeypatch.setattr(torch.cuda, name, stand_in)


def test_a_step_runs_three_times_as_it_stands_and_is_recorded_and_replayed_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A batch is copied to where the recorded one lay; the loss is what the recording left there."""
    cuda, seen = Cuda(monkeypatch), list[tuple[Tensor, Tensor]]()

    def step(lr: Tensor, hr: Tensor) -> Tensor:
        seen.append((lr, hr))
        return lr.sum() + 10 * hr.sum()

    recorded = RecordedStep(step)
    batches = [(torch.tensor([float(n)]), torch.tensor([n / 2])) for n in range(6)]
    losses = [recorded(lr, hr) for lr, hr in batches]
    assert [loss.item() for loss in losses[:4]] == [0.0, 6.0, 12.0, 18.0]
    beside = ["beside waits for current", "on beside", "current waits for beside"]
    assert cuda.notes == [*beside * 3, "replay", "replay", "replay"]
    assert cuda.modes == [("beside", "thread_local")]
    assert len(seen) == 4 and all(lr is given for (lr, _), (given, _) in zip(seen[:3], batches, strict=False))
    place = seen[3]
    assert place[0] is not batches[3][0] and place[1] is not batches[3][1]
    assert (place[0].item(), place[1].item()) == (5.0, 2.5)
    assert losses[4] is losses[5] is losses[3]


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), None),
        (
            RuntimeError("cannot sync\nmore"),
            "this step cannot be recorded (cannot sync); set engine.cuda.graph to false",
        ),
    ],
)
def test_a_step_that_cannot_be_recorded_is_told(
    failure: RuntimeError, told: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    Cuda(monkeypatch)
    steps = 0

    def step(lr: Tensor, hr: Tensor) -> Tensor:
        nonlocal steps
        steps += 1
        if steps > 3:
            raise failure
        return lr

    recorded = RecordedStep(step)
    for _ in range(3):
        recorded(torch.ones(1), torch.ones(1))
    with pytest.raises(EsrError if told else torch.OutOfMemoryError) as raised:
        recorded(torch.ones(1), torch.ones(1))
    assert str(raised.value) == (told or "CUDA out of memory")


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (MemoryError(), "memory does not hold a step on 3 HR patches of 40 px; choose a smaller batch or patch"),
        (
            RuntimeError("f has no deterministic implementation. More. And more."),
            "f has no deterministic implementation; set engine.deterministic to false",
        ),
        (RuntimeError("something else"), None),
        (ValueError("deterministic implementation"), None),
    ],
)
def test_a_step_s_failure_that_a_user_can_mend_says_how(failure: Exception, told: str | None) -> None:
    def step(lr: Tensor, hr: Tensor) -> Tensor:
        raise failure

    run = engine(CPU).recorded(step)
    with pytest.raises(EsrError if told else type(failure)) as raised:
        run(torch.ones(3, 3, 10, 10), torch.ones(3, 3, 20, 40))
    assert str(raised.value) == (told or str(failure))


def test_a_step_that_goes_well_gives_its_loss() -> None:
    assert engine(CPU).recorded(lambda lr, hr: lr - hr)(torch.tensor(3.0), torch.tensor(1.0)).item() == 2.0


@pytest.mark.parametrize(("device", "index"), [("cuda", 0), ("cuda:2", 2)])
def test_a_gpu_s_own_generator_is_seeded_as_the_cpu_s_is(
    device: str, index: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "default_generators", tuple(torch.Generator() for _ in range(3)))
    seed_generators(5, torch.device(device))
    assert [each.initial_seed() == 5 for each in torch.cuda.default_generators] == [n == index for n in range(3)]
    assert torch.initial_seed() == 5
    drawn = torch.rand(3)
    seed_generators(5, CPU)
    assert torch.equal(torch.rand(3), drawn)
    assert torch.equal(torch.rand(3, generator=torch.Generator().manual_seed(5)), drawn)


def philox(counter: list[int], key: list[int]) -> int:
    """The first word of Philox4x64-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011)."""
    word = 2**64
    for _ in range(10):
        high0, low0 = divmod(0xD2E7470EE14C6C93 * counter[0], word)
        high1, low1 = divmod(0xCA5A826395121157 * counter[2], word)
        counter = [high1 ^ counter[1] ^ key[0], low1, high0 ^ counter[3] ^ key[1], low0]
        key = [(key[0] + 0x9E3779B97F4A7C15) % word, (key[1] + 0xBB67AE8584CAA73B) % word]
    return counter[0]


@pytest.mark.parametrize(("seed", "iteration", "rank"), [(0, 0, 0), (7, 123, 0), (2**64 - 1, 10**8, 3)])
def test_the_seed_of_a_step_is_the_first_word_of_philox(seed: int, iteration: int, rank: int) -> None:
    """NumPy counts up before it draws, so the counter is one more. Batches are drawn by the second words 0 and 1."""
    assert seed_of_step(seed, iteration, rank) == philox([iteration + 1, rank, 0, 0], [seed, 2])
    assert seed_of_step(seed, iteration) == seed_of_step(seed, iteration, 0)


def test_a_gpu_s_bf16_is_no_fp16(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which a GPU's autocast takes where nothing is said."""
    asked = list[tuple[str, torch.dtype]]()
    monkeypatch.setattr(torch, "autocast", lambda kind, dtype=torch.float16: asked.append((kind, dtype)))
    engine(cuda={"precision": "bf16"}).autocast()
    assert asked == [("cuda", torch.bfloat16)]
