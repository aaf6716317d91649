"""A clock that the networks themselves turn, so that every expected number is exact."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from esr.recipes.scale import Measuring
from esr.timing.session import Candidate, Session, compare

RULE = Measuring(sizes=[(16, 24)], seconds=1, narrow=1)


class Clock:
    """Stands still but for the passes; each takes longer than the one before by ``drift`` milliseconds."""

    def __init__(self) -> None:
        self.milliseconds = 0.0
        self.drift = 0.0
        self.passes = 0

    def spend(self, milliseconds: float) -> float:
        """Let a pass take so long; gives how long it took."""
        taken = milliseconds + self.drift * self.passes
        self.milliseconds += taken
        self.passes += 1
        return taken


class Network(nn.Module):
    """Calls ``work`` at each pass; so does each of its copies."""

    def __init__(self, work: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3)
        self.work = work

    def forward(self, x: Tensor) -> Tensor:
        self.work(x)
        return x


def taking(clock: Clock, milliseconds: float) -> Network:
    """A network whose passes take so long."""
    return Network(lambda _: clock.spend(milliseconds))


def session(baseline: nn.Module, *networks: nn.Module, rule: Measuring = RULE) -> Session:
    """Networks called A, B, ... beside a baseline, by ``rule`` on its first size."""
    candidates = [Candidate(name, network) for name, network in zip("ABC", networks, strict=False)]
    return compare(candidates, Candidate("baseline", baseline), rule.sizes[0], torch.device("cpu"), rule)
