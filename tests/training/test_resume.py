"""A training that is interrupted anywhere ends with the bytes of one that is not."""

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from esr.errors import EsrError, Terminated
from esr.recipes.engine import EngineSettings
from esr.training.checkpoints import Checkpoints
from esr.training.curve import Point
from esr.training.engine import Engine
from esr.training.loop import train
from esr.training.plan import Data, Forward, Plan
from esr.training.validation import Validated


class Quiet:
    """A watch that shows nothing and may ask to stop at an iteration."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.stop_at, self.terminated, self.points = stop_at, False, list[Point]()

    def say(self, text: str) -> None: ...

    def picture(self, name: str, image: object, step: int) -> None: ...

    def point(self, name: str, point: Point) -> None:
        self.points.append(point)

    def progress(self, name: str, done: int, total: int, samples: int) -> None:
        self.terminated = done == self.stop_at


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 48, 3, padding=1), nn.PixelShuffle(4))


def batches(first: int, end: int) -> Iterator[tuple[Tensor, Tensor]]:
    for iteration in range(first, end):
        generator = torch.Generator().manual_seed(iteration)
        yield torch.rand(2, 3, 8, 8, generator=generator), torch.rand(2, 3, 32, 32, generator=generator)


def objective(network: Forward, lr: Tensor, hr: Tensor) -> Tensor:
    return (network(lr) - hr).abs().mean()


PICTURE = np.zeros((4, 12, 3), np.uint8)
PLAN = Plan(
    name="train x",
    iterations=57,
    rate=lambda iteration: 1e-2 / (1 + iteration),
    betas=(0.9, 0.999),
    clip_gradients=None,
    ema_decay=0.9,
    objective=objective,
    data=Data(batches, lambda network: Validated(30.0, PICTURE), validate_every=20),
    engine=Engine(EngineSettings(), torch.device("cpu")),
)


def content(network: nn.Module) -> bytes:
    buffer = io.BytesIO()
    torch.save(network.state_dict(), buffer)
    return buffer.getvalue()


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
    assert state is not None and state["done"] == 10
    trained, curve = train(network(), PLAN, Checkpoints(tmp_path), Quiet())
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
        for iteration, (lr, hr) in enumerate(batches(first, end), first):
            yield lr * (float("nan") if iteration == 22 else 1.0), hr

    plan = replace(PLAN, data=replace(PLAN.data, batches=spoilt))
    message = r"not finite at iteration 23 \(learning rate 0.000435\); the last good checkpoint is of iteration 12"
    with pytest.raises(EsrError, match=message):
        train(network(), plan, Checkpoints(tmp_path), Quiet())
    state = Checkpoints(tmp_path).load()
    assert state is not None and state["done"] == 12
