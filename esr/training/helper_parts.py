"""What stands in a helper process for the parts of a training that rank 0 alone has: nothing is shown or saved."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from torch import nn

from esr.training.checkpoints import Checkpoints, State
from esr.training.curve import Point
from esr.training.plan import Plan
from esr.training.validation import Validated

NOTHING = Validated(0.0, np.zeros((1, 1, 3), np.uint8))


class Silence:
    """A watch that shows nothing and never asks to stop: a helper stops with rank 0."""

    terminated = 0

    def say(self, text: str) -> None:
        """Do nothing."""

    def progress(self, name: str, done: int, total: int, samples: int) -> None:
        """Do nothing."""

    def point(self, name: str, point: Point) -> None:
        """Do nothing."""

    def picture(self, name: str, image: NDArray[np.uint8], step: int) -> None:
        """Do nothing."""


class OnlyRead(Checkpoints):
    """Checkpoints to go on from, which rank 0 writes."""

    def due(self) -> bool:
        """False."""
        return False

    def save(self, state: State) -> None:
        """Do nothing."""


def plan_of_helper(plan: Plan) -> Plan:
    """The plan of a helper: the same steps, nothing to validate."""

    def nothing(network: nn.Module) -> Validated:
        return NOTHING

    return replace(plan, data=replace(plan.data, validate=nothing))
