"""What a run shows while it is at work, as plain values; ``esr.driving.run_view`` draws them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from esr.common.how_far import HowFar


@dataclass(frozen=True)
class AtWork:
    """A stage that runs.

    Attributes:
        name: DVC's, such as ``finetune@slimrlfn-640``.
        seconds: since it began.
        how_far: it has come.
        psnr: in dB, at its last validation; None: it has none.
    """

    name: str
    seconds: float
    how_far: HowFar
    psnr: float | None = None


@dataclass(frozen=True)
class ReachedPsnr:
    """The PSNR in dB of an entry's network, on its held-out images."""

    entry: str
    psnr: float


@dataclass(frozen=True)
class RunState:
    """A run at a moment.

    Attributes:
        done: how many of its stages have ended well.
        stages: how many it has.
        at_work: those that run.
        failed: how many have ended otherwise.
        left: seconds that the whole run has left, roughly; None while that is not known.
        best: the best validation so far; None while there is none.
        stopping: whether it was asked to stop.
    """

    done: int
    stages: int
    at_work: Sequence[AtWork] = ()
    failed: int = 0
    left: float | None = None
    best: ReachedPsnr | None = None
    stopping: bool = False

    @property
    def waiting(self) -> int:
        """How many stages have not begun."""
        return max(0, self.stages - self.done - len(self.at_work) - self.failed)


def best_of(validations: Iterable[ReachedPsnr]) -> ReachedPsnr | None:
    """The one with the highest PSNR; of equal ones the first."""
    return max(validations, key=lambda each: each.psnr, default=None)
