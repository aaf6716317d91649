"""A thinned teacher counts as what it is: lengths by hand, in the plan and in the stage as it runs.

The network is two convolutions of 3 x 3, from 3 to C channels and from C to 48: 27 C + 9 x 48 C = 459 C
multiply-accumulates on each LR pixel. All below is counted in 459 times the 8 x 16 x 16 LR pixels of a batch: a forward
pass of C channels is C, a step of training 3 C, and one under a teacher of T channels 3 C + T.
"""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from esr.common.yaml_file import read_yaml
from esr.planning.phases import training_stage
from esr.planning.work import training_work
from esr.recipes.graph import Graph
from esr.recipes.kinds import ROLES
from esr.recipes.read import check
from esr.recipes.step import NetworkSpec, Step
from esr.stages.premises import write_premises
from esr.training.shared_length import schedule_of
from esr.weights.network_files import PROJECT_FILES
from esr.weights.step_work import step_work
from tests.tiny_project import ROOT

PARAMS = read_yaml(ROOT / "params.yaml")
STAGES = read_yaml(ROOT / "dvc.yaml")["stages"]
UNIT = 459 * 8 * 16 * 16
WIDE = """
import torch
from torch import nn

class Wide(nn.Module):
    data_range = 1.0
    def __init__(self, channels):
        super().__init__()
        self.first_draw = float(torch.rand(1, device="cpu"))
        self.head = nn.Conv2d(3, channels, 3, padding=1)
        self.tail = nn.Conv2d(channels, 48, 3, padding=1)
    def forward(self, x):
        return nn.functional.pixel_shuffle(self.tail(self.head(x)), 4)

NETWORK = Wide
"""
ROW = {
    "entry": "mine",
    "network": "networks/wide.py",
    "data": "div2k",
    "validation": "div2k-valid",
    "patch": 64,
    "batch": 8,
    "loss": "l1",
    "learning_rate": 1e-3,
    "schedule": "constant",
    "iterations": 100_000,
}
TEACHER, DISTILL, LATER = "teacher@mine-teacher", "distill@mine-1", "finetune@mine-2"
SECOND = "finetune@mine-teacher-2"


@pytest.fixture(autouse=True)
def _in_a_folder_with_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("esr").symlink_to(ROOT / "esr")
    for name in PROJECT_FILES:
        Path(name).touch()
    Path("networks").mkdir()
    Path("networks/wide.py").write_text(WIDE)


def made(thinned: dict[str, int], work: float, by_role: dict[str, float]) -> dict[str, Any]:
    """params.yaml with an entry of a teacher of 64 channels, a student of 8 and its fine-tuning, half as long."""
    params = copy.deepcopy({**PARAMS, "scale": "demo"})
    shares = {"teacher": 1, "first": 6, "later": 2, "prune": 5}
    params["scales"]["demo"]["training"] = {
        "length": {"work": work * UNIT, "shares": shares},
        "teacher": thinned,
        "validate_every": 10,
    }
    numbers = {role: work * UNIT for role, work in by_role.items()}
    params["entries"]["mine"] = {**PARAMS["entries"]["rfdn"], "training_work": numbers}
    params["teacher"]["mine-teacher"] = {**ROW, "arguments": {"channels": 64}, "gpus": 1}
    under = {"teacher": "teacher/mine-teacher", "teacher_network": "networks/wide.py"}
    params["distill"]["mine-1"] = {**ROW, **under, "arguments": {"channels": 8}}
    params["finetune"]["mine-2"] = {**ROW, "from": "distill/mine-1", "iterations": 50_000}
    return params


def lengths(params: dict[str, Any], *names: str) -> dict[str, int]:
    """Iterations of stages as they run; the plan says the same."""
    graph, checked = Graph(params, STAGES), check(params)
    write_premises(graph)
    found = {}
    for name in names:
        node = graph.nodes[name]
        planned = training_stage(checked, node, checked.rule)
        row = checked.row(node.kind, node.key)
        runs = schedule_of(row, ROLES[node.kind], checked.rule.training, node, images=1)
        assert planned is not None and planned.schedule == runs
        found[name] = runs.iterations
    return found


BY_ROLE = {"teacher": 1e5 * 3 * 64, "first": 1e5 * (3 * 8 + 64), "later": 5e4 * 3 * 8}


