"""Every column of the schedule that a scale makes of a row, by hand."""

from typing import Any

import pytest

from esr.recipes.rows import Argument, Distill, FreshPhase, Optimisation, Prune, TrainingWork
from esr.recipes.scale import (
    LearningRate,
    Schedule,
    TrainingRule,
    most_rounds,
    paper_iterations,
    shrink_batch,
    shrink_patch,
    shrink_phase,
    shrink_rate,
    shrink_round,
    thin_teacher,
)
from tests.laid_project import RAW

PHASE: dict[str, Any] = {**RAW["train"]["rfdn-1"], "patch": 256, "batch": 64, "loss": "l1", "learning_rate": 4e-4}
PRUNING: dict[str, Any] = {
    **RAW["prune"]["slimrlfn-pruned"],
    "patch": 640,
    "batch": 64,
    "loss": "l2",
    "learning_rate": 1e-4,
    "iterations_per_round": 20_000,
    "most_rounds": 20,
}


def phase(**columns: Any) -> FreshPhase:
    return FreshPhase.model_validate({**PHASE, "schedule": "constant", "milestones": [], **columns})


def pruning(**columns: Any) -> Prune:
    return Prune.model_validate({**PRUNING, **columns})


def rule(**columns: Any) -> TrainingRule:
    return TrainingRule.model_validate({"validate_every": 10, **columns})


SMALLER: dict[str, Any] = {"patch": {"divide": 4, "at_least": 32}, "batch": {"divide": 16}}


def test_a_first_phase() -> None:
    """A thousandth of 1,000,000 iterations, at a rate five times as high; changes at .5, .6 and .9 of the way."""
    row = phase(
        iterations=1_000_000,
        changes=[
            {"after_iteration": 500_000, "learning_rate": 1e-4},
            {"after_iteration": 600_000, "loss": "l2"},
            {"after_iteration": 900_000, "learning_rate": 2e-4, "loss": "charbonnier"},
        ],
    )
    by = rule(length={"divide": 1000}, learning_rate={"first_at_least": 2e-3, "warmup": 40}, **SMALLER)
    assert shrink_phase(row, "first", by, images=1) == Schedule(
        iterations=1000,
        warmup=40,
        patch=64,
        batch=4,
        learning_rate=2e-3,
        milestones=[],
        rates=[(500, 1e-4 * 5), (900, 2e-4 * 5)],
        losses=[(0, "l1"), (600, "l2"), (900, "charbonnier")],
        validate_every=10,
    )


def test_a_later_phase_of_epochs_with_milestones() -> None:
    """20 epochs of 150 images in batches of 64 are 46.9, so 47 iterations; milestones by the iteration, of 470."""
    row = phase(epochs=20, iterations=None, schedule="multistep", milestones=[10, 40])
    by = rule(length={"later": 470}, learning_rate={"later_at_most": 1e-4, "warmup": 40, "first_halved": False})
    assert paper_iterations(row, 150) == 47
    assert shrink_phase(row, "later", by, images=150) == Schedule(
        iterations=470,
        warmup=0,
        patch=256,
        batch=64,
        learning_rate=1e-4,
        milestones=[100, 400],
        rates=[],
        losses=[(0, "l1")],
        validate_every=10,
    )


def test_changes_after_epochs_move_with_the_phase() -> None:
    """After the 15th of 20 epochs, so after 9 of 12 iterations."""
    row = phase(epochs=20, iterations=None, changes=[{"after_epoch": 15, "learning_rate": 2e-4}])
    ((begin, rate),) = shrink_phase(row, "teacher", rule(length={"teacher": 12}), images=64).rates
    assert begin == 9
    assert rate == pytest.approx(2e-4)


@pytest.mark.parametrize(("iterations", "warmup"), [(100, 50), (101, 50), (99, 49), (1, 0), (1000, 60)])
def test_a_warm_up_is_half_of_a_phase_at_most(iterations: int, warmup: int) -> None:
    by = rule(length={"first": iterations, "teacher": iterations}, learning_rate={"warmup": 60})
    assert shrink_phase(phase(iterations=5000), "first", by, 1).warmup == warmup
    assert shrink_phase(phase(iterations=5000), "teacher", by, 1).warmup == warmup


def test_a_round_of_pruning() -> None:
    """Nothing warms up, halves or changes in it, and its rate is the row's own."""
    by = rule(
        length={"divide": 100}, learning_rate={"first_at_least": 2e-3, "later_at_most": 1e-6, "warmup": 9}, **SMALLER
    )
    assert shrink_round(pruning(), by) == Schedule(
        iterations=200,
        warmup=0,
        patch=160,
        batch=4,
        learning_rate=1e-4,
        milestones=[],
        rates=[],
        losses=[(0, "l2")],
        validate_every=10,
    )


