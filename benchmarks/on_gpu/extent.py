"""How much is measured: on a GPU all of it, in a rehearsal next to nothing of everything."""

from dataclasses import dataclass
from pathlib import Path

from on_gpu.plan import NETWORKS


@dataclass(frozen=True)
class Extent:
    """The sizes of everything.

    Attributes:
        batch, patch: of a training, HR pixels on a side; ``large`` is the patch of the last phases.
        iterations, warm_up: of a timed training at ``batch`` and ``patch``, a multiple of the latter.
        fewest_warm_up: iterations at other sizes: a CUDA graph is recorded in the fourth.
        rounds: of trainings that alternate.
        exact_batch, exact_patch, exact_iterations: of trainings that are held against each other, weight by weight.
        killed_iterations: of the training that is killed, which saves its first state after a second.
        photographs: 1024x768 each, to train with.
        networks: esr's, the teacher among them.
        precisions: of the table.
        peak_times: that the convolution at its best is timed.
        passes_seconds: for a session of run times.
        official_images: passes of the challenge's protocol.
        teacher: channels of RLFN with six blocks.
        train_seconds: of the real training where nothing else is asked for.
        size: in place of every size of image, LR height and width; None, and the sizes stay.
    """

    batch: int = 64
    patch: int = 256
    large: int = 640
    iterations: int = 60
    warm_up: int = 15
    fewest_warm_up: int = 5
    rounds: int = 3
    exact_batch: int = 16
    exact_patch: int = 128
    exact_iterations: int = 200
    killed_iterations: int = 600
    photographs: int = 32
    networks: tuple[str, ...] = NETWORKS
    precisions: tuple[str, ...] = ("tf32", "fp32", "bf16")
    peak_times: int = 30
    passes_seconds: float = 15
    official_images: int = 100
    teacher: int = 196
    train_seconds: float = 1200
    size: tuple[int, int] | None = None

    def iterations_of(self, batch: int, patch: int) -> tuple[int, int]:
        """Timed iterations, and those before, of about as long a time at another batch and patch."""
        work = batch * patch**2 / (self.batch * self.patch**2)
        warm_up = max(self.fewest_warm_up, round(self.warm_up / work**0.8))
        return warm_up * self.iterations // self.warm_up, warm_up


FULL = Extent()
TINY = Extent(
    batch=2,
    patch=64,
    large=96,
    iterations=2,
    warm_up=1,
    fewest_warm_up=1,
    rounds=1,
    exact_batch=2,
    exact_patch=64,
    exact_iterations=4,
    killed_iterations=60,
    photographs=2,
    networks=("slimrlfn", "rlfn"),
    precisions=("tf32",),
    peak_times=1,
    passes_seconds=0.2,
    official_images=2,
    teacher=8,
    train_seconds=1,
    size=(16, 24),
)


@dataclass(frozen=True)
class Given:
    """What every step is given.

    Attributes:
        extent: how much.
        work: folder for what is made on the way, such as packed photographs.
        luggage: folder of what was brought along: BasicSR, images, a released checkpoint.
        train_minutes: of the real training; None for the extent's.
    """

    extent: Extent
    work: Path
    luggage: Path
    train_minutes: float | None = None

    @property
    def basicsr(self) -> Path | None:
        """BasicSR's checkout, if it was brought along."""
        checkout = self.luggage / "BasicSR"
        return checkout if checkout.is_dir() else None
