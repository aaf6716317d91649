"""Our whole training loop, timed: data, forward, backward, Adam, EMA, logging, checkpoints, all but validation."""

import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from esr.batches.batches import Batches
from esr.compression.fusion import branch_by_branch
from esr.networks.r2net import R2Net
from esr.networks.slimrlfn import SlimRLFN
from esr.packed.crop import crop
from esr.packed.store import PackedSet, open_set
from esr.recipes.rows import Crop, Download
from esr.recipes.scale import DataRule
from esr.sources.download import download
from esr.training.checkpoints import Checkpoints
from esr.training.engine import Engine
from esr.training.loop import train
from esr.training.losses import l1
from esr.training.objective import Objective, Teacher
from esr.training.plan import Data, Plan
from esr.training.validation import Validated
from esr.weights.weights_file import data_range_of

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
        """The network: its class and form by name, such as ``SlimRLFN deploy``."""
        name, form = self.network.split()
        network = {"SlimRLFN": SlimRLFN, "R2Net": R2Net}[name](deploy=form == "deploy")
        return branch_by_branch(network) if form == "branches" else network

    def __str__(self) -> str:
        return f"{self.network}, batch {self.batch}, HR {self.patch}"


@dataclass
class Stopwatch:
    """Stands in for the stage's watch: the time at which the timed iterations begin and end."""

    warm_up: int
    terminated: bool = False
    begun: float = 0.0
    ended: float = 0.0

    def progress(self, name: str, done: int, total: int, samples: int) -> None:
        """Take the time where it matters, when the device has finished."""
        if done in (self.warm_up, total):
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            self.begun, self.ended = (self.begun, time.perf_counter()) if done == total else (time.perf_counter(), 0.0)

    def say(self, *_: object) -> None:
        """Nothing."""

    point = picture = say


def packed(folder: Path) -> PackedSet:
    """``folder``/hr and ``folder``/lr as a packed set, made if it is not there."""
    manifest = folder / "set/manifest.json"
    if not manifest.exists():
        row = Download(use="training", folder=str(folder / "hr"), lr_folder=str(folder / "lr"))
        source = folder / "source/manifest.json"
        download(row, DataRule(stand_in=False, only_source=None), "photographs", source)
        crop(Crop(source="photographs"), source, manifest, folder / "set/images.store")
    return open_set(manifest)


def ours(
    task: Task, engine: Engine, batches: Callable[[int, int], Iterable[Any]], teacher: Teacher | None = None
) -> float:
    """Images per second of our loop."""
    torch.manual_seed(0)
    network = task.build()
    plan = Plan(
        name=str(task),
        iterations=task.warm_up + task.iterations,
        rate=lambda iteration: RATE,
        betas=BETAS,
        clip_gradients=None,
        ema_decay=EMA,
        objectives=[(0, Objective(l1, data_range_of(network), engine, teacher))],
        data=Data(batches, lambda network: Validated(0.0, np.zeros((1, 1, 3), np.uint8)), validate_every=10**9),
        engine=engine,
    )
    watch = Stopwatch(task.warm_up)
    with tempfile.TemporaryDirectory() as folder:
        train(network, plan, Checkpoints(Path(folder)), watch)  # type: ignore[arg-type]
    return task.batch * task.iterations / (watch.ended - watch.begun)


def crops_of(images: PackedSet, task: Task, device: torch.device, **options: Any) -> Callable[[int, int], Batches]:
    """The batches of a task."""
    return lambda first, end: Batches(
        images, task.patch, task.batch, first_iteration=first, iterations=end, device=device, **options
    )


def one_batch(task: Task, device: torch.device) -> Callable[[int, int], Iterable[Any]]:
    """The same random batch again and again: a loop that never waits for data."""
    images = [torch.rand(task.batch, 3, side, side, device=device) for side in (task.patch // 4, task.patch)]
    pair = tuple(image.contiguous(memory_format=torch.channels_last) for image in images)
    return lambda first, end: (pair for _ in range(first, end))
