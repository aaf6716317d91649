"""Networks that draw numbers while they train, as dropout does, are as exact as others."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from esr.common.errors import Terminated
from esr.compression.prune import _round_of
from esr.training.checkpoints import Checkpoints
from esr.training.generators import seed_of_step
from esr.training.loop import train
from esr.training.plan import Plan
from tests.training.small_training import PLAN, Quiet, content, random_batches

SHORT = replace(PLAN, iterations=23)
SAME = replace(PLAN.data, batches=lambda first, end: random_batches()(0, end - first))  # whatever the iteration


def network() -> nn.Module:
    torch.manual_seed(0)
    parts = nn.Conv2d(3, 8, 3, padding=1), nn.Dropout2d(0.5), nn.Conv2d(8, 48, 3, padding=1), nn.PixelShuffle(4)
    return nn.Sequential(*parts)


def trained(folder: Path, plan: Plan = SHORT) -> bytes:
    return content(train(network(), plan, Checkpoints(folder), Quiet())[0])


@pytest.mark.parametrize("stops", [[1], [7, 8], [20, 22]])
def test_stopped_and_resumed_it_ends_with_the_same_bytes(tmp_path: Path, stops: list[int]) -> None:
    unstopped = trained(tmp_path / "unstopped")
    for stop_at in stops:
        torch.manual_seed(stop_at)  # another process has other generators
        with pytest.raises(Terminated):
            train(network(), SHORT, Checkpoints(tmp_path / "stopped"), Quiet(stop_at))
    assert trained(tmp_path / "stopped") == unstopped


def test_another_seed_draws_other_numbers(tmp_path: Path) -> None:
    other = replace(SHORT, seed=1)
    assert trained(tmp_path / "a") != trained(tmp_path / "b", other)


def test_every_step_and_every_rank_draws_anew() -> None:
    seeds = {seed_of_step(seed, step, rank) for seed in range(3) for step in range(100) for rank in range(4)}
    assert len(seeds) == 3 * 100 * 4


def test_another_pruning_round_draws_other_numbers(tmp_path: Path) -> None:
    """The second round of 23 iterations draws what a training draws in its iterations 23 to 45."""
    first, second = (_round_of(replace(SHORT, data=SAME), number) for number in (1, 2))
    assert trained(tmp_path / "1", first) != trained(tmp_path / "2", second)
    assert trained(tmp_path / "2", second) == trained(tmp_path / "3", replace(SHORT, data=SAME, before=23))