@pytest.mark.parametrize(
    ("thinned", "work", "expected"),
    [
        # A ninth of 9e5 is 1e5, in steps of 3 x 64; six ninths in steps of 3 x 8 + 64; two ninths in steps of 3 x 8.
        ({}, 9e5, {TEACHER: 521, DISTILL: 6818, LATER: 8333}),
        # The teacher's steps are of 3 x 16, the distillation's of 3 x 8 + 16.
        ({"channels_at_most": 16}, 9e5, {TEACHER: 2083, DISTILL: 15_000, LATER: 8333}),
        ({"channels_at_most": 64}, 9e5, {TEACHER: 521, DISTILL: 6818, LATER: 8333}),
        # Never longer than the paper's.
        ({"channels_at_most": 16}, 7.2e6, {TEACHER: 16_667, DISTILL: 100_000, LATER: 50_000}),
    ],
)
def test_a_thinned_teacher_trains_and_is_asked_so_much_longer(
    thinned: dict[str, int], work: float, expected: dict[str, int]
) -> None:
    params = made(thinned, work, BY_ROLE)
    assert lengths(params, *expected) == expected
    counted = training_work(Graph(params, STAGES), check(params), "mine")
    assert counted == pytest.approx({role: work * UNIT for role, work in BY_ROLE.items()})


def test_a_thinned_teacher_s_own_later_phase_is_longer_as_well() -> None:
    """Later phases are 25,000 x 192 and 50,000 x 24 at paper, 4 : 1; two ninths of 9e5 are 1.6e5 and 0.4e5 of them."""
    params = made({"channels_at_most": 16}, 9e5, {**BY_ROLE, "later": 25_000 * 3 * 64 + 50_000 * 3 * 8})
    params["finetune"]["mine-teacher-2"] = {**ROW, "from": "teacher/mine-teacher", "iterations": 25_000}
    params["distill"]["mine-1"]["teacher"] = "finetune/mine-teacher-2"
    expected = {TEACHER: 2083, SECOND: 3333, DISTILL: 15_000, LATER: 1667}
    assert lengths(params, *expected) == expected


def test_a_teacher_that_no_row_trains_is_what_it_is() -> None:
    """A scale bounds no argument of another row's network: 6 / 8 of 8e5 in steps of 3 x 8 + 64."""
    params = made({"channels_at_most": 4}, 8e5, {role: BY_ROLE[role] for role in ("first", "later")})
    params["train"]["mine-wide"] = {**params["teacher"].pop("mine-teacher"), "entry": "rfdn"}
    del params["train"]["mine-wide"]["gpus"]
    params["distill"]["mine-1"]["teacher"] = "train/mine-wide"
    assert lengths(params, DISTILL) == {DISTILL: 6818}


def test_a_stage_sees_another_teacher_s_width_only_where_that_is_thinned() -> None:
    def seen(stage: str, thinned: dict[str, int], channels: int) -> bytes:
        params = made(thinned, 9e5, BY_ROLE)
        params["teacher"]["mine-teacher"]["arguments"]["channels"] = channels
        graph = Graph(params, STAGES)
        write_premises(graph)
        (file,) = (dep for dep in graph.nodes[stage].deps if dep.startswith("runs/.work/"))
        return Path(file).read_bytes()

    thin = {"channels_at_most": 16}
    assert seen(DISTILL, thin, 64) != seen(DISTILL, thin, 128)
    assert seen(DISTILL, {}, 64) == seen(DISTILL, {}, 128)
    assert seen("train@rfdn-1", thin, 64) == seen("train@rfdn-1", thin, 128)


def test_what_refers_to_itself_ends() -> None:
    """Other code refuses it; the files that the stages depend on are written before."""
    params = made({"channels_at_most": 16}, 9e5, BY_ROLE)
    params["distill"]["mine-1"]["teacher"] = "finetune/mine-2"
    params["finetune"]["mine-2"]["from"] = "finetune/mine-2"
    write_premises(Graph(params, STAGES))


def test_counting_a_step_draws_no_random_numbers() -> None:
    before = torch.random.get_rng_state()
    student, teacher = (NetworkSpec("networks/wide.py", {"channels": channels}) for channels in (8, 24))
    assert step_work(Step(student, teacher), 64) == 459 * 16 * 16 * (3 * 8 + 24)
    assert step_work(Step(student), 64) == 459 * 16 * 16 * 3 * 8
    assert torch.equal(torch.random.get_rng_state(), before)
