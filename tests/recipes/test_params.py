"""params.yaml: what is refused, in which words; and the scale's rule, by hand."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from esr.common.errors import EsrError
from esr.common.yaml_file import read_yaml
from esr.recipes.graph import Graph
from esr.recipes.read import check
from esr.recipes.rows import FreshPhase
from esr.recipes.scale import LearningRate, TrainingRule, paper_iterations, shrink_phase, thin_teacher

ROOT = Path(__file__).resolve().parents[2]
PARAMS = read_yaml(ROOT / "params.yaml")


def set_in(*path: str, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(params: dict[str, Any]) -> None:
        for part in path[:-1]:
            params = params[part]
        params[path[-1]] = to

    return change


@pytest.mark.parametrize(
    ("change", "culprits"),
    [
        (set_in("finetune", "rlfn-2", "pacth", to=1), ["finetune.rlfn-2.pacth", "unknown key", "patch"]),
        (set_in("pruning", to={}), ["pruning", "unknown key", "prune"]),
        (set_in("finetune", "rlfn-2", "data", to="df3k"), ["finetune.rlfn-2.data", "df3k names nothing", "df2k"]),
        (set_in("train", "rlfn-1", "entry", to="rlfm"), ["train.rlfn-1.entry", "rlfm names nothing", "rlfn"]),
        (
            set_in("finetune", "rlfn-2", "from", to="train/rlfn-9"),
            ["finetune.rlfn-2.from", "train/rlfn-9 names nothing"],
        ),
        (set_in("crop", "div2k", "source", to="div3k"), ["crop.div2k.source", "div3k names nothing"]),
        (set_in("join", "df2k", "second", to="flickr"), ["join.df2k.second", "flickr names nothing"]),
        (
            set_in("entries", "rlfn", "thresholds", to={"div4k": 29.0}),
            ["entries.rlfn.thresholds", "div4k names nothing"],
        ),
        (
            set_in("finetune", "rlfn-2", "from", to="import/rlfn"),
            ["finetune.rlfn-2.from", "import/rlfn names nothing"],
        ),
        (set_in("scale", to="huge"), ["scale", "huge is not in scales", "demo"]),
        (set_in("train", "rlfn-1", "batch", to=0), ["train.rlfn-1.batch", "greater than or equal to 1"]),
        (set_in("train", "rlfn-1", "patch", to=66), ["train.rlfn-1.patch", "multiple of 4"]),
        (set_in("train", "rlfn-1", "epochs", to=3), ["train.rlfn-1", "either epochs or iterations"]),
        (set_in("train", "rlfn-1", "images_per_epoch", to=3), ["train.rlfn-1", "belongs to a length in epochs"]),
        (set_in("train", "rlfn-1", "milestones", to=[]), ["train.rlfn-1", "milestones"]),
        (set_in("train", "rlfn-1", "loss", to="l3"), ["train.rlfn-1.loss", "'l1'"]),
        (set_in("train", "RLFN 1", to={}), ["train.RLFN 1", "pattern"]),
    ],
)
def test_a_bad_row_is_named_in_one_line(change: Callable[[dict[str, Any]], None], culprits: list[str]) -> None:
    params = copy.deepcopy(PARAMS)
    check(params)
    change(params)
    with pytest.raises(EsrError) as refusal:
        check(params)
    message = str(refusal.value)
    assert "\n" not in message
    assert [culprit for culprit in culprits if culprit not in message] == [], message


def test_a_circle_is_named() -> None:
    params = copy.deepcopy(PARAMS)
    params["finetune"]["rlfn-2"]["from"] = "finetune/rlfn-3"
    check(params)
    graph = Graph(params, yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"])
    with pytest.raises(EsrError, match=r"circle: finetune@rlfn-\d -> finetune@rlfn-\d -> finetune@rlfn-\d"):
        graph.in_order()


def test_yaml_1_2_numbers(tmp_path: Path) -> None:
    """DVC writes 1e-05, which YAML 1.1 takes for a string."""
    (tmp_path / "x.yaml").write_text("a: 1e-05\nb: 2.5E3\nc: 12\nd: 1.0e-3\ne: 3e\n")
    assert read_yaml(tmp_path / "x.yaml") == {"a": 1e-5, "b": 2500.0, "c": 12, "d": 1e-3, "e": "3e"}


def row(**values: Any) -> FreshPhase:
    return FreshPhase.model_validate({**PARAMS["train"]["rlfn-1"], **values})


RULE = TrainingRule.model_validate(
    {
        "length": {"divide": 100},
        "patch": {"divide": 4, "at_least": 64},
        "batch": {"divide": 8},
        "learning_rate": {"first_at_least": 2e-3, "later_at_most": 1e-4, "warmup": 50},
        "teacher": {"channels_at_most": 32},
        "validate_every": 10,
    }
)


def test_the_rule_by_hand() -> None:
    first = shrink_phase(row(patch=512), "first", RULE, images=800)
    assert (first.iterations, first.patch, first.batch, first.learning_rate) == (10_000, 128, 8, 2e-3)
    assert (first.warmup, first.milestones) == (50, [2000, 4000, 6000, 8000])
    later = shrink_phase(row(patch=64), "later", RULE, images=800)
    assert (later.patch, later.learning_rate, later.warmup) == (64, 1e-4, 0)
    assert thin_teacher({"channels": 196, "inner": 196, "blocks": 6}, RULE) == {
        "channels": 32,
        "inner": 32,
        "blocks": 6,
    }


def test_a_scale_may_leave_out_the_milestones_of_first_phases() -> None:
    rule = RULE.model_copy(update={"learning_rate": LearningRate(first_halved=False)})
    assert shrink_phase(row(), "first", rule, images=800).milestones == []
    assert shrink_phase(row(), "teacher", rule, images=800).milestones == []
    assert shrink_phase(row(), "later", rule, images=800).milestones == [2000, 4000, 6000, 8000]


def test_the_floor_of_the_rate_is_bounded_by_the_paper_s_own() -> None:
    rule = RULE.model_copy(update={"learning_rate": LearningRate(first_at_least=2e-3, first_at_most_times=5)})
    rates = [shrink_phase(row(learning_rate=paper), "first", rule, images=800).learning_rate for paper in (2e-4, 1e-3)]
    assert rates == [1e-3, 2e-3]
    assert shrink_phase(row(learning_rate=3e-3), "first", rule, images=800).learning_rate == 3e-3


def test_an_epoch_uses_each_image_once() -> None:
    """100 epochs of 800 + 2650 + 84,991 images in batches of 64."""
    phase = row(epochs=100, iterations=None, schedule="cosine", milestones=[])
    assert paper_iterations(phase, 800 + 2650 + 84_991) == 138_190  # 8,844,100 / 64 = 138,189.06


def test_a_row_may_say_what_an_epoch_is() -> None:
    """Then its length does not follow from the set: 50 epochs of 64,000 images in batches of 64."""
    phase = row(epochs=50, images_per_epoch=64_000, iterations=None, schedule="cosine", milestones=[])
    assert paper_iterations(phase, 800) == 50_000


def test_paper_scale_is_the_recipe_to_the_letter() -> None:
    rule = check(PARAMS).scales["paper"].training
    schedule = shrink_phase(row(), "first", rule, images=3450)
    assert schedule.iterations == 1_000_000
    assert (schedule.patch, schedule.batch, schedule.learning_rate, schedule.warmup) == (256, 64, 5e-4, 0)
    assert schedule.milestones == [200_000, 400_000, 600_000, 800_000]
    assert thin_teacher({"channels": 196}, rule) == {"channels": 196}


def test_patches_grow_at_demo() -> None:
    params = check(PARAMS)
    rule = params.scales["demo"].training
    keys = ["repeat-1", "repeat-2", *(f"{p}-{n}" for p in (384, 512) for n in (1, 2, 3)), "640"]
    patches = [shrink_phase(params.finetune[f"slimrlfn-{key}"], "later", rule, 24).patch for key in keys]
    assert patches == sorted(patches) and len(set(patches)) == 4 and patches[0] >= 64
