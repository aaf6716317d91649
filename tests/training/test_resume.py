"""A training that is interrupted anywhere ends with the bytes of one that is not."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from torch import Tensor

from esr.common.errors import EsrError, Terminated
from esr.training.checkpoints import Checkpoints
from esr.training.curve import Point
from esr.training.loop import train
from tests.training.small_training import PLAN, Quiet, content, network, random_batches


@pytest.fixture(scope="module")
def unkilled(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[Point]]:
    trained, curve = train(network(), PLAN, Checkpoints(tmp_path_factory.mktemp("unkilled")), Quiet())
    return content(trained), curve


@pytest.mark.parametrize("stop_at", [1, 2, 5, 19, 20, 33, 56])
def test_terminated_and_resumed(tmp_path: Path, unkilled: tuple[bytes, list[Point]], stop_at: int) -> None:
    with pytest.raises(Terminated, match=f"iteration {stop_at}"):
        train(network(), PLAN, Checkpoints(tmp_path), Quiet(stop_at))
    trained, curve = train(network(), PLAN, Checkpoints(tmp_path), Quiet())
    assert (content(trained), curve) == unkilled


def test_a_spoilt_newest_checkpoint_gives_way_to_the_one_before(
    tmp_path: Path, unkilled: tuple[bytes, list[Point]]
) -> None:
    for stop_at in (10, 30):
        with pytest.raises(Terminated):
            train(network(), PLAN, Checkpoints(tmp_path), Quiet(stop_at))
    newest = tmp_path / "latest.ckpt"
    newest.write_bytes(newest.read_bytes()[:-100])
    state = Checkpoints(tmp_path).load()
    assert state is not None and 10 <= state["done"] < 30  # a slow machine saves between the two, too
    trained, curve = train(network(), PLAN, Checkpoints(tmp_path), Quiet())
    assert (content(trained), curve) == unkilled


def test_where_both_checkpoints_are_damaged_it_begins_anew_and_says_so(
    tmp_path: Path, unkilled: tuple[bytes, list[Point]]
) -> None:
    for stop_at in (10, 30):
        with pytest.raises(Terminated):
            train(network(), PLAN, Checkpoints(tmp_path), Quiet(stop_at))
    for checkpoint in tmp_path.iterdir():
        checkpoint.write_bytes(b"noise" + checkpoint.read_bytes()[5:])
    watch = Quiet()
    trained, curve = train(network(), PLAN, Checkpoints(tmp_path), watch)
    assert watch.said == ["begins anew: its checkpoints are damaged"]
    assert (content(trained), curve) == unkilled


def test_a_finished_training_only_hands_on_again(tmp_path: Path, unkilled: tuple[bytes, list[Point]]) -> None:
    train(network(), PLAN, Checkpoints(tmp_path), Quiet())
    again = Quiet()
    trained, curve = train(network(), PLAN, Checkpoints(tmp_path), again)
    assert (content(trained), curve) == unkilled
    assert again.points == []


def test_a_nan_loss_names_iteration_rate_and_last_good_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(Terminated):
        train(network(), PLAN, Checkpoints(tmp_path), Quiet(12))

    def spoilt(first: int, end: int) -> Iterator[tuple[Tensor, Tensor]]:
        for iteration, (lr, hr) in enumerate(random_batches()(first, end), first):
            yield lr * (float("nan") if iteration == 22 else 1.0), hr

    plan = replace(PLAN, data=replace(PLAN.data, batches=spoilt))
    message = r"not finite at iteration 23 \(learning rate 0.000435\); the last good checkpoint is of iteration 12"
    with pytest.raises(EsrError, match=message):
        train(network(), plan, Checkpoints(tmp_path), Quiet())
    state = Checkpoints(tmp_path).load()
    assert state is not None and state["done"] == 12
