"""What a training makes small: the distance to HR, and to a teacher's output where there is a teacher."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from esr.training.engine import Engine
from esr.training.losses import Loss


@dataclass(frozen=True)
class Teacher:
    """A frozen network whose output is a second target.

    Attributes:
        forward: maps (N, 3, h, w) to (N, 3, 4h, 4w), both in [0, data_range].
        data_range: 1.0 or 255.0.
        weight: of the distance to its output, beside 1 for the distance to HR.
    """

    forward: Callable[[Tensor], Tensor]
    data_range: float
    weight: float

    @staticmethod
    def of(network: nn.Module, data_range: float, weight: float, engine: Engine) -> "Teacher":
        """A network, frozen and made fast."""
        return Teacher(engine.compiled(engine.placed(network).eval()), data_range, weight)

    def target(self, lr: Tensor, engine: Engine) -> Tensor:
        """Its output for lr (N, 3, h, w) in [0, 1]: fp32 (N, 3, 4h, 4w) in about [0, 1]."""
        with torch.inference_mode(), engine.teacher_autocast():
            output = self.forward(lr * self.data_range)
        return output.float() / self.data_range  # made outside inference mode: a tensor that a gradient may be kept for


@dataclass(frozen=True)
class Objective:
    """Loss to HR + weight x loss to the teacher's output.

    Images are in [0, 1] whatever range a network works in, so that losses of all networks are of one size.
    """

    distance: Loss
    data_range: float
    engine: Engine
    teacher: Teacher | None = None

    def __call__(self, forward: Callable[[Tensor], Tensor], lr: Tensor, hr: Tensor) -> Tensor:
        """lr (N, 3, h, w) and hr (N, 3, 4h, 4w) in [0, 1] -> fp32 scalar."""
        with self.engine.autocast():
            output = forward(lr * self.data_range)
        output = output.float() / self.data_range
        loss = self.distance(output, hr)
        if self.teacher is None:
            return loss
        target = self.teacher.target(lr, self.engine)
        return loss + self.teacher.weight * self.distance(output, target)
