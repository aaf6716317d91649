"""A whole training, step by step, against the same arithmetic in plain Python numbers.

The network maps x to a * x + b and counts its steps in a buffer. Every batch is one pixel, so that the loss is
(a * x + b - y)^2, and its gradient is 2 * (a * x + b - y) times x and times 1. What follows from that by Adam (Kingma &
Ba, ICLR 2015, algorithm 1), clipping to a norm, the learning rate's schedule and the running average is written down
below from the papers: nothing of it calls torch.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from esr.common.errors import Terminated
from esr.recipes.rows import Phase
from esr.recipes.scale import LearningRate, Length, TrainingRule, shrink_phase
from esr.training.checkpoints import Checkpoints
from esr.training.curve import Point
from esr.training.loop import train
from esr.training.losses import loss_of
from esr.training.objective import Objective
from esr.training.schedules import learning_rate
from tests.training.small_rows import small_row
from tests.training.small_training import PLAN, Quiet

FIRST = (0.5, -0.25)  # a and b
PIXELS = ((0.75, 0.25), (0.5, 1.0), (1.0, 0.125), (0.25, 0.875), (0.625, 0.5))  # x and y of each iteration
BETAS = (0.8, 0.9)
EPSILON = 1e-8  # of Adam


class Line(nn.Module):
    """Maps x to a * x + b; the buffer counts the steps, as a batch norm's statistics change with them."""

    steps: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = (nn.Parameter(torch.tensor(weight)) for weight in FIRST)
        self.register_buffer("steps", torch.tensor(0.0))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.steps += 1
        return self.a * x + self.b


@dataclass
class ByHand:
    """The state of a training in plain numbers, and a step of it."""

    clip: float | None
    decay: float | None
    loss: str = "l2"
    done: int = 0
    weights: tuple[float, ...] = FIRST
    averages: tuple[float, ...] = FIRST
    first_moments: tuple[float, ...] = (0.0, 0.0)
    second_moments: tuple[float, ...] = (0.0, 0.0)

    def step(self, rate: float) -> None:
        x, y = PIXELS[self.done]
        gradients = self.gradients(x, self.weights[0] * x + self.weights[1] - y)
        first, second = BETAS
        self.first_moments = tuple(
            first * m + (1 - first) * g for m, g in zip(self.first_moments, gradients, strict=True)
        )
        self.second_moments = tuple(
            second * v + (1 - second) * g * g for v, g in zip(self.second_moments, gradients, strict=True)
        )
        self.done += 1
        self.weights = tuple(
            weight - rate * (m / (1 - first**self.done)) / (math.sqrt(v / (1 - second**self.done)) + EPSILON)
            for weight, m, v in zip(self.weights, self.first_moments, self.second_moments, strict=True)
        )
        if self.decay is not None:
            # Before its n-th update, n from 0, an average keeps at most (1 + n) / (10 + n) of itself.
            keeps = min(self.decay, self.done / (9 + self.done))
            self.averages = tuple(
                keeps * average + (1 - keeps) * weight
                for average, weight in zip(self.averages, self.weights, strict=True)
            )

    def gradients(self, x: float, difference: float) -> tuple[float, float]:
        outer = 2 * difference if self.loss == "l2" else math.copysign(1.0, difference)
        length = math.hypot(outer * x, outer)
        factor = 1.0 if self.clip is None or length <= self.clip else self.clip / length
        return factor * outer * x, factor * outer

    @property
    def handed_on(self) -> tuple[float, ...]:
        return self.weights if self.decay is None else self.averages


def pixels(first: int, end: int) -> Iterator[tuple[Tensor, Tensor]]:
    for x, y in PIXELS[first:end]:
        yield torch.full((1, 3, 1, 1), x), torch.full((1, 3, 1, 1), y)


def row(**columns: object) -> Phase:
    return small_row(**{"loss": "l2", "betas": BETAS, "learning_rate": 0.1, "iterations": 5, **columns})


def trained(row: Phase, folder: Path, warmup: int = 0, watch: Quiet | None = None) -> tuple[Line, Line, list[Point]]:
    """The network itself, what is handed on, and the curve, by the stages' own way from a row to a training."""
    rule = TrainingRule(validate_every=5, length=Length(), learning_rate=LearningRate(warmup=warmup))
    schedule = shrink_phase(row, "first", rule, images=1)
    network = Line()
    plan = replace(
        PLAN,
        iterations=schedule.iterations,
        rate=lambda iteration: learning_rate(row, schedule, iteration),
        betas=row.betas,
        clip_gradients=row.clip_gradients,
        ema_decay=row.ema_decay,
        objectives=[(begin, Objective(loss_of(row, name), 1.0, PLAN.engine)) for begin, name in schedule.losses],
        data=replace(PLAN.data, batches=pixels),
    )
    handed_on, curve = train(network, plan, Checkpoints(folder), watch or Quiet())
    assert isinstance(handed_on, Line)
    return network, handed_on, curve


