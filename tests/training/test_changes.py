"""A phase whose rate and loss change in the middle, as a factsheet's one run does."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from esr.common.errors import EsrError, Terminated
from esr.common.yaml_file import read_yaml
from esr.recipes.read import check
from esr.recipes.scale import shrink_phase
from esr.training.checkpoints import Checkpoints
from esr.training.curve import Curve
from esr.training.loop import train
from esr.training.plan import Forward
from esr.training.schedules import learning_rate
from tests.training.small_rows import small_row
from tests.training.small_training import CPU, PLAN, Quiet, content, network, objective

ROOT = Path(__file__).resolve().parents[2]
PARAMS = check(read_yaml(ROOT / "params.yaml"))
EDRN = PARAMS.train["edrn-1"]


def test_edrn_is_one_run_whose_rate_and_loss_change_at_its_epochs() -> None:
    """300 epochs of 64,000 patches at batch 64: 1,000 iterations each, so epoch 201 begins at iteration 200,000."""
    runs = shrink_phase(EDRN, "first", PARAMS.scales["paper"].training, images=1)
    assert runs.iterations == 300_000
    rates = {n: learning_rate(EDRN, runs, n) for n in (0, 199_999, 200_000, 249_999, 250_000, 299_999)}
    assert list(rates.values()) == pytest.approx([2e-4, 2e-4, 4e-5, 4e-5, 4e-5, 4e-5], rel=1e-12)
    assert runs.losses == [(0, "l1"), (250_000, "l2")]


def test_a_scale_moves_the_changes_and_keeps_the_ratio_of_the_rates() -> None:
    """Of 800 iterations: 2/3 and 5/6 of the way. The first rate is 4 times the paper's, so the second is, too."""
    runs = shrink_phase(EDRN, "first", PARAMS.scales["demo"].training, images=1)
    assert (runs.iterations, runs.learning_rate) == pytest.approx((800, 8e-4))
    ((begin, rate),) = runs.rates
    assert (begin, rate) == pytest.approx((533, 1.6e-4))
    assert runs.losses == [(0, "l1"), (667, "l2")]


def test_from_the_change_on_the_other_loss_is_what_is_made_small(tmp_path: Path) -> None:
    """Iteration by iteration against the same training with one loss, up to the change and not beyond."""

    def l2(forward: Forward, lr: Tensor, hr: Tensor) -> Tensor:
        return (forward(lr) - hr).square().mean()

    def after(iterations: int, folder: str, objectives: Any) -> bytes:
        plan = replace(PLAN, iterations=iterations, objectives=objectives)
        return content(train(network(), plan, Checkpoints(tmp_path / folder), Quiet())[0])

    changing, constant = [(0, objective), (20, l2)], [(0, objective)]
    assert after(20, "to the change", changing) == after(20, "constant", constant)
    assert after(21, "one further", changing) != after(21, "constant further", constant)
    assert after(21, "all l2", [(0, l2)]) != after(21, "one further again", changing)


@pytest.mark.parametrize("stop_at", [19, 20, 21, 40])
def test_killed_around_the_change_and_resumed(tmp_path: Path, stop_at: int) -> None:
    def l2(forward: Forward, lr: Tensor, hr: Tensor) -> Tensor:
        return (forward(lr) - hr).square().mean()

    plan = replace(PLAN, objectives=[(0, objective), (20, l2)])
    unkilled, curve = train(network(), plan, Checkpoints(tmp_path / "unkilled"), Quiet())
    with pytest.raises(Terminated):
        train(network(), plan, Checkpoints(tmp_path / "killed"), Quiet(stop_at))
    resumed, same_curve = train(network(), plan, Checkpoints(tmp_path / "killed"), Quiet())
    assert (content(resumed), same_curve) == (content(unkilled), curve)


def levels(curve: Curve, losses: list[float]) -> list[tuple[int, str] | None]:
    """What the curve finds at the end of each interval of 100 iterations with these losses."""
    found = []
    for interval, loss in enumerate(losses):
        for iteration in range(100 * interval, 100 * interval + 100):
            curve.note(iteration, torch.tensor(loss))
        found.append(curve.trouble(100 * interval + 100))
        curve.add(100 * interval + 100, 1e-3, None)
    return found


def test_another_loss_s_level_is_no_divergence_but_its_own_is() -> None:
    """From iteration 250 on the loss is another one, whose values are a hundred times as large."""
    losses = [0.1, 0.1, 5.0, 10.0, 10.0, 101.0]
    fine = [None] * 5
    assert levels(Curve(2000, CPU, [0, 250]), losses) == [*fine, (600, "has diverged: 101 on average, after 10")]
    assert levels(Curve(2000, CPU), losses)[2] is not None


AFTER = {"after_epoch": 200, "learning_rate": 4e-5}


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ({"changes": [{"learning_rate": 4e-5}]}, "say from where on: give either after_epoch or after_iteration"),
        ({"changes": [{**AFTER, "after_iteration": 5}]}, "give either after_epoch or after_iteration"),
        ({"changes": [{"after_epoch": 200}]}, "say what changes: give learning_rate, loss or both"),
        ({"changes": [{"after_iteration": 200, "loss": "l2"}]}, "give after_epoch, the unit of the phase's length"),
        ({"changes": [AFTER], "epochs": None, "iterations": 300}, "give after_iteration, the unit"),
        ({"changes": [{**AFTER, "after_epoch": 300}]}, "all before the phase's end at 300"),
        ({"changes": [{**AFTER, "after_epoch": 250}, AFTER]}, "give them in order, each place once"),
        ({"changes": [AFTER, AFTER]}, "give them in order, each place once"),
        ({"changes": [AFTER], "schedule": "cosine"}, "belongs to schedule constant, not cosine"),
        ({"changes": [{"after_epoch": 0, "loss": "l2"}]}, "greater than or equal to 1"),
        ({"changes": [{"after_epoch": 1, "loss": "l3"}]}, "'charbonnier', 'l1' or 'l2'"),
        ({"changes": [{"after_epoch": 1, "patch": 64}]}, "Extra inputs are not permitted"),
    ],
)
def test_a_change_that_cannot_be_is_refused(row: dict[str, Any], complaint: str) -> None:
    with pytest.raises((ValidationError, EsrError)) as refused:
        small_row(**{"iterations": None, "epochs": 300, **row})
    assert complaint in str(refused.value)
