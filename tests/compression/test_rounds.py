"""Rounds of pruning with real removals and trainings of two iterations, and validations that give what a test says."""

import csv
from collections.abc import Iterable
from pathlib import Path
from signal import SIGTERM
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from esr.common.errors import Terminated
from esr.compression.prune import prune
from esr.packed.store import PackedSet
from esr.recipes.read import check
from esr.recipes.rows import Prune
from esr.recipes.scale import TrainingRule
from esr.training.curve import Point
from esr.training.plan import Plan
from esr.training.validation import Validated, Validation
from esr.weights.weights_file import load_network
from tests.laid_project import GRAPH, RAW, lay_sets, lay_weights
from tests.packed_sets import coded_set

NODE = GRAPH.find("prune", "slimrlfn-pruned")
ARGUMENTS = {"channels": 8, "blocks": 1, "esa_channels": 4}  # two layers that may shrink to 4: 16 channels, 8 to spare
LENGTH = 2  # iterations of a round
LINES = ("channels", "psnr", "kept", "stopped_by")


class Rounds:
    """A watch that keeps what it is told of, and may ask to stop in a round at an iteration."""

    def __init__(self, stop_at: tuple[int, int] | None = None) -> None:
        self.stop_at, self.terminated = stop_at, 0
        self.steps = list[tuple[int, int]]()  # round, iteration
        self.kept = dict[int, float]()
        self.said = list[str]()

    def say(self, text: str) -> None:
        self.said.append(text)

    def picture(self, name: str, image: object, step: int) -> None:
        pass

    def point(self, name: str, point: Point) -> None:
        pass

    def progress(self, name: str, done: int, total: int, samples: int) -> None:
        self.steps.append((int(name.rsplit(" ", 1)[1]), done))
        self.terminated = SIGTERM if self.steps[-1] == self.stop_at else 0

    def measured(self, step: int, **values: float) -> None:
        self.kept[step] = values["round_kept"]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> PackedSet:
    return coded_set(tmp_path_factory.mktemp("coded"), [(64, 64)] * 4)


