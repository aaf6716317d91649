"""A stage that trains, from its row to its files: a tiny network, coded images and a few iterations."""

import csv
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from esr.common.errors import EsrError, Terminated
from esr.common.files import md5_of
from esr.packed.store import open_set
from esr.recipes.kinds import ROLES
from esr.recipes.read import Params, check
from esr.recipes.scale import TrainingRule
from esr.training import stage
from esr.training.checkpoints import Checkpoints
from esr.training.curve import Point
from esr.training.engine import Engine
from esr.training.generators import seed_of_stage
from esr.training.helper_parts import OnlyRead, Silence
from esr.training.plan import Plan
from esr.training.ranks import ALONE, Ranks
from esr.training.stage import Task, help_phase, ranks_of, run_phase, start_engine
from esr.training.validation import Validation
from esr.weights.weights_file import build_network, load_network
from tests.laid_project import GRAPH, RAW, ROOT, lay_sets, lay_weights
from tests.packed_sets import coded_set
from tests.training.small_training import CPU, Quiet

NETWORK = "esr/networks/rlfn.py"
SMALL = {"channels": 8, "inner": 8, "blocks": 1, "esa_channels": 4}
RULE = TrainingRule.model_validate(
    {
        "length": {"teacher": 4, "first": 4, "later": 1},
        "patch": {"divide": 1e9, "at_least": 64},
        "batch": {"divide": 1e9, "at_least": 2},
        "learning_rate": {"first_at_least": 1e-3},
        "teacher": {"channels_at_most": 8, "blocks_at_most": 1, "weight_at_most": 0.25},
        "validate_every": 3,
    }
)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three images of 64 px or more a side, and one that no patch fits into."""
    folder = tmp_path_factory.mktemp("coded")
    return coded_set(folder, [(64, 64), (64, 128), (128, 64), (60, 64)]).manifest.parent


@pytest.fixture
def params(packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Params:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    return lay_sets(check(RAW), packed)


def task(params: Params, name: str, **columns: object) -> Task:
    kind, key = name.split("@")
    row = params.row(kind, key).model_copy(update=columns)
    return Task(row, ROLES[kind], RULE, params.engine, GRAPH.nodes[name], Path("checkpoints"))


class Caught:
    """Stands in for the loop: keeps what it is given."""

    network: nn.Module
    plan: Plan
    checkpoints: Checkpoints
    watch: object

    def __call__(self, network: nn.Module, plan: Plan, checkpoints: Checkpoints, watch: object) -> Any:
        self.network, self.plan, self.checkpoints, self.watch = network, plan, checkpoints, watch
        return network, [Point(1, 0.5, 1e-3, 30.0)]


@pytest.fixture
def caught(monkeypatch: pytest.MonkeyPatch) -> Caught:
    given = Caught()
    monkeypatch.setattr(stage, "train", given)
    return given


def test_a_phase_writes_its_weights_and_its_curve_and_says_how_it_computes(params: Params) -> None:
    phase, watch = task(params, "train@rlfn-1", arguments=SMALL, seed=3), Quiet()
    run_phase(phase, watch)
    network, info = load_network(phase.node.output("weights.safetensors"))
    assert (info.network, info.arguments, info.deploy, info.data_range) == (NETWORK, SMALL, False, 255.0)
    assert info.origin == "train@rlfn-1"
    assert info.inputs == {"data": md5_of(Path("data/demo/sets/df2k/manifest.json"))}
    with phase.node.output("curve.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [line["iteration"] for line in lines] == ["1", "2", "3", "4"]
    # Halved at .2, .4, .6 and .8 of the length: of 4 iterations before the second, twice before the third, the last.
    assert [float(line["learning_rate"]) for line in lines] == [1e-3, 5e-4, 1.25e-4, 6.25e-5]
    assert [bool(line["psnr"]) for line in lines] == [False, False, True, True]
    assert watch.said[:2] == [
        "leaves out 1 of 4 images of df2k, which a patch of 64 px does not fit into",
        f"computes on {Engine(params.engine, CPU)}",
    ]
    saved = Checkpoints(Path("checkpoints")).load()
    assert saved is not None and saved["done"] == 4
    averages = saved["average"]
    assert all(torch.equal(weight, averages[name]) for name, weight in network.state_dict().items())
    validated = Validation(open_set(phase.node.set(phase.row.validation)), 255.0)(network)
    assert float(lines[-1]["psnr"]) == pytest.approx(validated.psnr, abs=1e-9)


def test_a_phase_that_is_stopped_goes_on_from_its_folder(params: Params) -> None:
    phase = task(params, "train@rlfn-1", arguments=SMALL)
    with pytest.raises(Terminated, match="train rlfn-1 was asked to stop at iteration 2"):
        run_phase(phase, Quiet(stop_at=2))
    assert not phase.node.output("weights.safetensors").exists()
    watch = Quiet()
    run_phase(phase, watch)
    assert "goes on from iteration 2 of 4" in watch.said


def test_the_plan_has_what_the_row_and_the_scale_say(params: Params, caught: Caught) -> None:
    columns = {"betas": (0.7, 0.8), "clip_gradients": 2.5, "ema_decay": 0.75, "seed": 9, "arguments": SMALL}
    phase, watch = task(params, "train@rlfn-1", **columns), Quiet()
    run_phase(phase, watch)
    plan = caught.plan
    assert (plan.name, plan.iterations, plan.betas, plan.clip_gradients) == ("train rlfn-1", 4, (0.7, 0.8), 2.5)
    assert (plan.ema_decay, plan.seed, plan.before) == (0.75, seed_of_stage(9, "train", "rlfn-1"), 0)
    assert (plan.ranks, plan.data.validate_every, plan.rate(0)) == (ALONE, 3, 1e-3)
    assert plan.engine.device == CPU and plan.engine.ranks == 1
    assert caught.watch is watch and caught.checkpoints.latest == Path("checkpoints/latest.ckpt")
    torch.manual_seed(9)
    first = build_network(NETWORK, SMALL).state_dict()
    assert all(torch.equal(weight, first[name]) for name, weight in caught.network.state_dict().items())
    assert isinstance(plan.data.validate, Validation)
    assert plan.data.validate.data_range == 255.0
    assert plan.data.validate.images.manifest == Path("data/demo/sets/div2k-valid/manifest.json")
    batches = list(plan.data.batches(1, 4))
    assert [(tuple(lr.shape), tuple(hr.shape)) for lr, hr in batches] == [((2, 3, 16, 16), (2, 3, 64, 64))] * 3
    assert all(lr.min() >= 0 and lr.max() <= 1 and hr.dtype == torch.float32 for lr, hr in batches)


@pytest.mark.parametrize("symmetry", ["horizontal_flips", "vertical_flips", "rotations"])
def test_a_symmetry_of_the_row_is_the_one_that_patches_have(params: Params, caught: Caught, symmetry: str) -> None:
    """Red grows with the column and green with the row: which of them is turned round, or changed for the other?"""
    columns = {"horizontal_flips": False, "vertical_flips": False, "rotations": False, symmetry: True}
    run_phase(task(params, "train@rlfn-1", arguments=SMALL, **columns), Quiet())
    found = set[str]()
    for lr, _ in caught.plan.data.batches(0, 20):
        for red, green, _ in lr:
            if red[0, 0] == red[0, 1]:
                found.add("turned")
                continue
            found |= {"left to right"} if red[0, 0] > red[0, 1] else set()
            found |= {"top to bottom"} if green[0, 0] > green[1, 0] else set()
    wanted = {"horizontal_flips": "left to right", "vertical_flips": "top to bottom", "rotations": "turned"}
    assert found == {wanted[symmetry]}


def test_a_teacher_is_as_wide_and_deep_as_the_scale_allows(params: Params, caught: Caught) -> None:
    phase = task(params, "teacher@slimrlfn-teacher", arguments={**SMALL, "channels": 12, "blocks": 3})
    run_phase(phase, Quiet())
    assert load_network(phase.node.output("weights.safetensors"))[1].arguments == SMALL
    phase = task(params, "train@rlfn-1", arguments={**SMALL, "channels": 12})
    run_phase(phase, Quiet())
    assert load_network(phase.node.output("weights.safetensors"))[1].arguments == {**SMALL, "channels": 12}


def test_distillation_adds_the_weighed_distance_to_the_teacher_s_output(params: Params, caught: Caught) -> None:
    """The row's L1, and 0.25 times, which the scale allows, L1 to what the teacher's weights give; both in [0, 1]."""
    columns = {"teacher_weight": 0.5, "loss": "l1", "arguments": {"channels": 8, "blocks": 1, "esa_channels": 4}}
    phase = task(params, "distill@slimrlfn-distill", **columns)
    lay_weights(phase.node, "teacher/slimrlfn-teacher", NETWORK, SMALL)
    run_phase(phase, Quiet())
    teacher, _ = load_network(Path("runs/demo/teacher/slimrlfn-teacher/weights.safetensors"))
    ((begin, goal),) = caught.plan.objectives
    lr, hr = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 64, 64)

    def forward(x: Tensor) -> Tensor:
        return x.repeat_interleave(4, dim=2).repeat_interleave(4, dim=3)

    with torch.no_grad():
        output, target = forward(lr), teacher.eval()(lr * 255) / 255
    expected = (output - hr).abs().mean() + 0.25 * (output - target).abs().mean()
    assert begin == 0
    assert goal(forward, lr, hr).item() == pytest.approx(expected.item(), rel=1e-5)


def test_a_phase_without_a_teacher_goes_for_hr_alone(params: Params, caught: Caught) -> None:
    run_phase(task(params, "train@rlfn-1", arguments=SMALL, loss="l2"), Quiet())
    ((_, goal),) = caught.plan.objectives
    hr = torch.full((1, 3, 64, 64), 0.25)
    loss = goal(lambda x: torch.full((1, 3, 64, 64), 0.75 * 255), torch.rand(1, 3, 16, 16), hr)
    assert loss.item() == pytest.approx(0.25)


def test_a_later_phase_starts_from_the_weights_that_it_names(params: Params, caught: Caught) -> None:
    phase = task(params, "finetune@rlfn-2")
    lay_weights(phase.node, "train/rlfn-1", NETWORK, SMALL)
    run_phase(phase, Quiet())
    source = Path("runs/demo/train/rlfn-1/weights.safetensors")
    first = load_network(source)[0].state_dict()
    network, info = load_network(phase.node.output("weights.safetensors"))
    assert all(torch.equal(weight, first[name]) for name, weight in network.state_dict().items())
    assert (info.network, info.arguments, info.deploy, info.data_range) == (NETWORK, SMALL, False, 255.0)
    assert (info.origin, info.inputs) == ("finetune@rlfn-2", {"weights": md5_of(source)})
    assert caught.plan.iterations == 1


def test_weights_of_another_network_are_refused(params: Params) -> None:
    phase = task(params, "finetune@rlfn-2")
    lay_weights(phase.node, "train/rlfn-1", "esr/networks/rfdn.py", {})
    with pytest.raises(EsrError) as refused:
        run_phase(phase, Quiet())
    assert str(refused.value) == (
        "finetune@rlfn-2: runs/demo/train/rlfn-1/weights.safetensors holds esr/networks/rfdn.py, "
        "but the row's network is esr/networks/rlfn.py"
    )


FROZEN = """
from torch import nn
class Frozen(nn.Module):
    data_range = 1.0
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 48, 1).requires_grad_({trains})
        self.shuffle = nn.PixelShuffle({factor})
    def forward(self, x):
        return self.shuffle(self.conv(x))
