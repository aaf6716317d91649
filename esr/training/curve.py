"""The training curve, and what it must not do: end in NaN, or shoot up."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from esr.common.files import write_text

LONGEST_INTERVAL = 100  # iterations between two points: the host waits for the device once in an interval
DIVERGED = 10.0  # times the lowest loss of an interval so far


@dataclass(frozen=True)
class Point:
    """A point of the training curve: the mean loss since the point before, and the state at an iteration."""

    iteration: int
    loss: float
    learning_rate: float
    psnr: float | None


class Curve:
    """The losses since the last point, kept on the device so that nothing waits for them, and the points."""

    def __init__(self, iterations: int, device: torch.device, changes: Sequence[int] = ()) -> None:
        """Prepare for a training of ``iterations``, whose loss becomes another one at the iterations ``changes``."""
        self.changes = changes
        self.points: list[Point] = []
        self.interval = max(1, min(LONGEST_INTERVAL, iterations // 10))
        self._losses = torch.zeros(self.interval, device=device)

    def note(self, iteration: int, loss: Tensor) -> None:
        """Keep the loss (a scalar) of an iteration, from 0."""
        self._losses[iteration % self.interval].copy_(loss)

    def add(self, done: int, learning_rate: float, psnr: float | None) -> Point:
        """The point after ``done`` iterations."""
        mean = float(self._losses[: self._noted(done)].mean())
        self.points.append(Point(done, mean, learning_rate, psnr))
        return self.points[-1]

    def trouble(self, done: int) -> tuple[int, str] | None:
        """The iteration (from 1) at which the loss went wrong since the last point, and how; None where it did not.

        A loss that is not finite is always wrong. Above ten times its lowest level so far it has diverged; levels are
        means over 100 iterations, so phases under a thousand iterations, whose intervals are shorter, are not judged.
        Only levels of one and the same loss are compared.
        """
        noted = self._losses[: self._noted(done)]
        finite = torch.isfinite(noted)
        if not bool(finite.all()):
            return done - len(noted) + int((~finite).nonzero()[0]) + 1, "is not finite"
        changed = max((change for change in self.changes if change < done), default=0)
        levels = [point.loss for point in self.points if point.iteration - self.interval >= changed]
        if self.interval == len(noted) == LONGEST_INTERVAL and levels:
            level, lowest = float(noted.mean()), min(levels)
            if level > DIVERGED * lowest:
                return done, f"has diverged: {level:.3g} on average, after {lowest:.3g}"
        return None

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"losses": self._losses, "points": [tuple(asdict(point).values()) for point in self.points]}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self._losses.copy_(state["losses"])
        self.points = [Point(*point) for point in state["points"]]

    def _noted(self, done: int) -> int:
        return done % self.interval or self.interval


def write_curve(path: Path, points: Sequence[Point]) -> None:
    """Write the curve as CSV for `dvc plots`."""
    text = io.StringIO()
    writer = csv.DictWriter(text, ["iteration", "loss", "learning_rate", "psnr"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(point) for point in points)
    write_text(path, text.getvalue())
