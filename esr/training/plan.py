"""What a training does, as plain values and functions: everything that the loop needs to know."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from esr.training.curve import Point
from esr.training.engine import Engine
from esr.training.ranks import ALONE, Ranks
from esr.training.validation import Validated

Forward = Callable[[Tensor], Tensor]
Goal = Callable[[Forward, Tensor, Tensor], Tensor]
"""(forward, lr, hr) -> scalar loss; lr and hr are (N, 3, h, w) and (N, 3, 4h, 4w) in [0, 1], forward is the network or
its compiled form."""


class Observer(Protocol):
    """Receives what a training does and may ask it to stop. In a stage it is an esr.stages.watch.Watch."""

    terminated: int  # 0, or the signal that asked to stop

    def say(self, text: str) -> None:
        """One line for people."""

    def progress(self, name: str, done: int, total: int, samples: int) -> None:
        """``done`` of ``total`` iterations of ``samples`` images each."""

    def point(self, name: str, point: Point) -> None:
        """A point of the curve."""

    def picture(self, name: str, image: NDArray[np.uint8], step: int) -> None:
        """A picture, uint8 HWC."""


@dataclass(frozen=True)
class Data:
    """What a training sees.

    Attributes:
        batches: (first iteration, end) -> the batches (lr, hr) of these iterations, on the network's device.
        validate: network -> PSNR in dB on the held-out images, and a picture.
        validate_every: iterations between two validations; the last iteration is always validated.
    """

    batches: Callable[[int, int], Iterable[tuple[Tensor, Tensor]]]
    validate: Callable[[nn.Module], Validated]
    validate_every: int


@dataclass(frozen=True)
class Plan:
    """What a training does.

    Attributes:
        name: the stage, for messages.
        iterations: length.
        rate: learning rate as a function of the iteration, from 0.
        betas: Adam's.
        clip_gradients: largest norm of all gradients together; None leaves them as they are.
        ema_decay: of the averaged weights; None hands on the last weights.
        objectives: what is made small, and from which iteration on: the first from 0, in order.
        data: batches and validation.
        engine: device, precision and kernels.
        ranks: this process and the others that share every batch.
        seed: the stage's, of what the network draws in a step, as dropout does.
        before: iterations of the stage that came before: those of earlier pruning rounds.
    """

    name: str
    iterations: int
    rate: Callable[[int], float]
    betas: tuple[float, float]
    clip_gradients: float | None
    ema_decay: float | None
    objectives: Sequence[tuple[int, Goal]]
    data: Data
    engine: Engine
    ranks: Ranks = ALONE
    seed: int = 0
    before: int = 0

    def objective(self, iteration: int) -> Goal:
        """What an iteration makes small."""
        return self.objectives[bisect_right([begin for begin, _ in self.objectives], iteration) - 1][1]
