"""Losses, learning rates and the EMA against numbers worked out by hand."""

import math
from collections.abc import Sequence

import pytest
import torch
from torch import nn

from esr.recipes.scale import Schedule
from esr.training.average import Average
from esr.training.losses import Loss, charbonnier, fourier_l1, l1, l2, loss_of
from esr.training.schedules import learning_rate
from tests.training.small_rows import small_row

A = torch.tensor([0.0, 0.5, 1.0, 0.25])
B = torch.tensor([0.0, 0.1, 0.7, 0.25])


def test_losses_by_hand() -> None:
    assert l1(A, B).item() == pytest.approx((0.4 + 0.3) / 4)
    assert l2(A, B).item() == pytest.approx((0.16 + 0.09) / 4)
    by_hand = (0.01 + math.sqrt(0.16 + 1e-4) + math.sqrt(0.09 + 1e-4) + 0.01) / 4
    assert charbonnier(A, B, eps=0.01).item() == pytest.approx(by_hand)


def test_the_fourier_loss_of_two_pixels_by_hand() -> None:
    """(0.25, -0.75) transforms to the sum -0.5 and the difference 1, both real: |-0.5|, 0, |1|, 0."""
    a, b = torch.tensor([[[[0.25, 0.0]]]]), torch.tensor([[[[0.0, 0.75]]]])
    assert fourier_l1(a, b).item() == pytest.approx(1.5 / 4)


def test_the_fourier_loss_against_the_transforms_definition() -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.rand(2, 3, 4, 6, generator=generator, dtype=torch.float64) for _ in range(2))
    rows, columns = torch.arange(4.0), torch.arange(6.0)
    left = torch.polar(torch.ones(4, 4), -2 * math.pi * torch.outer(rows, rows) / 4).to(torch.complex128)
    right = torch.polar(torch.ones(6, 4), -2 * math.pi * torch.outer(columns, columns[:4]) / 6).to(torch.complex128)
    spectrum = left @ (a - b).to(torch.complex128) @ right
    expected = (spectrum.real.abs().mean() + spectrum.imag.abs().mean()) / 2
    assert fourier_l1(a, b).item() == pytest.approx(expected.item(), rel=1e-5)


def gradient(loss: Loss, differences: Sequence[float]) -> list[float]:
    """Of a loss by the first of two images of one row of pixels that differ by so much."""
    a = torch.tensor([[[differences]]], requires_grad=True)
    torch.autograd.backward(loss(a, torch.zeros_like(a)))
    assert a.grad is not None
    return list(a.grad.flatten().tolist())


def test_gradients_of_losses_by_hand() -> None:
    """Of |d|: its sign; of d^2: 2 d; of sqrt(d^2 + eps^2): d over it; each over the number of pixels."""
    differences = [0.5, -0.25, 0.0, 0.125]
    assert gradient(l1, differences) == [0.25, -0.25, 0.0, 0.25]
    assert gradient(l2, differences) == [0.25, -0.125, 0.0, 0.0625]
    by_hand = [d / math.sqrt(d**2 + 0.1**2) / 4 for d in differences]
    assert gradient(lambda a, b: charbonnier(a, b, eps=0.1), differences) == pytest.approx(by_hand)


def test_the_gradient_of_the_fourier_loss_of_two_pixels_by_hand() -> None:
    """Of (|d + e| + |d - e|) / 4 at d = 0.25, e = -0.75, where d + e < 0 < d - e: (-1 + 1) / 4 and (-1 - 1) / 4."""
    assert gradient(fourier_l1, [0.25, -0.75]) == pytest.approx([0.0, -0.5])


def test_charbonnier_of_a_row_has_the_row_s_eps() -> None:
    """At no difference it is eps, 1e-3 where nothing else is said."""
    assert charbonnier(A, A).item() == pytest.approx(1e-3)
    loss = loss_of(small_row(charbonnier_eps=0.25), "charbonnier")
    assert loss(A, A).item() == pytest.approx(0.25)


def test_a_row_adds_its_fourier_term_to_its_loss() -> None:
    a, b = torch.tensor([[[[0.25, 0.0]]]]), torch.tensor([[[[0.0, 0.75]]]])
    loss = loss_of(small_row(fourier_weight=0.05), "l1")
    assert loss(a, b).item() == pytest.approx(0.5 + 0.05 * 0.375)


def plan(warmup: int = 0, milestones: tuple[int, ...] = (), rates: Sequence[tuple[int, float]] = ()) -> Schedule:
    return Schedule(
        iterations=100,
        warmup=warmup,
        patch=64,
        batch=1,
        learning_rate=1.0,
        milestones=list(milestones),
        rates=list(rates),
        losses=[(0, "l1")],
        validate_every=100,
    )


def test_cosine_falls_from_the_rate_to_the_lowest() -> None:
    row = small_row(schedule="cosine", lowest_learning_rate=0.2)
    assert learning_rate(row, plan(), 0) == 1.0
    assert learning_rate(row, plan(), 50) == pytest.approx(0.6)
    assert learning_rate(row, plan(), 25) == pytest.approx(0.6 + 0.4 * math.sqrt(0.5))
    assert learning_rate(row, plan(), 99) == pytest.approx(0.2, abs=1e-3)


def test_multistep_halves_after_each_milestone() -> None:
    row = small_row(schedule="multistep", milestones=[1])
    rates = [learning_rate(row, plan(milestones=(10, 20)), n) for n in (0, 9, 10, 19, 20, 99)]
    assert rates == [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]


def test_a_constant_rate_is_the_last_one_that_the_row_has_changed_to() -> None:
    rates = [learning_rate(small_row(), plan(rates=[(10, 0.2), (20, 0.1)]), n) for n in (0, 9, 10, 19, 20, 99)]
    assert rates == [1.0, 1.0, 0.2, 0.2, 0.1, 0.1]


def test_warmup_rises_in_a_straight_line() -> None:
    rates = [learning_rate(small_row(), plan(warmup=4), n) for n in range(6)]
    assert rates == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]


def test_average_by_hand() -> None:
    network = nn.Linear(1, 1, bias=False)
    network.weight.data.fill_(0.0)
    average = Average(network, decay=0.5)
    network.weight.data.fill_(1.0)
    average.prepare(0)
    average.update()  # decay is (1 + 0) / (10 + 0) = 0.1 this early
    assert next(average.network.parameters()).item() == pytest.approx(0.9)
    network.weight.data.fill_(2.0)
    average.prepare(1000)
    average.update()  # decay is the row's 0.5 by now
    assert next(average.network.parameters()).item() == pytest.approx(0.5 * 0.9 + 0.5 * 2.0)


def test_without_decay_the_network_itself_is_handed_on() -> None:
    network = nn.Linear(1, 1)
    assert Average(network, None).network is network