NETWORK = Frozen
"""


@pytest.mark.parametrize(
    ("trains", "factor", "told"),
    [
        (False, 4, "nothing of network networks/mine.py can be trained; let a parameter have requires_grad"),
        (True, 2, "network networks/mine.py makes a tensor"),
    ],
)
def test_a_network_that_cannot_train_is_refused(params: Params, trains: bool, factor: int, told: str) -> None:
    Path("networks").mkdir()
    for name in ("params.yaml", "dvc.yaml"):
        Path(name).symlink_to(ROOT / name)
    Path("networks/mine.py").write_text(FROZEN.format(trains=trains, factor=factor))
    with pytest.raises(EsrError) as refused:
        run_phase(task(params, "train@rlfn-1", network="networks/mine.py", arguments={}), Quiet())
    assert str(refused.value).startswith(f"train@rlfn-1: {told}")


def test_a_helper_trains_its_share_and_writes_nothing(params: Params, caught: Caught) -> None:
    phase = task(params, "train@rlfn-1", arguments=SMALL)
    help_phase(phase, Ranks(1, 2))
    assert isinstance(caught.watch, Silence) and isinstance(caught.checkpoints, OnlyRead)
    assert caught.checkpoints.latest == Path("checkpoints/latest.ckpt")
    assert caught.plan.ranks == Ranks(1, 2) and caught.plan.engine.ranks == 2
    assert caught.plan.data.validate(caught.network).psnr == 0.0
    assert [len(hr) for _, hr in caught.plan.data.batches(0, 2)] == [1, 1]
    assert not phase.node.output("weights.safetensors").exists()


@pytest.mark.parametrize(("gpus", "there", "processes"), [(8, 4, 4), (2, 4, 2), (8, 0, 1), (1, 4, 1)])
def test_a_teacher_has_a_process_for_each_gpu_that_it_wants_and_that_is_there(
    gpus: int, there: int, processes: int, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: there)
    assert ranks_of(task(params, "teacher@slimrlfn-teacher", gpus=gpus).row) == processes
    assert ranks_of(task(params, "train@rlfn-1").row) == 1


def test_each_process_computes_on_the_gpu_of_its_rank(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up = list[Engine]()
    monkeypatch.setattr(Engine, "set_up_process", lambda self: set_up.append(self))
    assert start_engine(params.engine).device == CPU
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    engine = start_engine(params.engine, Ranks(1, 4))
    assert (engine.device, engine.ranks) == (torch.device("cuda:1"), 4)
    assert start_engine(params.engine).device == torch.device("cuda:0")
    assert len(set_up) == 3 and set_up[1] is engine


def test_helpers_are_started_with_the_task_itself(
    params: Params, caught: Caught, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine with two GPUs, one of which is asked for by a helper."""
    asked: list[tuple[int, list[str], object]] = []

    @contextmanager
    def together(count: int, helper: list[str], handed: object) -> Iterator[Ranks]:
        asked.append((count, helper, handed))
        yield ALONE

    monkeypatch.setattr(stage, "together", together)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    phase = task(params, "teacher@slimrlfn-teacher", arguments=SMALL, gpus=2)
    run_phase(phase, Quiet())
    assert asked == [(2, [sys.executable, "-m", "esr.training.helper"], phase)]