@pytest.fixture
def row(images: PackedSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Prune:
    """The shipped row with rounds of three channels, in a folder that has what it starts from."""
    monkeypatch.chdir(tmp_path)
    params = lay_sets(check(RAW), images.manifest.parent)
    row = params.prune["slimrlfn-pruned"]
    lay_weights(NODE, row.from_, row.network, ARGUMENTS)
    return row.model_copy(
        update={"channels_per_round": 3, "patch": 64, "batch": 2, "largest_psnr_loss": 0.5, "most_rounds": 9}
    )


def scored(monkeypatch: pytest.MonkeyPatch, psnrs: Iterable[float]) -> None:
    """Have validations give these PSNRs in turn: of the unpruned network, then of each round."""
    left = iter(psnrs)
    monkeypatch.setattr(Validation, "__call__", lambda *_: Validated(next(left), np.zeros((4, 4, 3), np.uint8)))


def pruned(row: Prune, watch: Rounds | None = None, **length: int) -> tuple[list[tuple[str, ...]], int]:
    """What rounds.csv says, and the channels of the network that is handed on."""
    rule = TrainingRule.model_validate({"length": {"prune_round": LENGTH, **length}, "validate_every": LENGTH})
    prune(row, rule, check(RAW).engine, NODE, Path("checkpoints"), watch or Rounds())
    with NODE.output("rounds.csv").open() as file:
        lines = [tuple(line[name] for name in LINES) for line in csv.DictReader(file)]
    network, info = load_network(NODE.output("weights.safetensors"))
    assert isinstance(network, nn.Module)
    widths: Any = info.arguments["widths"]
    return lines, sum(widths)


def test_the_round_that_passes_the_limit_ends_it_and_the_one_before_is_handed_on(
    row: Prune, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loss of 0.5 dB, the limit itself, is allowed; 0.501 is not. The last score is never asked for."""
    scored(monkeypatch, [30.0, 29.8, 29.5, 29.499, 30.0])
    watch = Rounds()
    lines, channels = pruned(row, watch)
    assert lines == [
        ("16", "30.0", "True", ""),
        ("13", "29.8", "True", ""),
        ("10", "29.5", "True", ""),
        ("8", "29.499", "False", "largest_psnr_loss"),
    ]
    assert channels == 10
    assert watch.kept == {1: 1.0, 2: 1.0, 3: 0.0}
    assert watch.said[-1] == "stops: largest_psnr_loss"


def test_a_gain_is_no_loss_and_losses_are_below_the_unpruned_network(
    row: Prune, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From 31 to 29.6 dB between two rounds is allowed: 29.6 is 0.4 dB below the unpruned network's 30."""
    scored(monkeypatch, [30.0, 31.0, 29.6])
    lines, channels = pruned(row.model_copy(update={"most_rounds": 2}))
    assert [line[2:] for line in lines] == [("True", ""), ("True", ""), ("True", "most_rounds")]
    assert channels == 10


@pytest.mark.parametrize(
    ("at_most", "stopped_by"), [({}, "most_rounds"), ({"prune_rounds_at_most": 1}, "prune_rounds_at_most")]
)
def test_rounds_end_where_the_row_or_the_scale_says(
    row: Prune, monkeypatch: pytest.MonkeyPatch, at_most: dict[str, int], stopped_by: str
) -> None:
    scored(monkeypatch, [30.0] * 4)
    lines, channels = pruned(row.model_copy(update={"most_rounds": 2}), None, **at_most)
    assert len(lines) - 1 == at_most.get("prune_rounds_at_most", 2)
    assert lines[-1][-1] == stopped_by
    assert channels == int(lines[-1][0])


def test_rounds_end_when_every_layer_has_come_down_to_four_channels(
    row: Prune, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored(monkeypatch, [30.0] * 10)
    lines, channels = pruned(row)
    assert [line[0] for line in lines] == ["16", "13", "10", "8"]
    assert lines[-1][-1] == "fewest channels"
    assert channels == 8


def test_a_network_below_its_limit_is_handed_on_unpruned(row: Prune, monkeypatch: pytest.MonkeyPatch) -> None:
    scored(monkeypatch, [30.0])
    row = row.model_copy(update={"largest_psnr_loss": -0.1})
    assert pruned(row) == ([("16", "30.0", "False", "largest_psnr_loss")], 16)


def test_a_killed_pruning_goes_on_inside_its_round(row: Prune, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Rounds that are done are not trained again, and of the one that was killed only what is left."""
    psnrs = [30.0, 29.9, 29.8]
    row = row.model_copy(update={"most_rounds": 2})
    scored(monkeypatch, psnrs)
    with pytest.raises(Terminated, match="round 2 was asked to stop at iteration 1"):
        pruned(row, Rounds(stop_at=(2, 1)))
    scored(monkeypatch, [30.0, 29.8])  # the first round's was saved with its curve
    resumed = Rounds()
    lines, _ = pruned(row, resumed)
    assert resumed.steps == [(2, 2)]
    weights = NODE.output("weights.safetensors").read_bytes()

    (tmp_path / "checkpoints").rename("others")
    scored(monkeypatch, psnrs)
    whole = Rounds()
    assert pruned(row, whole)[0] == lines
    assert whole.steps == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert NODE.output("weights.safetensors").read_bytes() == weights


def test_each_round_draws_what_comes_after_the_round_before(row: Prune, monkeypatch: pytest.MonkeyPatch) -> None:
    from esr.compression import prune as module

    plans = list[Plan]()

    def caught(network: nn.Module, plan: Plan, *_: object) -> tuple[nn.Module, list[Point]]:
        plans.append(plan)
        return network, [Point(LENGTH, 0.0, 0.0, 30.0)]

    monkeypatch.setattr(module, "train", caught)
    scored(monkeypatch, [30.0])
    pruned(row.model_copy(update={"most_rounds": 2}))
    first, second = plans
    assert (first.before, second.before) == (0, LENGTH)
    whole = [hr for _, hr in first.data.batches(0, 2 * LENGTH)]
    parts = [hr for plan in plans for _, hr in plan.data.batches(0, LENGTH)]
    assert all(torch.equal(a, b) for a, b in zip(whole, parts, strict=True))
