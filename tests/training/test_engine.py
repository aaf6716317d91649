"""The table `engine`: what it changes, what it refuses, and that a log says it."""

import os
import platform
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from esr.common.errors import EsrError
from esr.recipes.engine_settings import EngineSettings
from esr.training.checkpoints import Checkpoints
from esr.training.engine import Engine
from esr.training.loop import train
from esr.training.losses import l1
from esr.training.objective import Objective, Teacher
from esr.training.plan import Plan
from tests.training.small_training import CPU, PLAN, Quiet, content, network, objective, random_batches


def trained(plan: Plan, folder: Path) -> bytes:
    return content(train(network(), plan, Checkpoints(folder), Quiet())[0])


def engine(**settings: object) -> Engine:
    return Engine(EngineSettings.model_validate(settings), CPU)


def test_on_a_cpu_only_the_cpus_settings_matter(tmp_path: Path) -> None:
    gpus = {"precision": "bf16", "teacher_precision": "bf16", "compile": True, "graph": True}
    plain, other = engine(), engine(deterministic=True, cuda=gpus)
    assert trained(replace(PLAN, engine=plain), tmp_path / "a") == trained(replace(PLAN, engine=other), tmp_path / "b")


def test_every_choice_is_told() -> None:
    told = str(engine(cpu={"precision": "bf16"}))
    for choice in ("CPU", "bf16", "teacher fp32", "channels_last", "fused Adam", "denormals as zeros", "deterministic"):
        assert choice in told
    assert "compiled" not in told and "compiled" in str(engine(cpu={"compile": True}))


def test_making_an_engine_leaves_the_process_as_it_is() -> None:
    program = """
import torch
from esr.recipes.engine_settings import EngineSettings
from esr.training.engine import Engine
Engine(EngineSettings(), torch.device("cpu"))
print(int((torch.full((10,), 2e-38) * 0.1).count_nonzero()))
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["10"]


@pytest.mark.slow
def test_a_cpu_takes_denormals_for_zeros() -> None:
    """In every thread: half of a large tensor is the work of the second."""
    program = """
import torch
from esr.recipes.engine_settings import EngineSettings
from esr.training.engine import Engine
Engine(EngineSettings(), torch.device("cpu")).set_up_process()
print(torch.get_num_threads(), int((torch.full((1_000_000,), 2e-38) * 0.1).count_nonzero()))
"""
    two = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "2")  # a stage in this process may have said one
    told = subprocess.run([sys.executable, "-c", program], env={**os.environ, **two}, capture_output=True, text=True)
    assert told.stdout.split() == ["2", "0"]


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="says it of glibc")
def test_a_cpu_keeps_the_memory_of_large_tensors() -> None:
    """A tensor lies where one before it was: of 40 of 100 MB (24,400 pages of 4 KiB) at most 20 are new memory."""
    program = """
import resource
import torch
from esr.recipes.engine_settings import EngineSettings
from esr.training.engine import Engine
Engine(EngineSettings(), torch.device("cpu")).set_up_process()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(40):
    torch.ones(25_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(told.stdout) < 20 * 25_000


def test_bf16_rounds_the_forward_pass_and_keeps_fp32_weights() -> None:
    half = engine(cpu={"precision": "bf16"})
    net = network()
    ((lr, hr),) = random_batches()(0, 1)
    seen = []
    first = net.get_submodule("0")
    first.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    loss = Objective(l1, 1.0, half)(net, lr, hr)
    torch.autograd.backward(loss)
    assert seen == [torch.bfloat16]
    assert loss.dtype == torch.float32
    assert all(parameter.grad is not None and parameter.grad.dtype == torch.float32 for parameter in net.parameters())


class Plus(nn.Module):
    """Enlarges by repetition and adds a number."""

    def __init__(self, number: float) -> None:
        super().__init__()
        self.number = nn.Parameter(torch.tensor(number))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.repeat_interleave(4, dim=2).repeat_interleave(4, dim=3) + self.number


def test_a_teacher_is_a_second_target_that_learns_nothing() -> None:
    """L1 by hand: the network is 0.25 above HR, the teacher (in [0, 255]) 0.1 below it, so 0.35 apart; 0.5 x 0.35."""
    lr = torch.full((2, 3, 4, 4), 0.5)
    hr = torch.full((2, 3, 16, 16), 0.5)
    student, master = Plus(0.25), Plus(-25.5)
    teacher = Teacher.of(master, 255.0, 0.5, engine())
    loss = Objective(l1, 1.0, engine(), teacher)(student, lr, hr)
    assert loss.item() == pytest.approx(0.25 + 0.5 * 0.35, rel=1e-6)
    torch.autograd.backward(loss)
    assert student.number.grad is not None and student.number.grad.item() == pytest.approx(1.5, rel=1e-6)
    assert master.number.grad is None


def test_gradients_are_clipped_to_their_norm(tmp_path: Path) -> None:
    """A step of Adam is as long whatever the gradient; the first moment it keeps is not: (1 - 0.9) x the gradient."""

    def moments(clip: float | None, folder: str) -> float:
        plan = replace(
            PLAN, iterations=1, clip_gradients=clip, objectives=[(0, lambda f, lr, hr: 1e3 * objective(f, lr, hr))]
        )
        train(network(), plan, Checkpoints(tmp_path / folder), Quiet())
        state = Checkpoints(tmp_path / folder).load()
        assert state is not None
        kept = [moment["exp_avg"] for moment in state["optimiser"]["state"].values()]
        return float(torch.cat([moment.flatten() for moment in kept]).norm()) / 0.1

    assert moments(None, "as it is") > 10
    assert moments(2.0, "clipped") == pytest.approx(2.0, rel=1e-4)


@pytest.mark.parametrize(
    ("failure", "line"),
    [
        (
            torch.OutOfMemoryError("CUDA out of memory."),
            "does not hold a step on 2 HR patches of 32 px; choose",
        ),
        (
            RuntimeError("max_unpooling2d does not have a deterministic implementation, but you set ..."),
            "max_unpooling2d does not have a deterministic implementation, .* set engine.deterministic to false",
        ),
    ],
    ids=["memory", "deterministic"],
)
def test_what_a_user_can_mend_is_one_line(tmp_path: Path, failure: RuntimeError, line: str) -> None:
    def fails(*_: object) -> torch.Tensor:
        raise failure

    with pytest.raises(EsrError, match=line):
        train(network(), replace(PLAN, objectives=[(0, fails)]), Checkpoints(tmp_path), Quiet())


def test_compiling_without_a_compiler_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EsrError, match=r"needs c\+\+; .* set engine.cpu.compile to false"):
        engine(cpu={"compile": True})


def test_a_diverging_loss_names_iteration_rate_and_last_good_checkpoint(tmp_path: Path) -> None:
    """From iteration 500 on the loss is 100 times as high; an interval is 100 iterations."""
    calls = 0

    def worse(forward: object, lr: torch.Tensor, hr: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return objective(forward, lr, hr) * (100.0 if calls > 500 else 1.0)  # type: ignore[arg-type]

    plan = replace(PLAN, iterations=1000, rate=lambda iteration: 1e-3, objectives=[(0, worse)])
    message = r"has diverged: \S+ on average, after \S+ at iteration 600 \(learning rate 0.001\)"
    with pytest.raises(EsrError, match=message):
        train(network(), plan, Checkpoints(tmp_path), Quiet())
    good = Checkpoints(tmp_path).load()
    assert good is None or good["done"] < 600
