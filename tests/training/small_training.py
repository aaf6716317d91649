"""A training of seconds: a tiny network, random batches, and a watch that shows nothing and may ask to stop."""

import io
from collections.abc import Iterator
from signal import SIGTERM
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from esr.recipes.engine_settings import EngineSettings
from esr.training.curve import Point
from esr.training.engine import Engine
from esr.training.plan import Data, Forward, Plan
from esr.training.validation import Validated

CPU = torch.device("cpu")
PICTURE = np.zeros((4, 12, 3), np.uint8)


class Quiet:
    """A watch that shows nothing and may ask to stop at an iteration."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.stop_at, self.terminated = stop_at, 0
        self.points, self.pictures, self.said = list[Point](), list[int](), list[str]()

    def say(self, text: str) -> None:
        self.said.append(text)

    def picture(self, name: str, image: object, step: int) -> None:
        self.pictures.append(step)

    def point(self, name: str, point: Point) -> None:
        self.points.append(point)

    def measured(self, step: int, **values: float) -> None:
        pass

    def progress(self, name: str, done: int, total: int, samples: int) -> None:
        self.terminated = SIGTERM if done == self.stop_at else 0


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 48, 3, padding=1), nn.PixelShuffle(4))


def random_batches(device: torch.device = CPU, count: int = 2, side: int = 8) -> Any:
    """(first, end) -> batches; the batch of an iteration is always the same."""

    def batches(first: int, end: int) -> Iterator[tuple[Tensor, Tensor]]:
        for iteration in range(first, end):
            generator = torch.Generator().manual_seed(iteration)
            sides = (side, 4 * side)
            lr, hr = (torch.rand(count, 3, pixels, pixels, generator=generator) for pixels in sides)
            yield lr.to(device), hr.to(device)

    return batches


def objective(forward: Forward, lr: Tensor, hr: Tensor) -> Tensor:
    return (forward(lr) - hr).abs().mean()


def content(network: nn.Module) -> bytes:
    """Every bit of a network's weights."""
    buffer = io.BytesIO()
    torch.save({name: tensor.cpu() for name, tensor in network.state_dict().items()}, buffer)
    return buffer.getvalue()


PLAN = Plan(
    name="train x",
    iterations=57,
    rate=lambda iteration: 1e-2 / (1 + iteration),
    betas=(0.9, 0.999),
    clip_gradients=None,
    ema_decay=0.9,
    objectives=[(0, objective)],
    data=Data(random_batches(), lambda network: Validated(30.0, PICTURE), validate_every=20),
    engine=Engine(EngineSettings(), CPU),
)
