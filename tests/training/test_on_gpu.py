"""What only a GPU can show: the recorded step is the step, and deterministic means the same bytes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from esr.common.errors import EsrError, Terminated
from esr.networks.slimrlfn import SlimRLFN
from esr.recipes.engine_settings import EngineSettings
from esr.training.checkpoints import Checkpoints
from esr.training.curve import Point
from esr.training.engine import Engine
from esr.training.loop import train
from esr.training.losses import charbonnier, l2
from esr.training.objective import Objective, Teacher
from esr.training.plan import Forward, Plan
from tests.training.small_training import PLAN, Quiet, content, random_batches

pytestmark = pytest.mark.gpu


def plan(deterministic: bool = True, **own: Any) -> Plan:
    device = torch.device("cuda")
    engine = Engine(EngineSettings.model_validate({"deterministic": deterministic, "cuda": own}), device)
    engine.set_up_process()
    return replace(
        PLAN,
        iterations=24,
        rate=lambda iteration: 1e-3 / (1 + iteration),
        clip_gradients=1.0,
        objectives=[(0, Objective(charbonnier, 255.0, engine))],
        data=replace(PLAN.data, batches=random_batches(device, count=4, side=24)),
        engine=engine,
    )


def trained(plan: Plan, folder: Path, stop_at: int | None = None) -> tuple[bytes, list[Point]]:
    torch.manual_seed(0)
    network, points = train(SlimRLFN(blocks=2), plan, Checkpoints(folder), Quiet(stop_at))
    return content(network), points


@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16"])
def test_a_recorded_step_gives_the_bytes_of_the_step(tmp_path: Path, precision: str) -> None:
    eager = trained(plan(precision=precision), tmp_path / "eager")
    assert trained(plan(precision=precision, graph=True), tmp_path / "recorded") == eager


@pytest.mark.parametrize("own", [{"graph": True}, {"graph": True, "compile": True}], ids=["graph", "compiled"])
@pytest.mark.parametrize("stop_at", [2, 3, 4, 15])
def test_killed_and_resumed_gives_the_same_bytes(tmp_path: Path, own: dict[str, Any], stop_at: int) -> None:
    unkilled = trained(plan(**own), tmp_path / "unkilled")
    with pytest.raises(Terminated):
        trained(plan(**own), tmp_path / "killed", stop_at)
    assert trained(plan(**own), tmp_path / "killed") == unkilled


def test_a_teacher_is_recorded_too(tmp_path: Path) -> None:
    def distilled(folder: str, **own: Any) -> tuple[bytes, list[Point]]:
        torch.manual_seed(1)
        taught = plan(teacher_precision="bf16", **own)
        teacher = Teacher.of(SlimRLFN(blocks=1), 255.0, 1.0, taught.engine)
        goal = Objective(charbonnier, 255.0, taught.engine, teacher)
        return trained(replace(taught, objectives=[(0, goal)]), tmp_path / folder)

    assert distilled("recorded", graph=True) == distilled("eager")


def test_a_loss_that_changes_is_recorded_anew(tmp_path: Path) -> None:
    def changing(folder: str, **own: Any) -> tuple[bytes, list[Point]]:
        before = plan(**own)
        after = Objective(l2, 255.0, before.engine)
        return trained(replace(before, objectives=[*before.objectives, (12, after)]), tmp_path / folder)

    assert changing("recorded", graph=True) == changing("eager")


@pytest.mark.parametrize(
    "own", [{"precision": "tf32"}, {"precision": "bf16"}, {"compile": True, "graph": True}], ids=str
)
def test_faster_settings_learn_alike(tmp_path: Path, own: dict[str, Any]) -> None:
    exact = trained(plan(), tmp_path / "exact")[1]
    faster = trained(plan(deterministic=False, **own), tmp_path / "faster")[1]
    assert [point.loss for point in faster] == pytest.approx([point.loss for point in exact], rel=0.02)


def test_a_step_that_cannot_be_recorded_says_so(tmp_path: Path) -> None:
    def reads_back(forward: Forward, lr: Tensor, hr: Tensor) -> Tensor:
        loss = (forward(lr) - hr).abs().mean()
        return loss * 2 if loss.item() > 1 else loss

    with pytest.raises(EsrError, match=r"cannot be recorded .* set engine.cuda.graph to false"):
        trained(replace(plan(graph=True), objectives=[(0, reads_back)]), tmp_path)
