"""The curve: means over intervals, and the file that `dvc plots` reads."""

from pathlib import Path

import pytest
import torch

from esr.training.curve import Curve, Point, write_curve
from tests.training.small_training import CPU


def test_the_file_has_a_line_for_each_point_and_nothing_where_none_was_validated(tmp_path: Path) -> None:
    write_curve(tmp_path / "curve.csv", [Point(100, 0.5, 1e-3, None), Point(150, 0.25, 5e-4, 26.5)])
    assert (tmp_path / "curve.csv").read_bytes() == (
        b"iteration,loss,learning_rate,psnr\n100,0.5,0.001,\n150,0.25,0.0005,26.5\n"
    )


@pytest.mark.parametrize(("iterations", "interval"), [(5, 1), (19, 1), (20, 2), (999, 99), (1000, 100), (5000, 100)])
def test_a_point_comes_every_tenth_of_the_training_and_every_100_iterations_at_least(
    iterations: int, interval: int
) -> None:
    assert Curve(iterations, CPU).interval == interval


def test_a_point_is_the_mean_since_the_point_before() -> None:
    """Of 25 iterations in intervals of 2: the last point is of one."""
    curve = Curve(25, CPU)
    means = {}
    for iteration in range(25):
        curve.note(iteration, torch.tensor(float(iteration)))
        if (iteration + 1) % 2 == 0 or iteration == 24:
            means[iteration + 1] = curve.add(iteration + 1, 1e-3, None).loss
    assert means == {**{done: done - 1.5 for done in range(2, 25, 2)}, 25: 24.0}


@pytest.mark.parametrize(("at", "done"), [(0, 2), (1, 2), (6, 8), (24, 25)])
def test_a_loss_that_is_not_finite_is_told_with_its_iteration_from_1(at: int, done: int) -> None:
    curve = Curve(25, CPU)
    for iteration in range(done):
        curve.note(iteration, torch.tensor(float("inf") if iteration == at else 1.0))
    assert curve.trouble(done) == (at + 1, "is not finite")
