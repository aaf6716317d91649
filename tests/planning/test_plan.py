"""``esr plan`` and ``esr recipe`` as people meet them."""

import re
from pathlib import Path

import pytest
import torch

from esr.common.yaml_file import read_yaml
from esr.planning import pace
from esr.planning.phases import TrainingStage, training_stage
from esr.planning.photographs import pack_photographs
from esr.recipes.graph import Graph
from esr.recipes.read import check
from esr.recipes.step import NetworkSpec
from esr.training.engine import Engine
from esr.weights.network_files import PROJECT_FILES
from tests.conftest import Call
from tests.tiny_project import Project

ROOT = Path(__file__).resolve().parents[2]
RAW = read_yaml(ROOT / "params.yaml")

ONE_CONV = """
from torch import nn

class OneConv(nn.Sequential):
    data_range = 1.0

    def __init__(self):
        super().__init__(nn.Conv2d(3, 48, 3, padding=1), nn.PixelShuffle(4))

NETWORK = OneConv
"""


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainingStage:
    """A phase of demo's size (batch 8, patch 64) of a network that is one convolution."""
    monkeypatch.setattr(pace, "SECONDS_ENOUGH", 0.0)
    for name in PROJECT_FILES:
        (tmp_path / name).touch()
    (tmp_path / "one_conv.py").write_text(ONE_CONV)
    monkeypatch.chdir(tmp_path)
    params = check(RAW)
    found = training_stage(
        params, Graph(RAW, read_yaml(ROOT / "dvc.yaml")["stages"]).find("train", "rfdn-1"), params.scales["demo"]
    )
    assert found is not None
    return TrainingStage(
        found.node,
        found.row,
        found.schedule,
        found.rounds,
        found.paper_iterations,
        NetworkSpec("one_conv.py", {}),
        None,
    )


def test_real_iterations_are_timed(stage: TrainingStage, tmp_path: Path) -> None:
    photographs = pack_photographs(tmp_path, smallest_side=64)
    measured = pace.measure(stage, Engine(check(RAW).engine, torch.device("cpu")), photographs.images)
    assert measured.timed == pace.FEWEST
    assert measured.timed_batch == stage.schedule.batch == 8
    assert 0 < measured.fastest <= measured.seconds <= measured.slowest
    assert measured.gpu_bytes == 8 * 3 * 16 * 16 * 4  # the convolution keeps its input: 3 x 16 x 16 floats a patch


def test_a_heavy_iteration_is_timed_on_fewer_patches(
    stage: TrainingStage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "HEAVIEST", 0.0)
    photographs = pack_photographs(tmp_path, smallest_side=64)
    measured = pace.measure(stage, Engine(check(RAW).engine, torch.device("cpu")), photographs.images)
    assert measured.timed_batch == 1


def test_photographs_are_as_large_as_the_largest_patch(tmp_path: Path) -> None:
    assert pack_photographs(tmp_path, smallest_side=640).images.sizes.min() >= 640


def plan(project: Project, *options: str) -> str:
    return project.well("esr", "plan", *options)


@pytest.mark.slow
def test_a_plan_names_every_stage_and_adds_up(untouched: Project) -> None:
    said = plan(untouched, "--entry", "rlfn")
    for stage_name in ("train rlfn-1", "finetune rlfn-2", "finetune rlfn-3"):
        assert re.search(rf"^ ?{stage_name} .*\d+ ms", said, flags=re.M), said
    assert "slimrlfn" not in said
    assert re.search(r"Computing: .* in sum .*From start to end: ", said)
    assert "Download: nothing." in said


@pytest.mark.slow
def test_on_a_machine_without_a_gpu_paper_scale_is_told_to_be_hopeless(untouched: Project) -> None:
    said = " ".join(plan(untouched, "--scale", "paper", "--entry", "rlfn").split())
    assert re.search(r"scale paper would take [\d.,]+ (days|years): do not wait for it", said), said
    assert "* timed on fewer patches" in said
    assert "Download: 4.0 GB, and 3 files or folders whose size no row says" in said


@pytest.mark.slow
def test_the_plan_leaves_nothing_behind(untouched: Project) -> None:
    before = sorted(untouched.folder.rglob("*"))
    plan(untouched, "--entry", "rlfn")
    assert [
        path for path in sorted(untouched.folder.rglob("*")) if path not in before and "__pycache__" not in path.parts
    ] == []


def test_a_recipe_shows_what_is_said_and_what_runs(call: Call) -> None:
    _, said, _ = call("recipe", "ifadnet", "--scale", "demo")
    for part in ("192 → 64", "48 → 6", "l1 + 0.05 x", "blocks 16 → 4", "halved at 100k, 500k, 800k, 900k, 950k"):
        assert part in said
    assert '"other settings the same", so the rate too' in said
    assert "stand in for every set" in said


def test_a_recipe_at_paper_scale_is_the_factsheet_alone(call: Call) -> None:
    _, said, _ = call("recipe", "r2net", "--scale", "paper")
    assert "→" not in said.split("\n", 1)[1]
    assert said.count("2,000,000 it") == 3


@pytest.mark.parametrize(
    ("arguments", "culprit"),
    [
        (["recipe", "rlfm"], "no entry rlfm; there are: r2net"),
        (["recipe", "rlfn", "--scale", "huge"], "huge is not in scales; there are: demo"),
        (["plan", "--entry", "rlfm"], "no entry rlfm; there are: r2net"),
        (["plan", "--scale", "huge"], "huge is not in scales"),
    ],
)
def test_bad_input_is_one_line(call: Call, arguments: list[str], culprit: str) -> None:
    code, out, told = call(*arguments)
    assert (code, out) == (2, "")
    assert told.count("\n") == 1 and told.startswith("esr: ") and culprit in told