@pytest.mark.parametrize(
    ("length", "iterations", "rounds"),
    [
        ({"prune_round": 7, "divide": 100}, 7, 20),
        ({"prune_rounds_at_most": 5}, 20_000, 5),
        ({"prune_rounds_at_most": 50, "divide": 4}, 5000, 20),
        ({"divide": 1e9}, 1, 20),
        ({"work": 3e15}, 200, 20),
        ({"work": 3e15, "prune_rounds_at_most": 5}, 800, 5),
        ({"work": 3e15, "prune_round": 9}, 9, 20),
        ({"work": 3e17, "prune_rounds_at_most": 5}, 20_000, 5),
    ],
)
def test_length_and_number_of_rounds(length: dict[str, Any], iterations: int, rounds: int) -> None:
    """A hundredth of the work 3e17 is kept in rounds of a hundredth; of fewer rounds each is so much longer."""
    by = rule(length=length)
    assert shrink_round(pruning(), by, TrainingWork(first=2e17, prune=1e17)).iterations == iterations
    assert most_rounds(pruning(), by) == rounds


@pytest.mark.parametrize(
    ("divide", "at_least", "patch"),
    [(1, 4, 256), (4, 64, 64), (4, 128, 128), (4, 512, 256), (5, 4, 48), (64, 4, 4), (1000, 8, 8)],
)
def test_a_patch_is_a_multiple_of_four_within_its_bounds(divide: float, at_least: int, patch: int) -> None:
    """256 / 5 = 51.2, so 48."""
    row: Optimisation = phase()
    assert shrink_patch(row, rule(patch={"divide": divide, "at_least": at_least})) == patch


@pytest.mark.parametrize(
    ("divide", "at_least", "batch"), [(1, 1, 64), (8, 1, 8), (10, 1, 6), (10, 7, 7), (10, 100, 64), (1000, 1, 1)]
)
def test_a_batch_is_within_its_bounds(divide: float, at_least: int, batch: int) -> None:
    """64 / 10 = 6.4, so 6."""
    assert shrink_batch(phase(), rule(batch={"divide": divide, "at_least": at_least})) == batch


@pytest.mark.parametrize(
    ("columns", "first", "later"),
    [
        ({}, 4e-4, 4e-4),
        ({"first_at_least": 1e-3, "later_at_most": 1e-4}, 1e-3, 1e-4),
        ({"first_at_least": 1e-4, "later_at_most": 1e-3}, 4e-4, 4e-4),
        ({"first_at_least": 1e-2, "first_at_most_times": 4}, 1.6e-3, 4e-4),
        ({"first_at_least": 1e-3, "first_at_most_times": 4}, 1e-3, 4e-4),
        ({"first_at_most_times": 4}, 4e-4, 4e-4),
    ],
)
def test_rates_of_first_and_later_phases(columns: dict[str, float], first: float, later: float) -> None:
    by = LearningRate.model_validate(columns)
    assert shrink_rate(4e-4, "first", by) == shrink_rate(4e-4, "teacher", by) == pytest.approx(first)
    assert shrink_rate(4e-4, "later", by) == pytest.approx(later)


def test_a_teacher_s_arguments_are_bounded_each_by_its_own() -> None:
    arguments: dict[str, Argument] = {
        "channels": 196,
        "inner": 20,
        "blocks": 6,
        "esa_channels": 100,
        "kind": "x",
        "widths": [99],
    }
    by = rule(teacher={"channels_at_most": 32, "blocks_at_most": 4})
    thinned = {**arguments, "channels": 32, "blocks": 4}
    assert thin_teacher(arguments, by) == thinned
    assert thin_teacher(arguments, rule(teacher={"blocks_at_most": 4})) == {**arguments, "blocks": 4}
    assert thin_teacher(arguments, rule()) == arguments
    assert thin_teacher({"channels": "many", "inner": 33}, by) == {"channels": "many", "inner": 32}


@pytest.mark.parametrize(("bound", "counts"), [(None, 0.5), (0.1, 0.1), (0.7, 0.5)])
def test_what_a_teacher_counts_is_bounded(bound: float | None, counts: float) -> None:
    distilled = Distill.model_validate({**RAW["distill"]["slimrlfn-distill"], "teacher_weight": 0.5})
    by = rule(teacher={} if bound is None else {"weight_at_most": bound})
    assert shrink_phase(distilled, "first", by, 800).teacher_weight == counts


def test_a_phase_without_a_teacher_counts_none() -> None:
    assert shrink_phase(phase(), "first", rule(teacher={"weight_at_most": 0.1}), 800).teacher_weight == 0