def numbers(network: Line) -> list[float]:
    return [network.a.item(), network.b.item()]


def follow(row: Phase, rates: Sequence[float], losses: Sequence[str] = ("l2",) * 5) -> ByHand:
    expected = ByHand(row.clip_gradients, row.ema_decay)
    for rate, loss in zip(rates, losses, strict=True):
        expected.loss = loss
        expected.step(rate)
    return expected


COSINE = [0.05, 0.1, *(0.02 + 0.08 * (1 + math.cos(math.pi * part / 3)) / 2 for part in (0, 1, 2))]
MULTISTEP = [0.1, 0.1, 0.05, 0.05, 0.025]
CHANGED = [0.1, 0.1, 0.1, 0.03, 0.03]


@pytest.mark.parametrize("ema_decay", [None, 0.2], ids=["last weights", "average"])
@pytest.mark.parametrize("clip", [None, 0.6], ids=["any gradient", "clipped"])
@pytest.mark.parametrize(
    ("columns", "warmup", "rates"),
    [
        ({"schedule": "cosine", "lowest_learning_rate": 0.02}, 2, COSINE),
        ({"schedule": "multistep", "milestones": [2, 4]}, 0, MULTISTEP),
        ({"changes": [{"after_iteration": 3, "learning_rate": 0.03}]}, 0, CHANGED),
    ],
    ids=["warm-up and cosine", "milestones", "a change of the rate"],
)
def test_five_steps_are_the_papers_arithmetic(
    tmp_path: Path, columns: dict[str, object], warmup: int, rates: list[float], clip: float | None, ema_decay: float
) -> None:
    phase = row(**columns, clip_gradients=clip, ema_decay=ema_decay)
    network, handed_on, curve = trained(phase, tmp_path, warmup)
    expected = follow(phase, rates)
    assert numbers(network) == pytest.approx(expected.weights, abs=1e-5)
    assert numbers(handed_on) == pytest.approx(expected.handed_on, abs=1e-5)
    assert [point.learning_rate for point in curve] == pytest.approx(rates)


def test_from_a_change_on_the_steps_follow_the_other_loss(tmp_path: Path) -> None:
    phase = row(changes=[{"after_iteration": 2, "learning_rate": 0.04, "loss": "l1"}], ema_decay=0.2)
    _, handed_on, _ = trained(phase, tmp_path)
    expected = follow(phase, [0.1, 0.1, 0.04, 0.04, 0.04], ["l2", "l2", "l1", "l1", "l1"])
    assert numbers(handed_on) == pytest.approx(expected.handed_on, abs=1e-5)


def test_the_curve_has_the_loss_before_each_step(tmp_path: Path) -> None:
    _, _, curve = trained(row(), tmp_path)
    expected, losses = ByHand(None, None), []
    for x, y in PIXELS:
        losses.append((expected.weights[0] * x + expected.weights[1] - y) ** 2)
        expected.step(0.1)
    assert [point.iteration for point in curve] == [1, 2, 3, 4, 5]
    assert [point.loss for point in curve] == pytest.approx(losses, abs=1e-5)


def test_what_a_network_counts_in_a_buffer_is_handed_on_with_the_average(tmp_path: Path) -> None:
    network, handed_on, _ = trained(row(ema_decay=0.2), tmp_path)
    assert handed_on is not network
    assert handed_on.steps.item() == network.steps.item() == 5


@pytest.mark.parametrize("stop_at", [1, 2, 4])
def test_a_resumed_training_does_the_steps_that_are_left_and_no_other(tmp_path: Path, stop_at: int) -> None:
    """The buffer counts forward passes over both runs; a new network that begins again would count five of its own."""
    phase = row(schedule="cosine", clip_gradients=0.6, ema_decay=0.2)
    with pytest.raises(Terminated):
        trained(phase, tmp_path, warmup=2, watch=Quiet(stop_at))
    watch, passes = Quiet(), 0

    def counted(module: nn.Module, *_: object) -> None:
        nonlocal passes
        passes += isinstance(module, Line)

    hook = nn.modules.module.register_module_forward_hook(counted)
    network, handed_on, curve = trained(phase, tmp_path, warmup=2, watch=watch)
    hook.remove()
    cosine = [0.05, 0.1, *(0.1 * (1 + math.cos(math.pi * part / 3)) / 2 for part in (0, 1, 2))]
    expected = follow(phase, cosine)
    assert passes == 5 - stop_at
    assert network.steps.item() == 5
    assert [point.iteration for point in watch.points] == list(range(stop_at + 1, 6))
    assert [point.iteration for point in curve] == [1, 2, 3, 4, 5]
    assert watch.said == [f"goes on from iteration {stop_at} of 5"]
    assert numbers(handed_on) == pytest.approx(expected.handed_on, abs=1e-5)
