"""How fast this machine trains a network: a few real iterations of the training loop, on photographs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn

from esr.batches.batches import Batches
from esr.common.factor import SCALE
from esr.inference.super_resolve import super_resolve
from esr.packed.store import PackedSet
from esr.planning.phases import TrainingStage
from esr.recipes.rows import Optimisation, Phase
from esr.recipes.step import NetworkSpec
from esr.training.checkpoints import Checkpoints
from esr.training.engine import WARM_UP, Engine
from esr.training.helper_parts import Silence
from esr.training.loop import train
from esr.training.losses import loss_of
from esr.training.objective import Objective, Teacher
from esr.training.plan import Data, Plan
from esr.training.validation import Validation
from esr.weights.weights_file import build_network, data_range_of

SECONDS_ENOUGH = 2.0  # seconds of timed iterations after which there are enough of them
FEWEST, MOST = 3, 50  # timed iterations
HEAVIEST = 3.0  # seconds: a heavier iteration is timed on fewer patches and multiplied


@dataclass(frozen=True)
class Pace:
    """What was measured of a training stage.

    Attributes:
        seconds: of an iteration at the stage's own batch, median.
        fastest, slowest: the tenth and the ninetieth percentile of the timed iterations.
        start: seconds before the first timed iteration: building, compiling, recording.
        timed: iterations.
        timed_batch: patches per timed iteration; fewer than the stage's where that is too heavy for this machine.
        inference: seconds to enlarge an image, per LR pixel.
        gpu_bytes: GPU memory at the stage's own batch: the peak where a GPU was measured, else what one pass keeps
            for its gradients, counted, which leaves out what kernels need besides.
    """

    seconds: float
    fastest: float
    slowest: float
    start: float
    timed: int
    timed_batch: int
    inference: float
    gpu_bytes: float


def measure(stage: TrainingStage, engine: Engine, images: PackedSet) -> Pace:
    """Train a stage's network for a few iterations at the stage's patch and batch."""
    network = build_network(stage.network.file, stage.network.arguments, stage.network.deploy)
    inference = _inference(network, engine, images)
    batch = _bearable_batch(stage, network, engine, images)
    while True:
        try:
            times, start = _timed(stage, network, engine, images, batch)
            break
        except torch.cuda.OutOfMemoryError:
            if batch == 1:
                raise
            batch //= 2
    share = stage.schedule.batch / batch
    ordered = sorted(times)
    tenth = len(ordered) // 10
    return Pace(
        seconds=statistics.median(times) * share,
        fastest=ordered[tenth] * share,
        slowest=ordered[-1 - tenth] * share,
        start=start,
        timed=len(times),
        timed_batch=batch,
        inference=inference,
        gpu_bytes=_gpu_bytes(stage, network, engine, images, share),
    )


def _gpu_bytes(stage: TrainingStage, network: nn.Module, engine: Engine, images: PackedSet, share: float) -> float:
    if engine.device.type == "cuda":
        return torch.cuda.max_memory_reserved() * share
    kept: dict[int, int] = {}
    own = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    side = stage.schedule.patch // SCALE
    image = torch.zeros(1, 3, side, side).to(memory_format=torch.channels_last)
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        network.train()(image)
    return float(sum(kept.values())) * stage.schedule.batch


def _bearable_batch(stage: TrainingStage, network: nn.Module, engine: Engine, images: PackedSet) -> int:
    """The stage's batch, or on a CPU what it can do of it in a few seconds."""
    if engine.device.type == "cuda":
        return stage.schedule.batch
    (second,), _ = _timed(stage, network, engine, images, batch=1, once=True)
    return max(1, min(stage.schedule.batch, int(HEAVIEST / second)))


def _timed(
    stage: TrainingStage,
    network: nn.Module,
    engine: Engine,
    images: PackedSet,
    batch: int,
    once: bool = False,
) -> tuple[list[float], float]:
    """Seconds of each timed iteration (of a single one with ``once``), and of all that came before them."""
    begun = time.perf_counter()
    clock = _Clock(engine.device, 1, 1, 0.0) if once else _Clock(engine.device, WARM_UP, FEWEST, SECONDS_ENOUGH)
    row = stage.row

    def batches(first: int, end: int) -> Iterator[tuple[Tensor, Tensor]]:
        return clock.around(Batches(images, stage.schedule.patch, batch, iterations=end, device=engine.device))

    data_range = data_range_of(network)
    plan = Plan(
        name=stage.node.name,
        iterations=10 * (WARM_UP + MOST),
        rate=lambda iteration: 0.0,  # a step takes as long, and the weights stay as they are
        betas=row.betas,
        clip_gradients=row.clip_gradients,
        ema_decay=row.ema_decay if isinstance(row, Phase) else None,
        objectives=[(0, Objective(loss_of(row, row.loss), data_range, engine, _teacher(row, stage.teacher, engine)))],
        data=Data(batches, Validation(images, data_range), validate_every=10**9),
        engine=engine,
    )
    if engine.device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    with TemporaryDirectory() as folder, suppress(_Enough):
        train(network, plan, Checkpoints(Path(folder)), Silence())
    return clock.seconds, clock.first - begun


def _teacher(row: Optimisation, spec: NetworkSpec | None, engine: Engine) -> Teacher | None:
    if spec is None:
        return None
    network = build_network(spec.file, spec.arguments, spec.deploy)
    return Teacher.of(network, data_range_of(network), getattr(row, "teacher_weight", 1.0), engine)


def _inference(network: nn.Module, engine: Engine, images: PackedSet) -> float:
    placed, data_range = engine.placed(network).eval(), data_range_of(network)
    image = images.lr(0)[:96, :96]
    super_resolve(placed, image, data_range)
    start = time.perf_counter()
    super_resolve(placed, image, data_range)
    return (time.perf_counter() - start) / float(image.shape[0] * image.shape[1])


class _Enough(Exception):
    """Ends the training from within its batches, when enough of them are timed."""


class _Clock:
    """Stands between the training loop and its batches: from one to the next is an iteration."""

    def __init__(self, device: torch.device, warm_up: int, fewest: int, patience: float) -> None:
        self.seconds: list[float] = []
        self.first = self._last = 0.0
        self._device, self._warm_up, self._fewest, self._patience = device, warm_up, fewest, patience

    def around(self, batches: Batches) -> Iterator[tuple[Tensor, Tensor]]:
        for number, batch in enumerate(batches):
            now = self._now()
            if number == self._warm_up:
                self.first = now
            elif number > self._warm_up:
                self.seconds.append(now - self._last)
                enough = len(self.seconds) >= self._fewest and now - self.first >= self._patience
                if enough or len(self.seconds) >= MOST:
                    raise _Enough
            self._last = now
            yield batch

    def _now(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()
