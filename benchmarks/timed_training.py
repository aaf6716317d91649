"""Our whole training loop, timed: data, forward, backward, Adam, EMA, logging, checkpoints, all but validation."""

import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from esr.batches.batches import Batches
from esr.compression.fusion import branch_by_branch
from esr.packed.crop import crop
from esr.packed.store import PackedSet, open_set
from esr.recipes.rows import Crop, Download
from esr.recipes.scale import DataRule
from esr.sources.download import download
from esr.training.checkpoints import Checkpoints
from esr.training.curve import Point
from esr.training.engine import Engine
from esr.training.loop import train
from esr.training.losses import l1
from esr.training.objective import Objective, Teacher
from esr.training.plan import Data, Observer, Plan
from esr.training.ranks import ALONE, Ranks
from esr.training.validation import Validated
from esr.weights.weights_file import build_network, data_range_of

RATE, BETAS, EMA = 2e-4, (0.9, 0.99), 0.999


@dataclass(frozen=True)
class Task:
    """What is trained: a network, and the shape of its batches."""

    network: str
    batch: int
    patch: int
    iterations: int  # timed
    warm_up: int = 3  # before that

    def build(self) -> nn.Module:
        """The network: one of esr's own and its form, such as ``SlimRLFN deploy``, with the same weights every time."""
        name, form = self.network.split()
        torch.manual_seed(0)
        network = build_network(f"esr/networks/{name.lower()}.py", {}, deploy=form == "deploy")
        return branch_by_branch(network) if form == "branches" else network

    def __str__(self) -> str:
        return f"{self.network}, batch {self.batch}, HR {self.patch}"


@dataclass
class Stopwatch:
    """Stands in for the stage's watch: the time at which the timed iterations begin and end."""

    warm_up: int
    terminated: int = 0
    begun: float = 0.0
    ended: float = 0.0

    def progress(self, name: str, done: int, total: int, samples: int) -> None:
        """Take the time where it matters, when the device has finished."""
        if done in (self.warm_up, total):
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            self.begun, self.ended = (self.begun, time.perf_counter()) if done == total else (time.perf_counter(), 0.0)

    def say(self, text: str) -> None:
        """Nothing."""

    def point(self, name: str, point: Point) -> None:
        """Nothing."""

    def picture(self, name: str, image: NDArray[np.uint8], step: int) -> None:
        """Nothing."""


def packed(folder: Path) -> PackedSet:
    """``folder``/hr and ``folder``/lr as a packed set, made if it is not there."""
    manifest = folder / "set/manifest.json"
    if not manifest.exists():
        row = Download(use="training", folder=str(folder / "hr"), lr_folder=str(folder / "lr"))
        source = folder / "source/manifest.json"
        download(row, DataRule(stand_in=False, only_source=None), "photographs", source)
        crop(Crop(source="photographs"), source, manifest, folder / "set/images.store")
    return open_set(manifest)


BatchesOf = Callable[[int, int], Iterable[Any]]
"""(first iteration, end) -> batches."""


def plan_of(
    task: Task,
    network: nn.Module,
    engine: Engine,
    batches: BatchesOf,
    teacher: Teacher | None = None,
    ranks: Ranks = ALONE,
) -> Plan:
    """What our loop does with a network of ``task.build()``."""
    return Plan(
        name=str(task),
        iterations=task.warm_up + task.iterations,
        rate=lambda iteration: RATE,
        betas=BETAS,
        clip_gradients=None,
        ema_decay=EMA,
        objectives=[(0, Objective(l1, data_range_of(network), engine, teacher))],
        data=Data(batches, lambda network: Validated(0.0, np.zeros((1, 1, 3), np.uint8)), validate_every=10**9),
        engine=engine,
        ranks=ranks,
    )


def ours(task: Task, engine: Engine, batches: BatchesOf, teacher: Teacher | None = None) -> float:
    """Images per second of our loop."""
    watch = Stopwatch(task.warm_up)
    run(task, engine, batches, watch, teacher)
    return task.batch * task.iterations / (watch.ended - watch.begun)


def run(task: Task, engine: Engine, batches: BatchesOf, watch: Observer, teacher: Teacher | None = None) -> nn.Module:
    """Our loop from beginning to end, with checkpoints that nobody keeps; gives the averaged weights' network."""
    network = task.build()
    with tempfile.TemporaryDirectory() as folder:
        trained, _ = train(network, plan_of(task, network, engine, batches, teacher), Checkpoints(Path(folder)), watch)
    return trained


def crops_of(images: PackedSet, task: Task, device: torch.device, **options: Any) -> Callable[[int, int], Batches]:
    """The batches of a task."""
    return lambda first, end: Batches(
        images, task.patch, task.batch, first_iteration=first, iterations=end, device=device, **options
    )


def one_batch(task: Task, device: torch.device) -> BatchesOf:
    """The same random batch again and again: a loop that never waits for data."""
    images = [torch.rand(task.batch, 3, side, side, device=device) for side in (task.patch // 4, task.patch)]
    pair = tuple(image.contiguous(memory_format=torch.channels_last) for image in images)
    return lambda first, end: (pair for _ in range(first, end))