def test_where_work_is_shared_out_a_phase_is_as_long_as_its_share(params: Params, caught: Caught) -> None:
    """1,000,000 x 3e9 / 5.12e17 x 512 = 3: the paper's 64 patches of 256 px are 512 times 2 patches of 64 px."""
    work = {"first": 4.12e17, "later": 1.0e17}
    Path("runs/.work/demo/rlfn.json").write_text(json.dumps({"training_work": work, "thinned": {}}))
    length = RULE.length.model_copy(update={"work": 3e9, "first": None})
    phase = task(params, "train@rlfn-1", arguments=SMALL)
    shared_out = Task(
        phase.row, phase.role, RULE.model_copy(update={"length": length}), params.engine, phase.node, phase.checkpoints
    )
    run_phase(shared_out, Quiet())
    assert caught.plan.iterations == 3


def test_stages_of_other_kinds_or_other_names_draw_other_batches(params: Params, caught: Caught) -> None:
    def first(kind: str, key: str) -> Tensor:
        node = replace(GRAPH.nodes["train@rlfn-1"], kind=kind, key=key)
        phase = task(params, "train@rlfn-1", arguments=SMALL)
        run_phase(Task(phase.row, phase.role, RULE, params.engine, node, phase.checkpoints), Quiet())
        return torch.cat([hr for _, hr in caught.plan.data.batches(0, 8)])

    one = first("train", "rlfn-1")
    assert torch.equal(one, first("train", "rlfn-1"))
    assert not torch.equal(one, first("distill", "rlfn-1"))
    assert not torch.equal(one, first("train", "rlfn-9"))
